"""Statements on splits. Takes a session; never commits. Times are the database's.

A split is a part of a running job's files. Any worker may take one, under a lease and a fencing token of its own; what
it finds becomes a baseline of the job. So a split that is lost, or done twice, costs time and never a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from services.base import identity
from services.db.database import Session
from services.db.job_rows import ALONE_DEATHS, FINAL_STATUSES, Hold
from services.models import stored_files, versions
from services.models.jobs import JobRequest

MOST_TRIES = 3


class State(StrEnum):
    """Where a split is in its life."""

    WAITING = "WAITING"
    TAKEN = "TAKEN"
    DONE = "DONE"
    GIVEN_UP = "GIVEN_UP"
    """It failed too often: the job computes its files itself, and tells what is wrong with them."""


_IS_FREE = "(s.state = 'WAITING' OR (s.state = 'TAKEN' AND s.lease_expires_at < clock_timestamp()))"
_FREE = f"""splits AS s JOIN jobs AS j ON j.id = s.job_id
    WHERE j.status = 'RUNNING' AND j.deaths < {ALONE_DEATHS} AND NOT j.cancel_requested AND NOT j.pause_requested
        AND {_IS_FREE}
        AND (%(job_id)s::uuid IS NULL OR s.job_id = %(job_id)s) AND s.job_id <> ALL(%(besides)s)"""
_LEASE_END = "clock_timestamp() + make_interval(secs => %(lease_seconds)s)"
_IS_OURS = "job_id = %(job_id)s AND number = %(number)s AND fencing_token = %(token)s"
_HELD = f"{_IS_OURS} AND state = 'TAKEN'"


@dataclass(frozen=True)
class SplitClaim:
    """A split that a worker holds.

    Attributes:
        origin: as of a job's claim.
    """

    job_id: UUID
    number: int
    token: int
    plan_token: int
    origin: UUID
    request: JobRequest

    @property
    def label(self) -> str:
        """How it is called in messages."""
        return f"split {self.number} of job {self.job_id}"

    @property
    def list_key(self) -> str:
        """Where the list of its files is stored."""
        return list_key(self.job_id, self.plan_token, self.number)

    @property
    def prefix(self) -> str:
        """Where its shards are stored."""
        return stored_files.storage_prefix(self.job_id, self.token)


@dataclass(frozen=True)
class Standing:
    """How far the splits of a job are.

    Attributes:
        left: that are not done.
        waiting: of those, what nobody has.
    """

    splits: int
    left: int
    waiting: int
    workers: int
    files: int
    bytes: int
    files_done: int
    bytes_done: int


def list_key(job_id: UUID, plan_token: int, number: int) -> str:
    """Return where the list of a split's files is stored."""
    return f"{stored_files.storage_prefix(job_id, plan_token)}splits/{number:05}.list"


def _of(claim: SplitClaim) -> dict[str, Any]:
    return {"job_id": claim.job_id, "number": claim.number, "token": claim.token}


def add(session: Session, job_id: UUID, plan_token: int, planned: Iterable[Mapping[str, int]]) -> None:
    """Add the splits of a job, unless it has them; the caller's transaction holds the job's row."""
    if standing(session, job_id).splits:
        return
    session.execute_many(
        """INSERT INTO splits (job_id, number, plan_token, files, bytes, state, tries, files_done, bytes_done, shards)
        VALUES (%(job_id)s, %(number)s, %(token)s, %(files)s, %(bytes)s, 'WAITING', 0, 0, 0, '[]')""",
        [
            {"job_id": job_id, "number": number, "token": plan_token, "files": split["files"], "bytes": split["bytes"]}
            for number, split in enumerate(planned)
        ],
    )


