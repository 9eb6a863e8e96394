"""Every query on schedules. Takes a session; never commits. Times are the database's: one clock for all processes."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import pydantic
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from services.base import errors
from services.db import job_rows as jobs
from services.db.tables import JobRow, ScheduleRow
from services.models import findings, schedule_times
from services.models.jobs import FINAL, JobRequest, Status
from services.models.schedules import LastRun, Occasion, ScheduleView, webhook_origin

_KEY = "pravah-schedule"


def now(session: Session) -> datetime:
    """Return the database's time."""
    found: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return found


def get_row(session: Session, schedule_id: UUID, *, lock: bool = False) -> ScheduleRow:
    """Return a schedule's row.

    Raises:
        ScheduleNotFoundError: there is none.
    """
    query = sa.select(ScheduleRow).where(ScheduleRow.id == schedule_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise errors.ScheduleNotFoundError(f"schedule {schedule_id} does not exist")
    return row


def list_rows(session: Session) -> list[ScheduleRow]:
    """Return the schedules by name."""
    return list(session.scalars(sa.select(ScheduleRow).order_by(ScheduleRow.name, ScheduleRow.id)))


def due(session: Session, moment: datetime, besides: Collection[UUID] = ()) -> ScheduleRow | None:
    """Lock and return the schedule that is due longest; one that another process starts just now is passed by.

    Args:
        besides: schedules that are left alone.
    """
    query = (
        sa.select(ScheduleRow)
        .where(ScheduleRow.enabled, ScheduleRow.next_run_at <= moment, ScheduleRow.id.not_in(besides))
        .order_by(ScheduleRow.next_run_at, ScheduleRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return session.scalar(query)


def next_due_at(session: Session, besides: Collection[UUID] = ()) -> datetime | None:
    """Return when the next schedule is due, apart from some."""
    is_wanted = ScheduleRow.enabled & ScheduleRow.id.not_in(besides)
    return session.scalar(sa.select(sa.func.min(ScheduleRow.next_run_at)).where(is_wanted))


def active_job(session: Session, schedule_id: UUID) -> UUID | None:
    """Return a job of a schedule that has not ended."""
    query = sa.select(JobRow.id).where(JobRow.schedule_id == schedule_id, JobRow.status.not_in(FINAL))
    return session.scalar(query.limit(1))


def start(session: Session, row: ScheduleRow, due_at: datetime | None = None) -> UUID:
    """Queue the job of a schedule whose row is locked, and return it.

    The source is not looked at here: a job whose source has gone fails, and is seen and told of as any other.

    Args:
        due_at: makes the key of the run, which never starts twice; ``None`` for one that a person asked for.

    Raises:
        InvalidOptionsError: this version does not understand the request.
    """
    key = None if due_at is None else f"{_KEY}:{row.id}:{due_at.isoformat()}"
    earlier = None if key is None else jobs.find_by_key(session, key)
    if earlier is not None:
        if earlier.schedule_id == row.id:
            return earlier.id
        key = None  # somebody chose it for a job of theirs: that is no run of this schedule
    request = request_of(row)
    if request is None:
        message = "this version of Pravah does not support the job of this schedule"
        raise errors.InvalidOptionsError(message, remedy="Delete the schedule and create it again.", field="job")
    values = {"idempotency_key": key, "name": request.name or row.name, "baseline": _baseline(session, row)}
    request = request.model_copy(update=values)
    return jobs.insert_job(session, uuid.uuid4(), request, schedule=row).id


def _baseline(session: Session, row: ScheduleRow) -> UUID | None:
    """Return the newest run that completed on the same source: files unchanged since are not read again."""
    same = JobRow.request["source"] == sa.type_coerce(row.request["source"], JobRow.request.type)
    query = sa.select(JobRow.id).where(JobRow.schedule_id == row.id, JobRow.status == Status.COMPLETED, same)
    return session.scalar(query.order_by(JobRow.created_at.desc()).limit(1))


def tell_skipped(session: Session, row: ScheduleRow, job_id: UUID) -> None:
    """Say in the schedule, and in the job that still runs, that a due time started nothing."""
    set_note(row, f"skipped: the previous run, job {job_id}, had not ended", row.next_run_at)
    job = session.get_one(JobRow, job_id)
    due_at = row.next_run_at.isoformat(timespec="seconds") if row.next_run_at else "now"
    jobs.add_event(
        session, job_id, Status(job.status), f"the run due at {due_at} was skipped, because this job had not ended"
    )


def set_note(row: ScheduleRow, note: str | None, at: datetime | None) -> None:
    """Keep why a due time started nothing; ``None`` forgets it."""
    row.note, row.noted_at = note, at if note else None


def note_failure(session: Session, schedule_id: UUID, note: str, due_at: datetime) -> bool:
    """Keep why a schedule could not be started at a due time; False when that was known."""
    is_new = sa.func.coalesce(ScheduleRow.note, "").is_distinct_from(note)
    is_due = (ScheduleRow.id == schedule_id) & (ScheduleRow.next_run_at == due_at)
    query = sa.update(ScheduleRow).where(is_due, is_new | ScheduleRow.noted_at.is_distinct_from(due_at))
    return session.scalar(query.values(note=note, noted_at=due_at).returning(ScheduleRow.id)) is not None


def request_of(row: ScheduleRow) -> JobRequest | None:
    """Return the job of a schedule; ``None`` when another version wrote it."""
    try:
        return JobRequest.model_validate(row.request)
    except pydantic.ValidationError:
        return None


def last_runs(session: Session, schedule_ids: Collection[UUID]) -> dict[UUID, LastRun]:
    """Return the newest job of each of the schedules that has one."""
    columns = (JobRow.id, JobRow.status, JobRow.issues_count, JobRow.outcome, JobRow.created_at, JobRow.finished_at)
    query = (
        sa.select(JobRow.schedule_id, *columns)
        .ext(distinct_on(JobRow.schedule_id))
        .where(JobRow.schedule_id.in_(schedule_ids))
        .order_by(JobRow.schedule_id, JobRow.created_at.desc())
    )
    return {
        row.schedule_id: LastRun(
            job_id=row.id,
            status=row.status,
            issues_count=row.issues_count,
            findings=findings.of(row.outcome),
            created_at=row.created_at,
            finished_at=row.finished_at,
        )
        for row in session.execute(query)
    }


def to_view(row: ScheduleRow, last_run: LastRun | None = None) -> ScheduleView:
    """Return the schedule that everybody sees."""
    return ScheduleView(
        id=row.id,
        name=row.name,
        job=request_of(row),
        when=row.rule,
        zone=row.zone,
        words=schedule_times.words(row.rule, row.zone),
        enabled=row.enabled,
        notify_on=tuple(Occasion(one) for one in row.notify_on),
        webhook=webhook_origin(row.webhook_url) if row.webhook_url else None,
        email=row.email,
        next_run_at=row.next_run_at,
        note=row.note,
        noted_at=row.noted_at,
        created_at=row.created_at,
        last_run=last_run,
    )
