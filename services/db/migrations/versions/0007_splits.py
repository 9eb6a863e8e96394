"""Let several runners share a job."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of splits and of runners."""
    op.create_table(
        "splits",
        sa.Column("job_id", UUID(as_uuid=True), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("plan_token", sa.BigInteger, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("fencing_token", sa.BigInteger),
        sa.Column("runner", sa.Text),
        sa.Column("lease_expires_at", TIMESTAMP(timezone=True)),
        sa.Column("files_done", sa.BigInteger, nullable=False),
        sa.Column("bytes_done", sa.BigInteger, nullable=False),
        sa.Column("shards", JSONB, nullable=False),
    )
    op.create_index("splits_open", "splits", ["job_id", "number"], postgresql_where=sa.text("state <> 'DONE'"))
    op.create_table(
        "runners",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("heartbeat_at", TIMESTAMP(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Drop both; a job that was shared begins anew."""
    op.drop_table("runners")
    op.drop_table("splits")
