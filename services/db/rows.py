"""Rows of the tables that several statements read; the migrations make the tables."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class JobRow:
    """A job. `request` is re-validated by its model when it is read.

    Attributes:
        operations: names, in the order of the request.
        label: name and source in one text, for the search field.
        schedule_id: of the schedule that started it; ``None`` once that is deleted.
        schedule_name: as it was called then.
        fencing_token: of the worker that may write; a newer claim has a larger one.
        worker: the process that holds the job; see ``services.base.identity``.
        deaths: how often a worker died on it.
        pinned: never deleted for its age, or because there are too many jobs or bytes.
    """

    id: UUID
    operations: list[str]
    label: str
    request: dict[str, Any]
    status: str
    attempt: int
    rerun_of: UUID | None
    schedule_id: UUID | None
    schedule_name: str | None
    idempotency_key: str | None
    cancel_requested: bool
    pause_requested: bool
    fencing_token: int | None
    worker: str | None
    deaths: int
    pinned: bool
    lease_expires_at: datetime | None
    heartbeat_at: datetime | None
    progress: dict[str, Any] | None
    samples: list[Any]
    issues_count: int
    outcome: dict[str, Any] | None
    error: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class ScheduleRow:
    """A job request that starts by the clock.

    Attributes:
        next_run_at: ``None`` while it is paused, or when its rule cannot be read any more.
        note: why the last due time started no job.
    """

    id: UUID
    name: str
    request: dict[str, Any]
    rule: str
    zone: str
    enabled: bool
    notify_on: list[str]
    webhook_url: str | None
    email: str | None
    next_run_at: datetime | None
    note: str | None
    noted_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class NotificationRow:
    """A message about how a job ended; waits in state PENDING until it is SENT or GIVEN_UP.

    Attributes:
        findings: in words; empty for a job that failed.
    """

    id: int
    job_id: UUID
    channel: str
    target: str
    findings: list[str]
    state: str
    attempts: int
    next_attempt_at: datetime


def columns(kind: type[Any]) -> str:
    """Return the columns of a row, as a statement lists them."""
    return ", ".join(field.name for field in fields(kind))


def assignments(names: Any) -> str:
    """Return what sets some columns, each to the value of the same name."""
    return ", ".join(f"{name} = %({name})s" for name in names)
