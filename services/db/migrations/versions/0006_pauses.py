"""Let a job be paused."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the wish to pause."""
    op.add_column("jobs", sa.Column("pause_requested", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop it; paused jobs wait as interrupted ones do."""
    op.execute("UPDATE jobs SET status = 'INTERRUPTED' WHERE status = 'PAUSED'")
    op.drop_column("jobs", "pause_requested")
