"""Statements on pausing and resuming: an attempt ends, its finished shards stay, and a later attempt reuses them.

"Asked to pause" is a column, as "asked to cancel" is; a cancel wins.
"""

from __future__ import annotations

from uuid import UUID

from services.base import errors
from services.db import job_rows, recovery
from services.db.database import Session
from services.db.rows import JobRow
from services.models.jobs import FINAL, Status


def ask(session: Session, job_id: UUID) -> JobRow:
    """Pause a job that waits; ask a running one to; return its row, locked.

    Raises:
        JobNotFoundError: there is none.
        JobConflictError: it has ended, or is being cancelled.
    """
    row = job_rows.get_row(session, job_id, lock=True)
    if row.status in FINAL or row.cancel_requested:
        state = "is being cancelled" if row.status not in FINAL else f"is {row.status}"
        raise errors.JobConflictError(f"job {job_id} {state}", remedy="Only unfinished jobs can be paused.")
    if row.status == Status.PAUSED:
        return row
    row = job_rows.set_values(session, job_id, "pause_requested = true")
    if row.status in {Status.PENDING, Status.INTERRUPTED}:
        return enter(session, job_id, "paused while queued")
    if recovery.is_abandoned(session, row):
        return enter(session, job_id, "paused; its worker had crashed")
    return row


def enter(session: Session, job_id: UUID, note: str) -> JobRow:
    """Give a job that nobody runs the status PAUSED; return its row."""
    job_rows.add_event(session, job_id, Status.PAUSED, note)
    released = "status = 'PAUSED', fencing_token = NULL, worker = NULL, lease_expires_at = NULL"
    return job_rows.set_values(session, job_id, released)


def resume(session: Session, job_id: UUID) -> JobRow:
    """Queue a paused job again; one that was only asked to pause goes on; return its row, locked.

    Raises:
        JobNotFoundError: there is none.
        JobConflictError: it has ended.
    """
    row = job_rows.get_row(session, job_id, lock=True)
    if row.status in FINAL:
        raise errors.JobConflictError(f"job {job_id} is {row.status}", remedy="Re-run it instead.")
    if row.status != Status.PAUSED:
        return job_rows.set_values(session, job_id, "pause_requested = false")
    # One that was paused before it began has no attempt behind it.
    attempt = row.attempt + (row.started_at is not None)
    queued = "pause_requested = false, status = 'PENDING', attempt = %(attempt)s"
    row = job_rows.set_values(session, job_id, queued, attempt=attempt)
    job_rows.add_event(session, job_id, Status.PENDING, f"resumed as attempt {attempt}")
    return row