def claim(
    session: Session, lease_seconds: float, job_id: UUID | None = None, besides: Collection[UUID] = ()
) -> SplitClaim | None:
    """Take a split of a running job that nobody has, or whose worker is dead.

    Args:
        job_id: of this job or of none.
        besides: jobs that are left to others.

    Raises:
        StrangeJobError: another version has written the job; nothing is to be committed.
    """
    # One statement and few columns: this is asked hundreds of times for a job.
    row = session.row(
        f"""WITH free AS (
            SELECT s.job_id, s.number FROM {_FREE}
            ORDER BY j.created_at, s.job_id, s.number LIMIT 1 FOR UPDATE OF s SKIP LOCKED
        )
        UPDATE splits AS s SET state = 'TAKEN', tries = s.tries + 1, fencing_token = nextval('fencing_tokens'),
            worker = %(worker)s, lease_expires_at = {_LEASE_END}, files_done = 0, bytes_done = 0
        FROM free, jobs AS j WHERE s.job_id = free.job_id AND s.number = free.number AND j.id = s.job_id
        RETURNING s.job_id, s.number, s.fencing_token, s.plan_token, coalesce(j.rerun_of, j.id) AS origin, j.request""",
        job_id=job_id,
        besides=list(besides),
        worker=identity.own(),
        lease_seconds=lease_seconds,
    )
    if row is None:
        return None
    request = versions.read(row.job_id, row.request)
    return SplitClaim(row.job_id, row.number, row.fencing_token, row.plan_token, row.origin, request)


def is_any_free(session: Session, job_id: UUID | None = None, besides: Collection[UUID] = ()) -> bool:
    """Return whether there is a split to claim, of one job or of any but some."""
    statement = f"SELECT EXISTS (SELECT FROM {_FREE})"
    return session.scalar(statement, job_id=job_id, besides=list(besides)) is True


def look(session: Session, claim: SplitClaim) -> Hold:
    """Return how a worker stands to its split: lost also when nobody runs the job any more."""
    asked = session.scalar(
        """SELECT j.cancel_requested OR j.pause_requested OR j.status <> 'RUNNING'
        FROM splits JOIN jobs AS j ON j.id = job_id
        WHERE job_id = %(job_id)s AND number = %(number)s AND splits.fencing_token = %(token)s AND state = 'TAKEN'""",
        **_of(claim),
    )
    if asked is None:
        return Hold.LOST
    return Hold.STOP if asked else Hold.HELD


def extend(
    session: Session,
    claim: SplitClaim,
    lease_seconds: float,
    *,
    files_done: int | None = None,
    bytes_done: int | None = None,
) -> bool:
    """Extend the lease, and write how far it is if that is given; False when it is lost."""
    found = session.scalar(
        f"""UPDATE splits SET lease_expires_at = {_LEASE_END}, files_done = coalesce(%(files)s, files_done),
            bytes_done = coalesce(%(bytes)s, bytes_done)
        WHERE {_HELD} RETURNING number""",
        lease_seconds=lease_seconds,
        files=files_done,
        bytes=bytes_done,
        **_of(claim),
    )
    return found is not None


def finish(session: Session, claim: SplitClaim, shards: list[str]) -> bool:
    """Record the stored shards of a split; False when it is another worker's by now.

    Asked once more, because the answer to its commit was lost, it says what it said then.
    """
    found = session.scalar(
        f"""UPDATE splits SET state = 'DONE', files_done = files, bytes_done = bytes, shards = %(shards)s,
            worker = NULL, lease_expires_at = NULL
        WHERE {_IS_OURS} AND state IN ('TAKEN', 'DONE') RETURNING number""",
        shards=Jsonb(shards),
        **_of(claim),
    )
    return found is not None


def give_back(session: Session, claim: SplitClaim, *, failed: bool) -> None:
    """Let another worker have a split; one that fails for the third time is given up."""
    left = f"CASE WHEN tries >= {MOST_TRIES} THEN 'GIVEN_UP' ELSE 'WAITING' END" if failed else "'WAITING'"
    session.execute(
        f"""UPDATE splits SET state = {left}, tries = tries - %(uncounted)s, worker = NULL, lease_expires_at = NULL,
            files_done = 0, bytes_done = 0
        WHERE {_HELD}""",
        uncounted=int(not failed),
        **_of(claim),
    )


