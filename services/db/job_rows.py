"""Every query on jobs. Takes a session; never commits. Times are the database's: one clock for all runners."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import pydantic
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, defer

from services.base import errors, identity
from services.db import outbox
from services.db.tables import ArtifactRow, JobEventRow, JobIssueRow, JobRow, ScheduleRow, ShardRow
from services.models import cursors, findings
from services.models.jobs import (
    FINAL,
    Artifact,
    IssueView,
    JobError,
    JobEvent,
    JobFilter,
    JobRequest,
    JobView,
    OperationRequest,
    Progress,
    Source,
    Status,
)
from services.models.versions import StrangeJobError

# Serialises claims, so that the concurrency limit holds over all processes.
_CLAIM_LOCK = 0x70726163
ISSUES_WHILE_RUNNING = 1_000

_IS_STOPPED = JobRow.cancel_requested | JobRow.pause_requested


class Hold(Enum):
    """How a runner stands to its job."""

    HELD = "held"
    STOP = "stop"
    """Held, and somebody asked to cancel or to pause."""
    LOST = "lost"
    """Another runner holds it, or nobody, or it is gone."""


def insert_job(
    session: Session,
    job_id: UUID,
    request: JobRequest,
    rerun_of: UUID | None = None,
    schedule: ScheduleRow | None = None,
) -> JobRow:
    """Add a PENDING job.

    Args:
        schedule: the one that starts it.
    """
    row = JobRow(
        id=job_id,
        operations=list(request.names),
        label=f"{request.name or ''} {request.source.label}".strip(),
        request=request.model_dump(mode="json", exclude={"idempotency_key"}),
        status=Status.PENDING,
        attempt=1,
        rerun_of=rerun_of,
        schedule_id=schedule.id if schedule else None,
        schedule_name=schedule.name if schedule else None,
        idempotency_key=request.idempotency_key,
        cancel_requested=False,
        pause_requested=False,
        deaths=0,
        samples=[],
        issues_count=0,
        created_at=session.scalar(sa.select(sa.func.clock_timestamp())),
    )
    session.add(row)
    session.flush()
    add_event(session, job_id, Status.PENDING, f"started by schedule {schedule.name}" if schedule else "submitted")
    return row


def add_event(session: Session, job_id: UUID, status: Status, note: str) -> None:
    """Record a change of state."""
    values = {"job_id": job_id, "at": sa.func.clock_timestamp(), "status": status.value, "note": note}
    session.execute(sa.insert(JobEventRow).values(**values))


def find_by_key(session: Session, key: str) -> JobRow | None:
    """Return the job of an idempotency key."""
    return session.scalar(sa.select(JobRow).where(JobRow.idempotency_key == key))


def get_row(session: Session, job_id: UUID, *, lock: bool = False) -> JobRow:
    """Return a job's row.

    Raises:
        JobNotFoundError: there is none.
    """
    query = sa.select(JobRow).where(JobRow.id == job_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise errors.JobNotFoundError(f"job {job_id} does not exist")
    return row


def find_ids(session: Session, digits: str, limit: int) -> list[UUID]:
    """Return up to `limit` jobs whose id starts with these hexadecimal digits, newest first."""
    text = sa.func.replace(sa.cast(JobRow.id, sa.Text), "-", "")
    query = sa.select(JobRow.id).where(text.startswith(digits, autoescape=True))
    return list(session.scalars(query.order_by(JobRow.created_at.desc()).limit(limit)))


def events(session: Session, job_id: UUID) -> list[JobEvent]:
    """Return a job's history, oldest first."""
    rows = session.scalars(sa.select(JobEventRow).where(JobEventRow.job_id == job_id).order_by(JobEventRow.id))
    return [JobEvent(at=row.at, status=Status(row.status), note=row.note) for row in rows]


