"""Pausing: the work of an attempt ends, what it has made last stays, and the next attempt begins when it is asked for.

"Asked to pause" is a column, as "asked to cancel" is; a cancel wins.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from services.base import errors
from services.db import job_rows, recovery
from services.db.tables import JobRow
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
    row.pause_requested = True
    if row.status in {Status.PENDING, Status.INTERRUPTED}:
        enter(session, row, "paused while queued")
    elif recovery.is_abandoned(session, row):
        enter(session, row, "paused; its worker had crashed")
    return row


def enter(session: Session, row: JobRow, note: str) -> None:
    """Give a job that nobody runs the state PAUSED."""
    row.status = Status.PAUSED
    row.fencing_token = None
    row.runner = None
    row.lease_expires_at = None
    job_rows.add_event(session, row.id, Status.PAUSED, note)


def resume(session: Session, job_id: UUID) -> JobRow:
    """Queue a paused job again; one that was only asked to pause goes on; return its row, locked.

    Raises:
        JobNotFoundError: there is none.
        JobConflictError: it has ended.
    """
    row = job_rows.get_row(session, job_id, lock=True)
    if row.status in FINAL:
        raise errors.JobConflictError(f"job {job_id} is {row.status}", remedy="Re-run it instead.")
    row.pause_requested = False
    if row.status == Status.PAUSED:
        row.status = Status.PENDING
        # One that was paused before it began has no attempt behind it.
        row.attempt += row.started_at is not None
        job_rows.add_event(session, row.id, Status.PENDING, f"resumed as attempt {row.attempt}")
    return row
