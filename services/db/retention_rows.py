"""Every query about what is kept. Takes a session; never commits. Times are the database's."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, load_only

from services.db import removals, splits
from services.db.tables import ArtifactRow, JobRow, RemovalRow, RetentionRow
from services.models.jobs import FINAL
from services.models.retention import Held, LastSweep, SweptJob
from services.models.retention_rules import Finished, Known, Limits, choose

# Serialises the choice, so that two sweeps at once do not both make room for the same bytes.
_CHOICE_LOCK = 0x70726177
_ENDED = sa.func.coalesce(JobRow.finished_at, JobRow.created_at)
_SIZES = (
    sa.select(ArtifactRow.job_id, sa.func.sum(ArtifactRow.size_bytes).label("size_bytes"))
    .group_by(ArtifactRow.job_id)
    .subquery()
)


def now(session: Session) -> datetime:
    """Return the database's time."""
    moment: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return moment


def beyond(session: Session, limits: Limits) -> list[SweptJob]:
    """Return the jobs that are beyond a limit, the oldest first."""
    if limits.are_none:
        return []
    size_bytes = sa.func.coalesce(_SIZES.c.size_bytes, 0)
    query = (
        sa.select(JobRow.id, _ENDED, size_bytes, JobRow.pinned, JobRow.label, JobRow.operations)
        .outerjoin(_SIZES, _SIZES.c.job_id == JobRow.id)
        .where(JobRow.status.in_(FINAL))
        .order_by(_ENDED, JobRow.id)
    )
    rows = {row[0]: row for row in session.execute(query)}
    spared = removals.needed(session) | {row[0] for row in rows.values() if row[3]}
    finished = [Finished(row[0], row[1], int(row[2])) for row in rows.values()]
    return [
        SweptJob(
            id=job.id,
            label=rows[job.id][4],
            operations=tuple(rows[job.id][5]),
            finished_at=job.ended_at,
            size_bytes=job.size_bytes,
            reason=reason,
        )
        for job, reason in choose(finished, limits, now(session), spared)
    ]


def delete_beyond(
    session: Session, limits: Limits, passed: Collection[UUID], most: int
) -> tuple[set[UUID], list[SweptJob]]:
    """Delete the rows of up to `most` jobs that are beyond a limit, and note that their files are to be removed.

    A job that somebody else holds at this moment is left to the next sweep; no other one goes in its place.

    Args:
        passed: jobs that were tried already.

    Returns:
        The jobs that were tried, and those of them that are deleted.
    """
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHOICE_LOCK)))
    wanted = {job.id: job for job in beyond(session, limits) if job.id not in passed}
    tried = list(wanted)[:most]
    query = (
        sa.select(JobRow)
        .options(load_only(JobRow.status, JobRow.pinned))
        .where(JobRow.id.in_(tried))
        .with_for_update(skip_locked=True)
    )
    rows = sorted(session.scalars(query), key=lambda row: tried.index(row.id))
    # Looked at again now that nobody can name or keep them any more.
    spared = removals.needed(session)
    gone = [row for row in rows if row.status in FINAL and not row.pinned and row.id not in spared]
    for row in gone:
        removals.delete_row(session, row)
    return set(tried), [wanted[row.id] for row in gone]


def pending(session: Session) -> dict[UUID, int]:
    """Return deleted jobs whose files are still to be removed, with their size in bytes; the oldest first."""
    query = sa.select(RemovalRow.job_id, RemovalRow.size_bytes).order_by(RemovalRow.since, RemovalRow.job_id)
    return {row.job_id: row.size_bytes for row in session.execute(query)}


def known(session: Session) -> dict[UUID, Known]:
    """Return what every job's row says of its files."""
    query = sa.select(JobRow.id, JobRow.status, JobRow.fencing_token)
    shared = splits.tokens(session)

    def tokens(row: sa.Row[UUID, str, int | None]) -> frozenset[int]:
        own = set() if row.fencing_token is None else {row.fencing_token}
        return frozenset(own | shared.get(row.id, set()))

    return {row.id: Known(row.status, tokens(row)) for row in session.execute(query)}


def held(session: Session) -> Held:
    """Return how much the finished jobs hold."""
    is_final = JobRow.status.in_(FINAL)
    jobs = sa.select(sa.func.count(), sa.func.count().filter(JobRow.pinned)).select_from(JobRow).where(is_final)
    size = sa.select(sa.func.coalesce(sa.func.sum(ArtifactRow.size_bytes), 0)).join(JobRow).where(is_final)
    count, pinned = session.execute(jobs).one()
    return Held(jobs=count, pinned=pinned, size_bytes=int(session.scalar(size) or 0))


def last_sweep(session: Session) -> LastSweep | None:
    """Return what the last sweep did."""
    document = session.scalar(sa.select(RetentionRow.last_sweep))
    return LastSweep.model_validate(document) if document else None


def note_sweep(session: Session, sweep: LastSweep) -> None:
    """Keep what a sweep did."""
    session.execute(sa.update(RetentionRow).values(last_sweep=sweep.model_dump(mode="json")))