def queue_positions(session: Session, job_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return the place of those of the jobs that wait, 1 = next."""
    place = sa.func.row_number().over(order_by=(JobRow.created_at, JobRow.id)).label("place")
    waiting = sa.select(JobRow.id, place).where(JobRow.status == Status.PENDING).subquery()
    query = sa.select(waiting.c.id, waiting.c.place).where(waiting.c.id.in_(list(job_ids)))
    return {row.id: row.place for row in session.execute(query)}


def list_rows(
    session: Session, wanted: JobFilter, cursor: str | None, limit: int
) -> tuple[Sequence[JobRow], str | None]:
    """Return up to `limit` rows without their samples, newest first, and the cursor of the following page."""
    query = (
        sa.select(JobRow)
        .options(defer(JobRow.samples, raiseload=True))
        .order_by(JobRow.created_at.desc(), JobRow.id.desc())
        .limit(limit + 1)
    )
    if wanted.status is not None:
        query = query.where(JobRow.status == wanted.status)
    if wanted.operation is not None:
        query = query.where(JobRow.operations.contains([wanted.operation]))
    if wanted.verdict is not None:
        query = query.where(JobRow.outcome["results"].contains([{"summary": {"verdict": wanted.verdict}}]))
    if wanted.text:
        query = query.where(JobRow.label.icontains(wanted.text, autoescape=True))
    if cursor is not None:
        query = query.where(sa.tuple_(JobRow.created_at, JobRow.id) < sa.tuple_(*cursors.decode(cursor)))
    rows = session.scalars(query).all()
    more = len(rows) > limit
    rows = rows[:limit]
    return rows, cursors.encode(rows[-1].created_at, rows[-1].id) if more else None


def claim(
    session: Session, limit: int, lease_seconds: float, only: UUID | None = None, besides: Collection[UUID] = ()
) -> JobRow | None:
    """Take the job that waits longest, if fewer than `limit` run; its new fencing token is in the row.

    Args:
        only: take this job or none.
        besides: jobs that are left to others.
    """
    is_waiting = (JobRow.status == Status.PENDING) & (sa.true() if only is None else JobRow.id == only)
    is_waiting &= JobRow.id.not_in(besides)
    if session.scalar(sa.select(sa.exists().where(is_waiting))) is not True:
        return None
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(_CLAIM_LOCK)))
    running = session.scalar(sa.select(sa.func.count()).where(JobRow.status == Status.RUNNING)) or 0
    if running >= limit:
        return None
    query = (
        sa.select(JobRow)
        .where(is_waiting)
        .order_by(JobRow.created_at, JobRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.scalar(query)
    if row is None:
        return None
    row.fencing_token = session.scalar(sa.text("SELECT nextval('fencing_tokens')"))
    row.status = Status.RUNNING
    row.runner = identity.own()
    row.heartbeat_at = row.started_at = now(session)
    row.lease_expires_at = session.scalar(sa.select(lease_end(lease_seconds)))
    row.progress = None
    row.samples = []
    row.issues_count = 0
    session.execute(sa.delete(JobIssueRow).where(JobIssueRow.job_id == row.id))
    session.execute(sa.delete(ShardRow).where(ShardRow.job_id == row.id))
    add_event(session, row.id, Status.RUNNING, f"attempt {row.attempt}")
    return row


def now(session: Session) -> datetime:
    """Return the database's time."""
    at: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return at


def lease_end(lease_seconds: float) -> sa.ColumnElement[datetime]:
    """Return when a lease that is given now will end."""
    return sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, lease_seconds)


def fenced_update(session: Session, job_id: UUID, token: int, **values: Any) -> bool:
    """Write to a running job; False when another runner, or nobody, holds it now."""
    return update_held(session, job_id, token, **values) is not Hold.LOST


def _hold(asked: bool | None) -> Hold:
    if asked is None:
        return Hold.LOST
    return Hold.STOP if asked else Hold.HELD


def _held(job_id: UUID, token: int) -> sa.ColumnElement[bool]:
    return (JobRow.id == job_id) & (JobRow.fencing_token == token) & (JobRow.status == Status.RUNNING)


def update_held(session: Session, job_id: UUID, token: int, **values: Any) -> Hold:
    """Write to a running job, unless it is lost; its row stays locked until the transaction ends."""
    query = sa.update(JobRow).where(_held(job_id, token)).values(**values).returning(_IS_STOPPED)
    return _hold(session.scalar(query))


def heartbeat(session: Session, job_id: UUID, token: int, lease_seconds: float, **values: Any) -> Hold:
    """Extend the lease and write progress."""
    now = sa.func.clock_timestamp()
    end = lease_end(lease_seconds)
    return update_held(session, job_id, token, heartbeat_at=now, lease_expires_at=end, **values)


def look(session: Session, job_id: UUID, token: int) -> Hold:
    """Return how a runner stands to its job."""
    return _hold(session.scalar(sa.select(_IS_STOPPED).where(_held(job_id, token))))


def held_row(session: Session, job_id: UUID, token: int) -> JobRow | None:
    """Lock and return a running job's row; ``None`` when another runner, or nobody, holds it now."""
    return session.scalar(sa.select(JobRow).where(_held(job_id, token)).with_for_update())


def has_completed(session: Session, job_id: UUID, token: int) -> bool:
    """Return whether a runner's claim ended with a result: it learns so when the answer to its commit was lost."""
    ended = (JobRow.id == job_id) & (JobRow.fencing_token == token) & (JobRow.status == Status.COMPLETED)
    return session.scalar(sa.select(JobRow.id).where(ended)) is not None


def ended_row(session: Session, job_id: UUID) -> JobRow | None:
    """Return the row of a job that has ended; ``None`` when it has not, or is gone."""
    return session.scalar(sa.select(JobRow).where(JobRow.id == job_id, JobRow.status.in_(FINAL)))


