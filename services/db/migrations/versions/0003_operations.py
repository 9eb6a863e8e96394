"""Let a job have several operations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_REQUEST = """
    (request - 'operation' - 'options') || jsonb_build_object('operations', jsonb_build_array(
        jsonb_build_object('operation', request -> 'operation', 'options', coalesce(request -> 'options', '{}'))))
"""
_EARLIER = """
    {"code": "artifact_not_found", "message": "its result is in the layout of an earlier version",
     "remedy": "Run it again."}
"""


def upgrade() -> None:
    """Write requests anew; results of the earlier layout cannot be looked at and must be made again."""
    op.add_column("jobs", sa.Column("operations", JSONB))
    op.execute("UPDATE jobs SET operations = jsonb_build_array(operation)")
    op.alter_column("jobs", "operations", nullable=False)
    op.drop_column("jobs", "operation")
    op.create_index("jobs_operations", "jobs", ["operations"], postgresql_using="gin")
    for table in ("jobs", "presets"):
        op.execute(f"UPDATE {table} SET request = {_REQUEST} WHERE request ? 'operation'")
    earlier = sa.text("UPDATE jobs SET status = 'FAILED', outcome = NULL, error = CAST(:e AS JSONB) WHERE status = :s")
    op.execute(earlier.bindparams(e=_EARLIER, s="COMPLETED"))
    op.execute("DELETE FROM shards")
    op.add_column("shards", sa.Column("operation", sa.Text, nullable=False))


def downgrade() -> None:
    """Refuse: a job of several operations has no place in the earlier tables."""
    raise NotImplementedError("several operations in a job have no way back; drop the database instead")
