"""The tables, as SQLAlchemy sees them; the migrations make them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base with the types our annotations mean."""

    type_annotation_map = {
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        str: Text,
        int: BigInteger,
        UUID: PG_UUID(as_uuid=True),
    }


class JobRow(Base):
    """A job. `request` is re-validated by its model when it is read."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_newest", "created_at", "id"),
        Index("jobs_waiting", "status", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    operations: Mapped[list[Any]]
    """Names, in the order of the request."""
    label: Mapped[str]
    """Name and source in one text, for the search field."""
    request: Mapped[dict[str, Any]]
    status: Mapped[str]
    attempt: Mapped[int]
    rerun_of: Mapped[UUID | None]
    schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("schedules.id", ondelete="SET NULL"))
    """Of the schedule that started it; none once that is deleted."""
    schedule_name: Mapped[str | None]
    """As it was called then."""
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    cancel_requested: Mapped[bool]
    pause_requested: Mapped[bool]
    fencing_token: Mapped[int | None]
    """Of the runner that may write; a newer claim has a larger one."""
    runner: Mapped[str | None]
    """The process that holds the job; see ``services.base.identity``."""
    deaths: Mapped[int]
    """How often a runner died on it."""
    pinned: Mapped[bool] = mapped_column(default=False)
    """Never deleted for its age, or because there are too many jobs or bytes."""
    lease_expires_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    progress: Mapped[dict[str, Any] | None]
    samples: Mapped[list[Any]]
    issues_count: Mapped[int]
    outcome: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobEventRow(Base):
    """A change of a job's state."""

    __tablename__ = "job_events"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    status: Mapped[str]
    note: Mapped[str]


class JobIssueRow(Base):
    """One of the first issues of a job, while it runs; `issues.parquet` has all."""

    __tablename__ = "job_issues"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str]
    path: Mapped[str]
    kind: Mapped[str]
    message: Mapped[str]


class ShardRow(Base):
    """A shard that is final on disk, with the token of the runner that wrote it."""

    __tablename__ = "shards"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    fencing_token: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str]
    table_name: Mapped[str]
    rows: Mapped[int]
    size_bytes: Mapped[int]


class SplitRow(Base):
    """A part of a running job's files, which any runner may take; see ``services.db.splits``."""

    __tablename__ = "splits"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    plan_token: Mapped[int]
    """Of the attempt that planned it: where the list of its files is stored."""
    files: Mapped[int]
    bytes: Mapped[int]
    state: Mapped[str]
    tries: Mapped[int]
    fencing_token: Mapped[int | None]
    """Of the runner that has it, or that made its shards: where they are stored."""
    runner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    files_done: Mapped[int]
    bytes_done: Mapped[int]
    shards: Mapped[list[Any]]
    """Names of the stored files, once it is done."""


class RunnerRow(Base):
    """A process that takes jobs, and splits of others' jobs."""

    __tablename__ = "runners"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    heartbeat_at: Mapped[datetime]


class ArtifactRow(Base):
    """A stored file of a completed job."""

    __tablename__ = "artifacts"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    media_type: Mapped[str]
    size_bytes: Mapped[int]


class RemovalRow(Base):
    """A deleted job whose files are still to be removed: written with the deletion, dropped when they are gone."""

    __tablename__ = "removals"

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    since: Mapped[datetime]


class RetentionRow(Base):
    """The one row about the sweeps."""

    __tablename__ = "retention"

    id: Mapped[int] = mapped_column(primary_key=True)
    database_id: Mapped[UUID]
    """Names this database to the storage, which may be shared with others by mistake."""
    last_sweep: Mapped[dict[str, Any] | None]


class PresetRow(Base):
    """A job request kept under a name."""

    __tablename__ = "presets"

    name: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[dict[str, Any]]
    saved_at: Mapped[datetime]


class PlaceRow(Base):
    """A favourite directory."""

    __tablename__ = "places"

    path: Mapped[str] = mapped_column(primary_key=True)
    added_at: Mapped[datetime]


class ScheduleRow(Base):
    """A job request that starts by the clock."""

    __tablename__ = "schedules"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    request: Mapped[dict[str, Any]]
    rule: Mapped[str]
    zone: Mapped[str]
    enabled: Mapped[bool]
    notify_on: Mapped[list[Any]]
    webhook_url: Mapped[str | None]
    email: Mapped[str | None]
    next_run_at: Mapped[datetime | None]
    """None while it is paused, or when its rule cannot be read any more."""
    note: Mapped[str | None]
    """Why the last due time started no job."""
    noted_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class NotificationRow(Base):
    """Somebody who is to be told how a job ended; waits in state PENDING until it is SENT or GIVEN_UP."""

    __tablename__ = "notifications"
    __table_args__ = (UniqueConstraint("job_id", "channel"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    channel: Mapped[str]
    target: Mapped[str]
    findings: Mapped[list[Any]]
    """In words; empty for a job that failed."""
    state: Mapped[str]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
