"""Keep what opens the door: one-time links, sessions of browsers, API tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the table. It holds hashes only: who reads it cannot log in."""
    op.create_table(
        "access_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("idle_seconds", sa.Float),
    )
    tokens = sa.text("kind = 'token'")
    op.create_index("access_keys_token_name", "access_keys", ["name"], unique=True, postgresql_where=tokens)


def downgrade() -> None:
    """Drop it."""
    op.drop_table("access_keys")
