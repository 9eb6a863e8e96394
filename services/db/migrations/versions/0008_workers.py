"""One name for one thing: a runner is a worker."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename a table and two columns."""
    op.execute("ALTER TABLE runners RENAME TO workers")
    op.execute("ALTER INDEX runners_pkey RENAME TO workers_pkey")
    for table in ("jobs", "splits"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN runner TO worker")


def downgrade() -> None:
    """Give them their former names."""
    for table in ("jobs", "splits"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN worker TO runner")
    op.execute("ALTER INDEX workers_pkey RENAME TO runners_pkey")
    op.execute("ALTER TABLE workers RENAME TO runners")
