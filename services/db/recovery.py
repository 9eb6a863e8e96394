"""Statements on jobs whose worker died, and what becomes of them. Takes a session; never commits."""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from services.base import identity
from services.db import job_rows
from services.db.database import APPLICATION, Session
from services.db.job_rows import ALONE_DEATHS
from services.db.rows import JobRow, columns
from services.models.jobs import JobError, Status

# A job that kills its worker (out of memory, say) must not do so for ever; ends that were asked for do not count.
MOST_DEATHS = 5


def is_abandoned(session: Session, row: JobRow) -> bool:
    """Return whether a running job's worker is dead: its lease has ended, or its process on this machine.

    The process of a job that runs alone does not count: the worker that started it says how it ended.
    """
    if row.status != Status.RUNNING:
        return False
    expired = row.lease_expires_at is None or row.lease_expires_at < job_rows.now(session)
    return expired or _has_died(row.deaths, row.worker)


def _has_died(deaths: int, worker: str | None) -> bool:
    return deaths < ALONE_DEATHS and identity.is_gone(worker)


def abandoned(session: Session, held_tokens: Collection[int] = ()) -> list[JobRow]:
    """Lock and return the running jobs whose worker is dead.

    Args:
        held_tokens: of jobs that the caller itself runs: a machine that slept wakes with its leases expired.
    """
    # Every worker asks twice a second: whole rows, and locks that heartbeats wait for, only where one seems dead.
    seen = session.rows(
        """SELECT id, fencing_token, worker, deaths, coalesce(lease_expires_at < clock_timestamp(), true) AS is_over
        FROM jobs WHERE status = 'RUNNING'"""
    )
    others = (row for row in seen if row.fencing_token not in held_tokens)
    dead = [row.id for row in others if row.is_over or _has_died(row.deaths, row.worker)]
    if not dead:
        return []
    rows = session.all(
        JobRow,
        f"""SELECT {columns(JobRow)} FROM jobs WHERE id = ANY(%(dead)s) AND status = 'RUNNING'
        FOR UPDATE SKIP LOCKED""",
        dead=dead,
    )
    if len(rows) < len(dead):
        _end_sleepers(session)
    return [row for row in rows if is_abandoned(session, row)]


def _end_sleepers(session: Session) -> None:
    """End the connections of processes that sleep inside a transaction: they may hold the rows of dead jobs.

    The server does so itself after `idle_in_transaction_session_timeout`, but not always: seen on a loaded machine was
    a connection of PostgreSQL 18 with that setting that stayed for a minute, no timer of it running.
    """
    session.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND application_name = %(application)s
            AND state LIKE 'idle in transaction%%' AND pid <> pg_backend_pid()
            AND clock_timestamp() - state_change
                > current_setting('idle_in_transaction_session_timeout')::interval + interval '1 second'""",
        application=APPLICATION,
    )


def interrupt(session: Session, job_id: UUID, note: str, *, died: bool) -> None:
    """Mark a running job INTERRUPTED; a worker queues it again."""
    job_rows.add_event(session, job_id, Status.INTERRUPTED, note)
    released = """status = 'INTERRUPTED', fencing_token = NULL, worker = NULL, lease_expires_at = NULL,
        deaths = deaths + %(died)s"""
    job_rows.set_values(session, job_id, released, died=int(died))


def requeue(session: Session) -> None:
    """Queue interrupted jobs again; one that somebody cancelled or that too many workers died on ends."""
    rows = session.all(
        JobRow, f"SELECT {columns(JobRow)} FROM jobs WHERE status = 'INTERRUPTED' FOR UPDATE SKIP LOCKED"
    )
    for row in rows:
        if row.cancel_requested:
            job_rows.end(session, row.id, Status.CANCELLED, "cancelled while interrupted")
        elif row.pause_requested:
            job_rows.set_values(session, row.id, "status = 'PAUSED'")
            job_rows.add_event(session, row.id, Status.PAUSED, "paused while interrupted")
        elif row.deaths >= MOST_DEATHS:
            message = f"the worker crashed {row.deaths} times while running this job"
            remedy = "Check the log for the cause, e.g. too little memory. Then reduce the job, or re-run it."
            error = JobError(code="limit_exceeded", message=message, remedy=remedy)
            job_rows.end(session, row.id, Status.FAILED, message, error)
        else:
            job_rows.set_values(session, row.id, "status = 'PENDING', attempt = attempt + 1")
            how = f"; {row.deaths} workers crashed on it, so it runs alone" if row.deaths >= ALONE_DEATHS else ""
            job_rows.add_event(session, row.id, Status.PENDING, f"queued again as attempt {row.attempt + 1}{how}")


def next_alone(session: Session, limit: int, only: UUID | None, besides: Collection[UUID]) -> UUID | None:
    """Return the job that waits longest of those that have to run alone, if fewer than `limit` jobs run.

    Args:
        only: this job or none.
        besides: jobs that are not meant.
    """
    found: UUID | None = session.scalar(
        """SELECT id FROM jobs
        WHERE status = 'PENDING' AND deaths >= %(deaths)s AND (%(only)s::uuid IS NULL OR id = %(only)s)
            AND id <> ALL(%(besides)s) AND (SELECT count(*) FROM jobs WHERE status = 'RUNNING') < %(limit)s
        ORDER BY created_at, id LIMIT 1""",
        deaths=ALONE_DEATHS,
        only=only,
        besides=list(besides),
        limit=limit,
    )
    return found


def fail_alone(
    session: Session, job_id: UUID, worker: str | None, error_of: Callable[[JobRow], JobError], *, is_begun: bool
) -> bool:
    """Fail a job whose own process has died; False when that process did not hold it.

    Args:
        worker: the process.
        error_of: gives the reason.
        is_begun: leave a job alone that still waits.
    """
    row = session.first(
        JobRow,
        f"""SELECT {columns(JobRow)} FROM jobs WHERE id = %(id)s AND deaths >= %(deaths)s AND (
            (status = 'RUNNING' AND worker = %(worker)s) OR (status = 'PENDING' AND NOT %(is_begun)s)
        ) FOR UPDATE""",
        id=job_id,
        deaths=ALONE_DEATHS,
        worker=worker,
        is_begun=is_begun,
    )
    if row is None:
        return False
    error = error_of(row)
    job_rows.end(session, job_id, Status.FAILED, error.message, error)
    return True
