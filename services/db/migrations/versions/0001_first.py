"""Make the first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.TIMESTAMP(timezone=True)


def _job() -> sa.Column[Any]:
    return sa.Column("job_id", UUID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)


def upgrade() -> None:
    """Make all tables and the sequence of fencing tokens."""
    op.execute("CREATE SEQUENCE fencing_tokens")
    op.create_table(
        "jobs",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("request", JSONB, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempt", sa.BigInteger, nullable=False),
        sa.Column("rerun_of", UUID),
        sa.Column("idempotency_key", sa.Text, unique=True),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("fencing_token", sa.BigInteger),
        sa.Column("lease_expires_at", _TIME),
        sa.Column("heartbeat_at", _TIME),
        sa.Column("progress", JSONB),
        sa.Column("samples", JSONB, nullable=False),
        sa.Column("issues_count", sa.BigInteger, nullable=False),
        sa.Column("outcome", JSONB),
        sa.Column("error", JSONB),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("started_at", _TIME),
        sa.Column("finished_at", _TIME),
    )
    op.create_index("jobs_newest", "jobs", ["created_at", "id"])
    op.create_index("jobs_waiting", "jobs", ["status", "created_at"])
    op.create_table(
        "job_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("job_id", UUID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "job_issues",
        _job(),
        sa.Column("index", sa.BigInteger, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("stage", "path", "kind", "message")),
    )
    op.create_table(
        "shards",
        _job(),
        sa.Column("fencing_token", sa.BigInteger, primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "artifacts",
        _job(),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "presets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("request", JSONB, nullable=False),
        sa.Column("saved_at", _TIME, nullable=False),
    )
    op.create_table(
        "places", sa.Column("path", sa.Text, primary_key=True), sa.Column("added_at", _TIME, nullable=False)
    )


def downgrade() -> None:
    """There is nothing before the first."""
    raise NotImplementedError("the first migration has no way back; drop the database instead")
