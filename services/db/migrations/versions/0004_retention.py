"""Keep jobs by age, number and bytes: which are kept, which are on their way out, when was last swept."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Add the flag, the list of files still to be removed, and the one row about the sweeps."""
    op.add_column("jobs", sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "removals",
        sa.Column("job_id", UUID, primary_key=True),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("since", _TIME, nullable=False),
    )
    op.create_table(
        "retention",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("database_id", UUID, nullable=False),
        sa.Column("last_sweep", JSONB),
    )
    op.execute("INSERT INTO retention (id, database_id) VALUES (1, gen_random_uuid())")


def downgrade() -> None:
    """Drop them; files of deleted jobs that were still to be removed stay where they are."""
    op.drop_table("retention")
    op.drop_table("removals")
    op.drop_column("jobs", "pinned")
