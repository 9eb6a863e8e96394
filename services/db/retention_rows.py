"""Statements on retention. Takes a session; never commits. Times are the database's."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from psycopg.types.json import Jsonb

from services.db import job_rows, removals, splits
from services.db.database import Session
from services.db.job_rows import FINAL_STATUSES
from services.models.jobs import FINAL
from services.models.retention import Held, LastSweep, SweptJob
from services.models.retention_rules import Finished, Known, Limits, choose

# Serialises the choice, so that two sweeps at once do not both make room for the same bytes.
_CHOICE_LOCK = 0x70726177


def beyond(session: Session, limits: Limits) -> list[SweptJob]:
    """Return the jobs that are beyond a limit, the oldest first."""
    if limits.are_none:
        return []
    found = session.rows(
        """SELECT id, label, operations, pinned, coalesce(finished_at, created_at) AS ended_at,
            coalesce(sizes.size_bytes, 0)::bigint AS size_bytes
        FROM jobs LEFT JOIN (
            SELECT job_id, sum(size_bytes) AS size_bytes FROM artifacts GROUP BY job_id
        ) AS sizes ON sizes.job_id = jobs.id
        WHERE status = ANY(%(final)s) ORDER BY ended_at, id""",
        final=FINAL_STATUSES,
    )
    rows = {row.id: row for row in found}
    spared = removals.needed(session) | {row.id for row in found if row.pinned}
    finished = [Finished(row.id, row.ended_at, row.size_bytes) for row in found]
    return [
        SweptJob(
            id=job.id,
            label=rows[job.id].label,
            operations=tuple(rows[job.id].operations),
            finished_at=job.ended_at,
            size_bytes=job.size_bytes,
            reason=reason,
        )
        for job, reason in choose(finished, limits, job_rows.now(session), spared)
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
    session.execute("SELECT pg_advisory_xact_lock(%(key)s)", key=_CHOICE_LOCK)
    wanted = {job.id: job for job in beyond(session, limits) if job.id not in passed}
    tried = list(wanted)[:most]
    rows = session.rows(
        "SELECT id, status, pinned FROM jobs WHERE id = ANY(%(tried)s) FOR UPDATE SKIP LOCKED", tried=tried
    )
    # Looked at again now that nobody can name or pin them any more.
    spared = removals.needed(session)
    free = {row.id for row in rows if row.status in FINAL and not row.pinned and row.id not in spared}
    gone = [job_id for job_id in tried if job_id in free]
    for job_id in gone:
        removals.delete_row(session, job_id)
    return set(tried), [wanted[job_id] for job_id in gone]


def pending(session: Session) -> dict[UUID, int]:
    """Return deleted jobs whose files are still to be removed, with their size in bytes; the oldest first."""
    rows = session.rows("SELECT job_id, size_bytes FROM removals ORDER BY since, job_id")
    return {row.job_id: row.size_bytes for row in rows}


def known(session: Session) -> dict[UUID, Known]:
    """Return what every job's row says of its files."""
    rows = session.rows("SELECT id, status, fencing_token FROM jobs")
    shared = splits.tokens(session)
    own = {row.id: set() if row.fencing_token is None else {row.fencing_token} for row in rows}
    return {row.id: Known(row.status, frozenset(own[row.id] | shared.get(row.id, set()))) for row in rows}


def held(session: Session) -> Held:
    """Return how much the finished jobs hold."""
    row = session.row(
        """SELECT count(*) AS jobs, count(*) FILTER (WHERE pinned) AS pinned FROM jobs WHERE status = ANY(%(final)s)""",
        final=FINAL_STATUSES,
    )
    size_bytes = session.scalar(
        """SELECT coalesce(sum(size_bytes), 0)::bigint FROM artifacts JOIN jobs ON jobs.id = job_id
        WHERE status = ANY(%(final)s)""",
        final=FINAL_STATUSES,
    )
    assert row is not None
    return Held(jobs=row.jobs, pinned=row.pinned, size_bytes=size_bytes)


def database_id(session: Session) -> UUID:
    """Return what names this database to the storage, which may be shared with others by mistake."""
    found: UUID = session.scalar("SELECT database_id FROM retention")
    return found


def last_sweep(session: Session) -> LastSweep | None:
    """Return what the last sweep did."""
    document = session.scalar("SELECT last_sweep FROM retention")
    return LastSweep.model_validate(document) if document else None


def note_sweep(session: Session, sweep: LastSweep) -> None:
    """Keep what a sweep did."""
    session.execute("UPDATE retention SET last_sweep = %(sweep)s", sweep=Jsonb(sweep.model_dump(mode="json")))