def free_dead(session: Session, job_id: UUID) -> None:
    """Let others have the splits of workers that died on this machine; elsewhere the lease tells.

    One that has killed several workers is given up: the job computes its files itself, and is charged if it dies.
    """
    taken = session.rows(
        """SELECT number, worker, tries, lease_expires_at < clock_timestamp() AS is_over
        FROM splits WHERE job_id = %(job_id)s AND state = 'TAKEN' FOR UPDATE SKIP LOCKED""",
        job_id=job_id,
    )
    dead = [row.number for row in taken if identity.is_gone(row.worker) or (row.is_over and row.tries >= MOST_TRIES)]
    if dead:
        session.execute(
            f"""UPDATE splits SET state = CASE WHEN tries >= {MOST_TRIES} THEN 'GIVEN_UP' ELSE 'WAITING' END,
                worker = NULL, lease_expires_at = NULL, files_done = 0, bytes_done = 0
            WHERE job_id = %(job_id)s AND number = ANY(%(dead)s)""",
            job_id=job_id,
            dead=dead,
        )


def standing(session: Session, job_id: UUID) -> Standing:
    """Return how far the splits of a job are."""
    row = session.row(
        f"""SELECT count(*) AS splits, count(*) FILTER (WHERE state IN ('WAITING', 'TAKEN')) AS left,
            count(*) FILTER (WHERE {_IS_FREE}) AS waiting,
            count(DISTINCT worker) FILTER (WHERE state = 'TAKEN') AS workers,
            coalesce(sum(files), 0)::bigint AS files, coalesce(sum(bytes), 0)::bigint AS bytes,
            coalesce(sum(files_done), 0)::bigint AS files_done, coalesce(sum(bytes_done), 0)::bigint AS bytes_done
        FROM splits AS s WHERE job_id = %(job_id)s""",
        job_id=job_id,
    )
    assert row is not None
    return Standing(*row)


def stored(session: Session, job_id: UUID) -> dict[str, list[str]]:
    """Return the names of the stored shards of a job's splits, by the prefix they are below."""
    rows = session.rows(
        """SELECT fencing_token, shards FROM splits WHERE job_id = %(job_id)s AND state = 'DONE' ORDER BY number""",
        job_id=job_id,
    )
    return {stored_files.storage_prefix(job_id, row.fencing_token): row.shards for row in rows}


def forget(session: Session, job_id: UUID) -> list[str]:
    """Remove the splits of a job, if it has ended; return the prefixes below which nothing is needed any more."""
    job = session.row(
        "SELECT fencing_token FROM jobs WHERE id = %(id)s AND status = ANY(%(final)s)",
        id=job_id,
        final=FINAL_STATUSES,
    )
    if job is None:
        return []
    rows = session.rows(
        "DELETE FROM splits WHERE job_id = %(job_id)s RETURNING plan_token, fencing_token", job_id=job_id
    )
    lists = {list_key(job_id, row.plan_token, 0).rpartition("/")[0] + "/" for row in rows}
    stored = {token for row in rows for token in row if token not in {None, job.fencing_token}}
    return sorted(lists | {stored_files.storage_prefix(job_id, token) for token in stored})


def tokens(session: Session) -> dict[UUID, set[int]]:
    """Return, by job that has not ended, the tokens below which its splits store what it still needs."""
    rows = session.rows(
        """SELECT job_id, plan_token, splits.fencing_token FROM splits JOIN jobs ON jobs.id = job_id
        WHERE jobs.status <> ALL(%(final)s)""",
        final=FINAL_STATUSES,
    )
    found: dict[UUID, set[int]] = {}
    for row in rows:
        found.setdefault(row.job_id, set()).update(token for token in row[1:] if token is not None)
    return found
