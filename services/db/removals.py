"""Deleting a job without leaving anything behind: the row goes first, with a note of the files still to be removed.

A process that dies in between leaves the note; a later sweep finishes what it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from services.db.database import Session
from services.db.job_rows import FINAL_STATUSES
from services.models import request_paths


def hold(session: Session, job_ids: Iterable[UUID]) -> set[UUID]:
    """Keep jobs from being deleted until the transaction ends; return those that there are."""
    return set(session.scalars("SELECT id FROM jobs WHERE id = ANY(%(ids)s) FOR KEY SHARE", ids=list(job_ids)))


def referred(session: Session) -> dict[UUID, UUID]:
    """Return the jobs whose results jobs that have not ended read, each with one of these."""
    rows = session.rows("SELECT id, request FROM jobs WHERE status <> ALL(%(final)s)", final=FINAL_STATUSES)
    return {named: row.id for row in rows for named in request_paths.job_references(row.request)}


def needed(session: Session) -> set[UUID]:
    """Return the jobs that no sweep may take.

    Those that unfinished jobs name, or re-run; those of presets and schedules; and the newest run of each schedule,
    which is the baseline of its next one.
    """
    rerun = session.scalars(
        "SELECT rerun_of FROM jobs WHERE status <> ALL(%(final)s) AND rerun_of IS NOT NULL", final=FINAL_STATUSES
    )
    newest = session.scalars(
        """SELECT DISTINCT ON (schedule_id) id FROM jobs WHERE schedule_id IS NOT NULL AND status = 'COMPLETED'
        ORDER BY schedule_id, created_at DESC"""
    )
    requests = session.scalars("SELECT request FROM presets UNION ALL SELECT request FROM schedules")
    named = (request_paths.job_references(request) for request in requests)
    return set(referred(session)).union(rerun, newest, *named)


def delete_row(session: Session, job_id: UUID) -> None:
    """Delete a job's row, and note that its files are to be removed."""
    session.execute(
        """INSERT INTO removals (job_id, size_bytes, since)
        SELECT %(id)s, coalesce(sum(size_bytes), 0), clock_timestamp() FROM artifacts WHERE job_id = %(id)s
        ON CONFLICT DO NOTHING""",
        id=job_id,
    )
    session.execute("DELETE FROM jobs WHERE id = %(id)s", id=job_id)


def forget(session: Session, job_id: UUID) -> None:
    """Delete the note: the files are removed."""
    session.execute("DELETE FROM removals WHERE job_id = %(id)s", id=job_id)


def known_jobs(session: Session) -> set[UUID]:
    """Return every job whose files may be stored: those that there are, and deleted ones."""
    return set(session.scalars("SELECT id FROM jobs UNION ALL SELECT job_id FROM removals"))
