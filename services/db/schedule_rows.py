"""Statements on schedules. Takes a session; never commits. Times are the database's: one clock for all processes."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import pydantic
from psycopg.types.json import Jsonb

from services.base import errors
from services.db import job_rows as jobs
from services.db.database import Session
from services.db.rows import ScheduleRow, assignments, columns
from services.models import findings, schedule_times
from services.models.jobs import JobRequest, Status
from services.models.schedules import LastRun, Occasion, ScheduleView, webhook_origin

_KEY = "pravah-schedule"
_COLUMNS = columns(ScheduleRow)
_DOCUMENTS = {"request", "notify_on"}


def get_row(session: Session, schedule_id: UUID, *, lock: bool = False) -> ScheduleRow:
    """Return a schedule's row.

    Raises:
        ScheduleNotFoundError: there is none.
    """
    locked = " FOR UPDATE" if lock else ""
    row = session.first(ScheduleRow, f"SELECT {_COLUMNS} FROM schedules WHERE id = %(id)s{locked}", id=schedule_id)
    if row is None:
        raise errors.ScheduleNotFoundError(f"schedule {schedule_id} does not exist")
    return row


def list_rows(session: Session) -> list[ScheduleRow]:
    """Return the schedules by name."""
    return session.all(ScheduleRow, f"SELECT {_COLUMNS} FROM schedules ORDER BY name, id")


def insert(session: Session, row: ScheduleRow) -> None:
    """Add a schedule."""
    values = _values(asdict(row))
    session.execute(
        f"INSERT INTO schedules ({', '.join(values)}) VALUES ({', '.join(f'%({name})s' for name in values)})", **values
    )


def update(session: Session, schedule_id: UUID, **values: Any) -> ScheduleRow:
    """Change columns of a schedule and return its row.

    Raises:
        ScheduleNotFoundError: there is none.
    """
    if not values:
        return get_row(session, schedule_id)
    statement = f"UPDATE schedules SET {assignments(values)} WHERE id = %(schedule_id)s RETURNING {_COLUMNS}"
    row = session.first(ScheduleRow, statement, schedule_id=schedule_id, **_values(values))
    if row is None:
        raise errors.ScheduleNotFoundError(f"schedule {schedule_id} does not exist")
    return row


def _values(values: dict[str, Any]) -> dict[str, Any]:
    return {name: Jsonb(value) if name in _DOCUMENTS else value for name, value in values.items()}


def delete(session: Session, schedule_id: UUID) -> None:
    """Delete a schedule; its jobs stay."""
    session.execute("DELETE FROM schedules WHERE id = %(id)s", id=schedule_id)


def due(session: Session, moment: datetime, besides: Collection[UUID] = ()) -> ScheduleRow | None:
    """Lock and return the schedule that is due longest; one that another process starts just now is passed by.

    Args:
        besides: schedules that are left alone.
    """
    return session.first(
        ScheduleRow,
        f"""SELECT {_COLUMNS} FROM schedules WHERE enabled AND next_run_at <= %(moment)s AND id <> ALL(%(besides)s)
        ORDER BY next_run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED""",
        moment=moment,
        besides=list(besides),
    )


def next_due_at(session: Session, besides: Collection[UUID] = ()) -> datetime | None:
    """Return when the next schedule is due, apart from some."""
    at: datetime | None = session.scalar(
        "SELECT min(next_run_at) FROM schedules WHERE enabled AND id <> ALL(%(besides)s)", besides=list(besides)
    )
    return at


def active_job(session: Session, schedule_id: UUID) -> UUID | None:
    """Return a job of a schedule that has not ended."""
    found: UUID | None = session.scalar(
        "SELECT id FROM jobs WHERE schedule_id = %(id)s AND status <> ALL(%(final)s) LIMIT 1",
        id=schedule_id,
        final=jobs.FINAL_STATUSES,
    )
    return found


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
    found: UUID | None = session.scalar(
        """SELECT id FROM jobs WHERE schedule_id = %(id)s AND status = 'COMPLETED' AND request->'source' = %(source)s
        ORDER BY created_at DESC LIMIT 1""",
        id=row.id,
        source=Jsonb(row.request["source"]),
    )
    return found


def tell_skipped(session: Session, row: ScheduleRow, job_id: UUID) -> None:
    """Say in the schedule, and in the job that still runs, that a due time started nothing."""
    set_note(session, row.id, f"skipped: the previous run, job {job_id}, had not ended", row.next_run_at)
    job = jobs.get_row(session, job_id)
    due_at = row.next_run_at.isoformat(timespec="seconds") if row.next_run_at else "now"
    note = f"the run due at {due_at} was skipped, because this job had not ended"
    jobs.add_event(session, job_id, Status(job.status), note)


def set_note(session: Session, schedule_id: UUID, note: str | None, at: datetime | None) -> None:
    """Keep why a due time started nothing; ``None`` forgets it."""
    update(session, schedule_id, note=note, noted_at=at if note else None)


def note_failure(session: Session, schedule_id: UUID, note: str, due_at: datetime) -> bool:
    """Keep why a schedule could not be started at a due time; False when that was known."""
    noted = session.scalar(
        """UPDATE schedules SET note = %(note)s, noted_at = %(due_at)s
        WHERE id = %(id)s AND next_run_at = %(due_at)s
            AND (coalesce(note, '') <> %(note)s OR noted_at IS DISTINCT FROM %(due_at)s)
        RETURNING id""",
        id=schedule_id,
        note=note,
        due_at=due_at,
    )
    return noted is not None


def request_of(row: ScheduleRow) -> JobRequest | None:
    """Return the job of a schedule; ``None`` when another version wrote it."""
    try:
        return JobRequest.model_validate(row.request)
    except pydantic.ValidationError:
        return None


def last_runs(session: Session, schedule_ids: Collection[UUID]) -> dict[UUID, LastRun]:
    """Return the newest job of each of the schedules that has one."""
    rows = session.rows(
        """SELECT DISTINCT ON (schedule_id) schedule_id, id, status, issues_count, outcome, created_at, finished_at
        FROM jobs WHERE schedule_id = ANY(%(ids)s) ORDER BY schedule_id, created_at DESC""",
        ids=list(schedule_ids),
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
        for row in rows
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
