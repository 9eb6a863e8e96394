"""Statements on jobs. Takes a session; never commits. Times are the database's: one clock for all processes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from services.base import errors, identity
from services.db import outbox
from services.db.database import Session
from services.db.rows import JobRow, ScheduleRow, columns
from services.models import cursors, findings
from services.models.jobs import FINAL, JobError, JobEvent, JobFilter, JobRequest, Status
from services.models.versions import StrangeJobError

# Serialises claims, so that the concurrency limit holds over all processes.
_CLAIM_LOCK = 0x70726163

ALONE_DEATHS = 2
"""A job on which so many workers died runs alone, so that it takes no other job with it."""

FINAL_STATUSES = sorted(status.value for status in FINAL)
_COLUMNS = columns(JobRow)
_WITHOUT_SAMPLES = ", ".join("'[]'::jsonb AS samples" if name == "samples" else name for name in _COLUMNS.split(", "))
_LEASE_END = "clock_timestamp() + make_interval(secs => %(lease_seconds)s)"
_HELD = "id = %(job_id)s AND fencing_token = %(token)s AND status = 'RUNNING'"


class Hold(Enum):
    """How a worker stands to its job."""

    HELD = "held"
    STOP = "stop"
    """Held, and somebody asked to cancel or to pause."""
    LOST = "lost"
    """Another worker holds it, or nobody, or it is gone."""


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
    row = session.first(
        JobRow,
        f"""INSERT INTO jobs (id, operations, label, request, status, attempt, rerun_of, schedule_id, schedule_name,
            idempotency_key, cancel_requested, pause_requested, deaths, samples, issues_count, created_at)
        VALUES (%(id)s, %(operations)s, %(label)s, %(request)s, 'PENDING', 1, %(rerun_of)s, %(schedule_id)s,
            %(schedule_name)s, %(key)s, false, false, 0, '[]', 0, clock_timestamp())
        RETURNING {_COLUMNS}""",
        id=job_id,
        operations=Jsonb(list(request.names)),
        label=f"{request.name or ''} {request.source.label}".strip(),
        request=Jsonb(request.model_dump(mode="json", exclude={"idempotency_key"})),
        rerun_of=rerun_of,
        schedule_id=schedule.id if schedule else None,
        schedule_name=schedule.name if schedule else None,
        key=request.idempotency_key,
    )
    assert row is not None
    add_event(session, job_id, Status.PENDING, f"started by schedule {schedule.name}" if schedule else "submitted")
    return row


def add_event(session: Session, job_id: UUID, status: Status, note: str) -> None:
    """Record a change of status."""
    session.execute(
        "INSERT INTO job_events (job_id, at, status, note) VALUES (%(id)s, clock_timestamp(), %(status)s, %(note)s)",
        id=job_id,
        status=status,
        note=note,
    )


def events(session: Session, job_id: UUID) -> list[JobEvent]:
    """Return a job's history, oldest first."""
    rows = session.rows("SELECT at, status, note FROM job_events WHERE job_id = %(id)s ORDER BY id", id=job_id)
    return [JobEvent(at=row.at, status=Status(row.status), note=row.note) for row in rows]


def find_by_key(session: Session, key: str) -> JobRow | None:
    """Return the job of an idempotency key."""
    return session.first(JobRow, f"SELECT {_COLUMNS} FROM jobs WHERE idempotency_key = %(key)s", key=key)


def get_row(session: Session, job_id: UUID, *, lock: bool = False) -> JobRow:
    """Return a job's row.

    Raises:
        JobNotFoundError: there is none.
    """
    locked = " FOR UPDATE" if lock else ""
    row = session.first(JobRow, f"SELECT {_COLUMNS} FROM jobs WHERE id = %(id)s{locked}", id=job_id)
    if row is None:
        raise errors.JobNotFoundError(f"job {job_id} does not exist")
    return row


