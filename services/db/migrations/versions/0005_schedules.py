"""Start jobs by the clock, and tell of what they found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make both tables, and say in a job which schedule started it."""
    op.create_table(
        "schedules",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("request", JSONB, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("notify_on", JSONB, nullable=False),
        sa.Column("webhook_url", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("next_run_at", _TIME),
        sa.Column("note", sa.Text),
        sa.Column("noted_at", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
    )
    op.create_index("schedules_due", "schedules", ["next_run_at"], postgresql_where=sa.text("enabled"))
    op.add_column("jobs", sa.Column("schedule_id", UUID(as_uuid=True)))
    op.add_column("jobs", sa.Column("schedule_name", sa.Text))
    op.create_foreign_key("jobs_schedule", "jobs", "schedules", ["schedule_id"], ["id"], ondelete="SET NULL")
    scheduled = sa.text("schedule_id IS NOT NULL")
    op.create_index("jobs_of_schedule", "jobs", ["schedule_id", "created_at"], postgresql_where=scheduled)
    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("job_id", UUID(as_uuid=True), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("next_attempt_at", _TIME, nullable=False),
        sa.UniqueConstraint("job_id", "channel"),
    )
    waiting = sa.text("state = 'PENDING'")
    op.create_index("notifications_waiting", "notifications", ["next_attempt_at"], postgresql_where=waiting)


def downgrade() -> None:
    """Drop all of it."""
    op.drop_table("notifications")
    op.drop_column("jobs", "schedule_name")
    op.drop_column("jobs", "schedule_id")
    op.drop_table("schedules")
