"""Say of a worker which process it is, and how often its server had to restart it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns; a worker of an earlier version leaves them at their defaults."""
    op.add_column("workers", sa.Column("process", sa.Text))
    op.add_column("workers", sa.Column("restarts", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("workers", "restarts")
    op.drop_column("workers", "process")
