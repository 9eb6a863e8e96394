"""One name for one thing: what was called a runner is a worker."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BEFORE = "runner"


def upgrade() -> None:
    """Rename a table and two columns."""
    _rename(_BEFORE, "worker")


def downgrade() -> None:
    """Give them their former names."""
    _rename("worker", _BEFORE)


def _rename(before: str, after: str) -> None:
    op.rename_table(f"{before}s", f"{after}s")
    op.execute(f"ALTER INDEX {before}s_pkey RENAME TO {after}s_pkey")
    for table in ("jobs", "splits"):
        op.alter_column(table, before, new_column_name=after)