def set_values(session: Session, job_id: UUID, assigned: str, /, **values: Any) -> JobRow:
    """Change a job's row and return it.

    Raises:
        JobNotFoundError: there is none.
    """
    statement = f"UPDATE jobs SET {assigned} WHERE id = %(job_id)s RETURNING {_COLUMNS}"
    row = session.first(JobRow, statement, job_id=job_id, **values)
    if row is None:
        raise errors.JobNotFoundError(f"job {job_id} does not exist")
    return row


def pin(session: Session, job_id: UUID, *, pinned: bool) -> JobRow:
    """Keep a job from the sweeps, or leave it to them again.

    Raises:
        JobNotFoundError: there is none.
    """
    return set_values(session, job_id, "pinned = %(pinned)s", pinned=pinned)


def request_cancel(session: Session, job_id: UUID) -> JobRow:
    """Ask the worker of a job to stop it.

    Raises:
        JobNotFoundError: there is none.
    """
    return set_values(session, job_id, "cancel_requested = true")


def exists(session: Session, job_id: UUID) -> bool:
    """Return whether there is such a job."""
    return session.scalar("SELECT 1 FROM jobs WHERE id = %(id)s", id=job_id) is not None


def status_of(session: Session, job_id: UUID) -> tuple[Status, list[str]] | None:
    """Return the status and the operations of a job, if there is one."""
    row = session.row("SELECT status, operations FROM jobs WHERE id = %(id)s", id=job_id)
    return None if row is None else (Status(row.status), row.operations)


def find_ids(session: Session, digits: str, limit: int) -> list[UUID]:
    """Return up to `limit` jobs whose id starts with these hexadecimal digits, newest first."""
    return session.scalars(
        """SELECT id FROM jobs WHERE starts_with(replace(id::text, '-', ''), %(digits)s)
        ORDER BY created_at DESC LIMIT %(limit)s""",
        digits=digits,
        limit=limit,
    )


