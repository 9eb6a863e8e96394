"""Deleting a job without leaving anything behind: the row goes first, with a note of the files still to be removed.

A process that dies in between leaves the note; a later sweep finishes what it says.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from services.db.tables import ArtifactRow, JobRow, PresetRow, RemovalRow, ScheduleRow
from services.models import request_paths
from services.models.jobs import FINAL, Status


def hold(session: Session, job_ids: Iterable[UUID]) -> set[UUID]:
    """Keep jobs from being deleted until the transaction ends; return those that there are."""
    query = sa.select(JobRow.id).where(JobRow.id.in_(list(job_ids))).with_for_update(read=True, key_share=True)
    return set(session.scalars(query))


def referred(session: Session) -> dict[UUID, UUID]:
    """Return the jobs whose results jobs that have not ended read, each with one of these."""
    query = sa.select(JobRow.id, JobRow.request).where(JobRow.status.not_in(FINAL))
    return {named: row.id for row in session.execute(query) for named in request_paths.job_references(row.request)}


def needed(session: Session) -> set[UUID]:
    """Return the jobs that no sweep may take.

    Those that unfinished jobs name, or retry; those of presets and schedules; and the newest run of each schedule,
    which is the baseline of its next one.
    """
    retried = session.scalars(
        sa.select(JobRow.rerun_of).where(JobRow.status.not_in(FINAL), JobRow.rerun_of.is_not(None))
    )
    runs = sa.select(JobRow.id).ext(distinct_on(JobRow.schedule_id))
    runs = runs.where(JobRow.schedule_id.is_not(None), JobRow.status == Status.COMPLETED)
    newest = session.scalars(runs.order_by(JobRow.schedule_id, JobRow.created_at.desc()))
    requests = [*session.scalars(sa.select(PresetRow.request)), *session.scalars(sa.select(ScheduleRow.request))]
    named = (request_paths.job_references(request) for request in requests)
    return set(referred(session)).union(retried, newest, *named)  # type: ignore[arg-type]


def delete_row(session: Session, row: JobRow) -> int:
    """Delete a job's row, and note that its files are to be removed; return their size in bytes."""
    sizes = sa.select(sa.func.coalesce(sa.func.sum(ArtifactRow.size_bytes), 0)).where(ArtifactRow.job_id == row.id)
    size_bytes = int(session.scalar(sizes) or 0)
    note = insert(RemovalRow).values(job_id=row.id, size_bytes=size_bytes, since=sa.func.clock_timestamp())
    session.execute(note.on_conflict_do_nothing())
    session.delete(row)
    return size_bytes


def forget(session: Session, job_id: UUID) -> None:
    """Delete the note: the files are removed."""
    session.execute(sa.delete(RemovalRow).where(RemovalRow.job_id == job_id))