def running_tokens(session: Session) -> set[str]:
    """Return the fencing tokens of the running jobs, as text."""
    tokens = session.scalars(sa.select(JobRow.fencing_token).where(JobRow.status == Status.RUNNING))
    return {str(token) for token in tokens}


def unfinished(session: Session, names: Iterable[str]) -> set[str]:
    """Return which of some names, as of folders, are ids of jobs that have not ended."""
    query = sa.select(sa.cast(JobRow.id, sa.Text)).where(JobRow.status.not_in(FINAL))
    return set(session.scalars(query.where(sa.cast(JobRow.id, sa.Text).in_(list(names)))))


def end(session: Session, row: JobRow, status: Status, note: str, error: JobError | None = None) -> None:
    """Give a job that nobody runs its final state."""
    row.status = status
    row.finished_at = now(session)
    row.fencing_token = None
    row.runner = None
    row.lease_expires_at = None
    row.error = error.model_dump() if error else None
    add_event(session, row.id, status, note)
    if status == Status.FAILED:
        outbox.add_failure(session, row)


def add_issues(session: Session, job_id: UUID, issues: Iterable[IssueView]) -> None:
    """Keep some of the first issues of a running job."""
    values = [{"job_id": job_id, **issue.model_dump()} for issue in issues if issue.index <= ISSUES_WHILE_RUNNING]
    if values:
        session.execute(insert(JobIssueRow).on_conflict_do_nothing(), values)


def issues(session: Session, job_id: UUID, after: int, limit: int) -> list[IssueView]:
    """Return kept issues with index > `after`."""
    query = sa.select(JobIssueRow).where(JobIssueRow.job_id == job_id, JobIssueRow.index > after)
    rows = session.scalars(query.order_by(JobIssueRow.index).limit(limit))
    return [IssueView(index=r.index, stage=r.stage, path=r.path, kind=r.kind, message=r.message) for r in rows]


def add_shards(session: Session, job_id: UUID, token: int, shards: Iterable[dict[str, Any]]) -> None:
    """Record shards that are final."""
    values = [{"job_id": job_id, "fencing_token": token, **shard} for shard in shards]
    if values:
        session.execute(insert(ShardRow).on_conflict_do_nothing(), values)


def replace_artifacts(session: Session, job_id: UUID, artifacts: Iterable[Artifact]) -> None:
    """Set the list of a job's stored files."""
    session.execute(sa.delete(ArtifactRow).where(ArtifactRow.job_id == job_id))
    values = [{"job_id": job_id, **artifact.model_dump()} for artifact in artifacts]
    if values:
        session.execute(sa.insert(ArtifactRow), values)


def artifacts(session: Session, job_id: UUID) -> list[Artifact]:
    """Return a job's stored files by name."""
    rows = session.scalars(sa.select(ArtifactRow).where(ArtifactRow.job_id == job_id).order_by(ArtifactRow.name))
    return [Artifact(name=row.name, media_type=row.media_type, size_bytes=row.size_bytes) for row in rows]


def _request(row: JobRow) -> JobRequest:
    try:
        return JobRequest.model_validate(row.request)
    except pydantic.ValidationError:
        # Of another version: it must not hide the other jobs, and can still be looked at and deleted.
        source = Source.model_construct(path=str(row.request.get("source", {}).get("path") or row.label))
        wanted = tuple(OperationRequest(operation=name) for name in row.operations)
        return JobRequest.model_construct(operations=wanted, source=source, name=row.request.get("name"))


def to_view(row: JobRow, position: int | None = None, history: list[JobEvent] | None = None) -> JobView:
    """Return the job that everybody sees."""
    request = _request(row)
    return JobView(
        id=row.id,
        operations=request.operations,
        name=request.name,
        source=request.source,
        walk=request.walk,
        status=Status(row.status),
        attempt=row.attempt,
        rerun_of=row.rerun_of,
        baseline=request.baseline,
        schedule_id=row.schedule_id,
        schedule_name=row.schedule_name,
        queue_position=position,
        cancel_requested=row.cancel_requested,
        pause_requested=row.pause_requested,
        pinned=row.pinned,
        progress=Progress.model_validate(row.progress) if row.progress else None,
        samples=[] if "samples" in sa.inspect(row).unloaded else row.samples,
        issues_count=row.issues_count,
        outcome=row.outcome,
        verdict=findings.verdict(row.outcome),
        error=JobError.model_validate(row.error) if row.error else None,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        heartbeat_at=row.heartbeat_at,
        events=history or [],
    )


def note_strange(session: Session, strange: StrangeJobError, version: str) -> None:
    """Say in the history of a job, once for each version, that it waits for a worker of another version."""
    row = get_row(session, strange.job_id, lock=True)
    note = f"waits: a worker of version {version} does not understand it ({strange.reason})"
    if row.status not in FINAL and all(event.note != note for event in events(session, row.id)):
        add_event(session, row.id, Status(row.status), note)