def queue_positions(session: Session, job_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return the place of those of the jobs that wait, 1 = next."""
    rows = session.rows(
        """SELECT id, place FROM (
            SELECT id, row_number() OVER (ORDER BY created_at, id) AS place FROM jobs WHERE status = 'PENDING'
        ) AS waiting WHERE id = ANY(%(ids)s)""",
        ids=list(job_ids),
    )
    return {row.id: row.place for row in rows}


def list_rows(
    session: Session, wanted: JobFilter, cursor: str | None, limit: int
) -> tuple[Sequence[JobRow], str | None]:
    """Return up to `limit` rows without their samples, newest first, and the cursor of the following page."""
    conditions, values = ["true"], dict[str, Any](limit=limit + 1)
    if wanted.status is not None:
        conditions.append("status = %(status)s")
        values["status"] = wanted.status
    if wanted.operation is not None:
        conditions.append("operations @> %(operations)s")
        values["operations"] = Jsonb([wanted.operation])
    if wanted.verdict is not None:
        says = "(outcome->'results' @> ANY(%({0}_shapes)s) OR outcome->>'verdict' = ANY(%({0}_words)s))"
        conditions += [says.format("wanted"), f"NOT coalesce({says.format('worse')}, false)"]
        # The verdict of a job is the worst of those that its operations give.
        worse = list(findings.VERDICTS[: findings.VERDICTS.index(wanted.verdict)])
        for name, words in (("wanted", [wanted.verdict]), ("worse", worse)):
            values[f"{name}_words"] = words
            values[f"{name}_shapes"] = [
                Jsonb([{"summary": shape}]) for word in words for shape in findings.shapes(word)
            ]
    if wanted.text:
        conditions.append("label ILIKE %(pattern)s")
        values["pattern"] = f"%{_escaped(wanted.text)}%"
    if cursor is not None:
        conditions.append("(created_at, id) < (%(at)s, %(id)s)")
        values["at"], values["id"] = cursors.decode(cursor)
    statement = f"""SELECT {_WITHOUT_SAMPLES} FROM jobs WHERE {" AND ".join(conditions)}
        ORDER BY created_at DESC, id DESC LIMIT %(limit)s"""
    rows = session.all(JobRow, statement, **values)
    more = len(rows) > limit
    rows = rows[:limit]
    return rows, cursors.encode(rows[-1].created_at, rows[-1].id) if more else None


def _escaped(text: str) -> str:
    """Return a text that LIKE takes as it is."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def recent_sources(session: Session, limit: int) -> list[dict[str, Any]]:
    """Return the sources of the newest jobs, each once."""
    return session.scalars(
        "SELECT request->'source' FROM jobs GROUP BY 1 ORDER BY max(created_at) DESC LIMIT %(limit)s", limit=limit
    )


def claim(
    session: Session,
    limit: int,
    lease_seconds: float,
    only: UUID | None = None,
    besides: Collection[UUID] = (),
    *,
    alone: bool = False,
) -> JobRow | None:
    """Take the job that waits longest, if fewer than `limit` run; its new fencing token is in the row.

    Args:
        only: take this job or none.
        besides: jobs that are left to others.
        alone: also a job that has to run alone.
    """
    is_waiting = """status = 'PENDING' AND (%(only)s::uuid IS NULL OR id = %(only)s) AND id <> ALL(%(besides)s)
        AND (deaths < %(most)s OR %(alone)s)"""
    wanted = {"only": only, "besides": list(besides), "most": ALONE_DEATHS, "alone": alone}
    if not session.scalar(f"SELECT EXISTS (SELECT FROM jobs WHERE {is_waiting})", **wanted):
        return None
    session.execute("SELECT pg_advisory_xact_lock(%(key)s)", key=_CLAIM_LOCK)
    if session.scalar("SELECT count(*) FROM jobs WHERE status = 'RUNNING'") >= limit:
        return None
    row = session.first(
        JobRow,
        f"""UPDATE jobs SET status = 'RUNNING', fencing_token = nextval('fencing_tokens'), worker = %(worker)s,
            heartbeat_at = clock_timestamp(), started_at = clock_timestamp(), lease_expires_at = {_LEASE_END},
            progress = NULL, samples = '[]', issues_count = 0
        WHERE id = (
            SELECT id FROM jobs WHERE {is_waiting} ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) RETURNING {_COLUMNS}""",
        worker=identity.own(),
        lease_seconds=lease_seconds,
        **wanted,
    )
    if row is None:
        return None
    session.execute("DELETE FROM job_issues WHERE job_id = %(id)s", id=row.id)
    session.execute("DELETE FROM shards WHERE job_id = %(id)s", id=row.id)
    add_event(session, row.id, Status.RUNNING, f"attempt {row.attempt}")
    return row


def now(session: Session) -> datetime:
    """Return the database's time."""
    at: datetime = session.scalar("SELECT clock_timestamp()")
    return at


def _hold(asked: bool | None) -> Hold:
    if asked is None:
        return Hold.LOST
    return Hold.STOP if asked else Hold.HELD


def _update_held(session: Session, job_id: UUID, token: int, assigned: str, /, **values: Any) -> Hold:
    """Write to a running job, unless it is lost; its row stays locked until the transaction ends."""
    statement = f"UPDATE jobs SET {assigned} WHERE {_HELD} RETURNING cancel_requested OR pause_requested"
    return _hold(session.scalar(statement, job_id=job_id, token=token, **values))


def heartbeat(
    session: Session,
    job_id: UUID,
    token: int,
    lease_seconds: float,
    *,
    progress: dict[str, Any] | None = None,
    samples: list[Any] | None = None,
    issues_count: int | None = None,
) -> Hold:
    """Extend the lease, and write progress if any is given."""
    assigned = f"heartbeat_at = clock_timestamp(), lease_expires_at = {_LEASE_END}"
    values: dict[str, Any] = {"lease_seconds": lease_seconds}
    if progress is not None:
        assigned += ", progress = %(progress)s"
        values["progress"] = Jsonb(progress)
    if samples is not None:
        assigned += ", samples = %(samples)s"
        values["samples"] = Jsonb(samples)
    if issues_count is not None:
        assigned += ", issues_count = %(issues_count)s"
        values["issues_count"] = issues_count
    return _update_held(session, job_id, token, assigned, **values)


def complete(
    session: Session, job_id: UUID, token: int, outcome: dict[str, Any], progress: dict[str, Any], issues_count: int
) -> bool:
    """Give a running job its result; False when another worker, or nobody, holds it now."""
    hold = _update_held(
        session,
        job_id,
        token,
        """status = 'COMPLETED', outcome = %(outcome)s, progress = %(progress)s, issues_count = %(issues_count)s,
            finished_at = clock_timestamp(), lease_expires_at = NULL, worker = NULL""",
        outcome=Jsonb(outcome),
        progress=Jsonb(progress),
        issues_count=issues_count,
    )
    if hold is Hold.LOST:
        return False
    add_event(session, job_id, Status.COMPLETED, f"{issues_count:,} issues" if issues_count else "no issues")
    return True


def look(session: Session, job_id: UUID, token: int) -> Hold:
    """Return how a worker stands to its job."""
    statement = f"SELECT cancel_requested OR pause_requested FROM jobs WHERE {_HELD}"
    return _hold(session.scalar(statement, job_id=job_id, token=token))


def held_row(session: Session, job_id: UUID, token: int) -> JobRow | None:
    """Lock and return a running job's row; ``None`` when another worker, or nobody, holds it now."""
    statement = f"SELECT {_COLUMNS} FROM jobs WHERE {_HELD} FOR UPDATE"
    return session.first(JobRow, statement, job_id=job_id, token=token)


def has_completed(session: Session, job_id: UUID, token: int) -> bool:
    """Return whether a worker's claim ended with a result: it learns so when the answer to its commit was lost."""
    statement = "SELECT 1 FROM jobs WHERE id = %(job_id)s AND fencing_token = %(token)s AND status = 'COMPLETED'"
    return session.scalar(statement, job_id=job_id, token=token) is not None


def ended_row(session: Session, job_id: UUID) -> JobRow | None:
    """Return the row of a job that has ended; ``None`` when it has not, or is gone."""
    statement = f"SELECT {_COLUMNS} FROM jobs WHERE id = %(id)s AND status = ANY(%(final)s)"
    return session.first(JobRow, statement, id=job_id, final=FINAL_STATUSES)


def unfinished(session: Session, names: Iterable[str]) -> set[str]:
    """Return which of some names, as of folders, are ids of jobs that have not ended."""
    statement = "SELECT id::text FROM jobs WHERE status <> ALL(%(final)s) AND id::text = ANY(%(names)s)"
    return set(session.scalars(statement, final=FINAL_STATUSES, names=list(names)))


def end(session: Session, job_id: UUID, status: Status, note: str, error: JobError | None = None) -> JobRow:
    """Give a job that nobody runs its final status; return its row."""
    row = set_values(
        session,
        job_id,
        """status = %(status)s, finished_at = clock_timestamp(), fencing_token = NULL, worker = NULL,
            lease_expires_at = NULL, error = %(error)s""",
        status=status,
        error=Jsonb(error.model_dump()) if error else None,
    )
    add_event(session, job_id, status, note)
    if status == Status.FAILED:
        outbox.add_failure(session, row)
    return row


def completed_recently(session: Session, days: int, operations: Iterable[str]) -> list[tuple[UUID, dict[str, Any]]]:
    """Return the jobs with one of some operations that completed in the last days.

    Returns:
        The job, or the first of those it is a re-run of, and its request.
    """
    rows = session.rows(
        """SELECT coalesce(rerun_of, id) AS origin, request FROM jobs
        WHERE status = 'COMPLETED' AND finished_at > clock_timestamp() - make_interval(days => %(days)s)
            AND operations ?| %(operations)s""",
        days=days,
        operations=list(operations),
    )
    return [(row.origin, row.request) for row in rows]


def note_strange(session: Session, strange: StrangeJobError, version: str) -> None:
    """Say in the history of a job, once for each version, that it waits for a worker of another version."""
    row = get_row(session, strange.job_id, lock=True)
    note = f"waits: a worker of version {version} does not understand it ({strange.reason})"
    if row.status not in FINAL and all(event.note != note for event in events(session, row.id)):
        add_event(session, row.id, Status(row.status), note)
