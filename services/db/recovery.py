"""Queries on jobs whose runner died, and what becomes of them. Takes a session; never commits."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.base import identity
from services.db import job_rows
from services.db.tables import JobRow
from services.models.jobs import JobError, Status

# A job that kills its runner (out of memory, say) must not do so for ever; ends that were asked for do not count.
MOST_DEATHS = 5


def is_abandoned(session: Session, row: JobRow) -> bool:
    """Return whether a running job's runner is dead: its lease has ended, or its process on this machine."""
    if row.status != Status.RUNNING:
        return False
    expired = row.lease_expires_at is None or row.lease_expires_at < job_rows.now(session)
    return expired or identity.is_gone(row.runner)


def abandoned(session: Session, held_tokens: Collection[int] = ()) -> list[JobRow]:
    """Lock and return the running jobs whose runner is dead.

    Args:
        held_tokens: of jobs that the caller itself runs: a machine that slept wakes with its leases expired.
    """
    is_running = JobRow.status == Status.RUNNING
    is_over = sa.func.coalesce(JobRow.lease_expires_at < sa.func.clock_timestamp(), sa.true())
    # Every runner asks twice a second: whole rows, and locks that heartbeats wait for, only where one seems dead.
    seen = session.execute(sa.select(JobRow.id, JobRow.fencing_token, JobRow.runner, is_over).where(is_running))
    others = ((job_id, runner, over) for job_id, token, runner, over in seen if token not in held_tokens)
    dead = [job_id for job_id, runner, over in others if over or identity.is_gone(runner)]
    if not dead:
        return []
    query = sa.select(JobRow).where(JobRow.id.in_(dead), is_running).with_for_update(skip_locked=True)
    return [row for row in session.scalars(query) if is_abandoned(session, row)]


def interrupt(session: Session, row: JobRow, note: str, *, died: bool) -> None:
    """Mark a running job INTERRUPTED; a runner queues it again."""
    job_rows.add_event(session, row.id, Status.INTERRUPTED, note)
    row.status = Status.INTERRUPTED
    row.fencing_token = None
    row.runner = None
    row.lease_expires_at = None
    row.deaths += died


def requeue(session: Session) -> list[JobRow]:
    """Queue interrupted jobs again; one that somebody cancelled or that too many runners died on ends."""
    query = sa.select(JobRow).where(JobRow.status == Status.INTERRUPTED).with_for_update(skip_locked=True)
    rows = list(session.scalars(query))
    for row in rows:
        if row.cancel_requested:
            job_rows.end(session, row, Status.CANCELLED, "cancelled while interrupted")
        elif row.pause_requested:
            row.status = Status.PAUSED
            job_rows.add_event(session, row.id, Status.PAUSED, "paused while interrupted")
        elif row.deaths >= MOST_DEATHS:
            message = f"the worker crashed {row.deaths} times while running this job"
            remedy = "Check the log for the cause, e.g. too little memory. Then reduce the job, or re-run it."
            job_rows.end(
                session, row, Status.FAILED, message, JobError(code="limit_exceeded", message=message, remedy=remedy)
            )
        else:
            row.status = Status.PENDING
            row.attempt += 1
            job_rows.add_event(session, row.id, Status.PENDING, f"queued again as attempt {row.attempt}")
    return rows
