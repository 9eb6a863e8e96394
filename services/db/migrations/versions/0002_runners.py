"""Say which process holds a job, and how often one died on it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns."""
    op.add_column("jobs", sa.Column("runner", sa.Text))
    op.add_column("jobs", sa.Column("deaths", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop both columns."""
    op.drop_column("jobs", "deaths")
    op.drop_column("jobs", "runner")
