"""Every query on splits. Takes a session; never commits. Times are the database's.

A split is a part of a running job's files. Any runner may take one, under a lease and a fencing token of its own; what
it finds becomes a baseline of the job. So a split that is lost, or done twice, costs time and never a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.base import identity
from services.db import job_rows
from services.db.job_rows import Hold
from services.db.tables import JobRow, SplitRow
from services.models import stored_files, versions
from services.models.jobs import FINAL, JobRequest, Status

MOST_TRIES = 3


class State(StrEnum):
    """Where a split is in its life."""

    WAITING = "WAITING"
    TAKEN = "TAKEN"
    DONE = "DONE"
    GIVEN_UP = "GIVEN_UP"
    """It failed too often: the job computes its files itself, and tells what is wrong with them."""


_OPEN = (State.WAITING, State.TAKEN)


@dataclass(frozen=True)
class SplitClaim:
    """A split that a runner holds.

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
    runners: int
    files: int
    bytes: int
    files_done: int
    bytes_done: int


def list_key(job_id: UUID, plan_token: int, number: int) -> str:
    """Return where the list of a split's files is stored."""
    return f"{stored_files.storage_prefix(job_id, plan_token)}splits/{number:05}.list"


def add(session: Session, job_id: UUID, plan_token: int, planned: Iterable[Mapping[str, int]]) -> None:
    """Add the splits of a job, unless it has them; the caller's transaction holds the job's row."""
    if standing(session, job_id).splits:
        return
    none_done = {"tries": 0, "files_done": 0, "bytes_done": 0, "shards": []}
    values = [
        {
            "job_id": job_id,
            "number": number,
            "plan_token": plan_token,
            "files": split["files"],
            "bytes": split["bytes"],
            "state": State.WAITING,
            **none_done,
        }
        for number, split in enumerate(planned)
    ]
    session.execute(sa.insert(SplitRow), values)


def _is_free() -> sa.ColumnElement[bool]:
    is_dead = (SplitRow.state == State.TAKEN) & (SplitRow.lease_expires_at < sa.func.clock_timestamp())
    return (SplitRow.state == State.WAITING) | is_dead


def claim(
    session: Session, lease_seconds: float, job_id: UUID | None = None, besides: Collection[UUID] = ()
) -> SplitClaim | None:
    """Take a split of a running job that nobody has, or whose runner is dead.

    Args:
        job_id: of this job or of none.
        besides: jobs that are left to others.

    Raises:
        StrangeJobError: another version has written the job; nothing is to be committed.
    """
    free = (
        _free(job_id, besides)
        .order_by(JobRow.created_at, SplitRow.job_id, SplitRow.number)
        .limit(1)
        .with_for_update(of=SplitRow, skip_locked=True)
        .cte("free")
    )
    own = (SplitRow.job_id, SplitRow.number, SplitRow.fencing_token, SplitRow.plan_token)
    # One statement and few columns: this is asked hundreds of times for a job.
    query = (
        sa.update(SplitRow)
        .where(SplitRow.job_id == free.c.job_id, SplitRow.number == free.c.number, JobRow.id == SplitRow.job_id)
        .values(
            state=State.TAKEN,
            tries=SplitRow.tries + 1,
            fencing_token=sa.func.nextval("fencing_tokens"),
            runner=identity.own(),
            lease_expires_at=job_rows.lease_end(lease_seconds),
            files_done=0,
            bytes_done=0,
        )
        .returning(*own, sa.func.coalesce(JobRow.rerun_of, JobRow.id), JobRow.request)
        .execution_options(synchronize_session=False)
    )
    row = session.execute(query).first()
    if row is None:
        return None
    job_id, number, token, plan_token, origin, request = row
    return SplitClaim(job_id, number, token, plan_token, origin, versions.read(job_id, request))


def is_any_free(session: Session, job_id: UUID | None = None, besides: Collection[UUID] = ()) -> bool:
    """Return whether there is a split to claim, of one job or of any but some."""
    return session.scalar(sa.select(_free(job_id, besides).exists())) is True


def _free(job_id: UUID | None, besides: Collection[UUID]) -> sa.Select[UUID, int]:
    return (
        sa.select(SplitRow.job_id, SplitRow.number)
        .join(JobRow, JobRow.id == SplitRow.job_id)
        .where(
            JobRow.status == Status.RUNNING,
            ~JobRow.cancel_requested,
            ~JobRow.pause_requested,
            _is_free(),
            sa.true() if job_id is None else SplitRow.job_id == job_id,
            SplitRow.job_id.not_in(besides),
        )
    )


def _held(claim: SplitClaim) -> sa.ColumnElement[bool]:
    is_ours = (SplitRow.job_id == claim.job_id) & (SplitRow.number == claim.number)
    return is_ours & (SplitRow.fencing_token == claim.token) & (SplitRow.state == State.TAKEN)


def look(session: Session, claim: SplitClaim) -> Hold:
    """Return how a runner stands to its split: lost also when nobody runs the job any more."""
    wanted = JobRow.cancel_requested | JobRow.pause_requested | (JobRow.status != Status.RUNNING)
    query = sa.select(wanted).join(SplitRow, SplitRow.job_id == JobRow.id).where(_held(claim))
    asked = session.scalar(query)
    if asked is None:
        return Hold.LOST
    return Hold.STOP if asked else Hold.HELD


def extend(session: Session, claim: SplitClaim, lease_seconds: float, **values: Any) -> bool:
    """Extend the lease and write how far it is; False when it is lost."""
    end = job_rows.lease_end(lease_seconds)
    query = sa.update(SplitRow).where(_held(claim)).values(lease_expires_at=end, **values).returning(SplitRow.number)
    return session.scalar(query) is not None


def finish(session: Session, claim: SplitClaim, shards: list[str]) -> bool:
    """Record the stored shards of a split; False when it is another runner's by now.

    Asked once more, because the answer to its commit was lost, it says what it said then.
    """
    done = {"state": State.DONE, "files_done": SplitRow.files, "bytes_done": SplitRow.bytes}
    is_ours = (SplitRow.job_id == claim.job_id) & (SplitRow.number == claim.number)
    is_ours &= (SplitRow.fencing_token == claim.token) & SplitRow.state.in_((State.TAKEN, State.DONE))
    query = sa.update(SplitRow).where(is_ours).values(shards=shards, runner=None, lease_expires_at=None, **done)
    return session.scalar(query.returning(SplitRow.number)) is not None


def give_back(session: Session, claim: SplitClaim, *, failed: bool) -> None:
    """Let another runner have a split; one that fails for the third time is given up."""
    left = sa.case((SplitRow.tries >= MOST_TRIES, State.GIVEN_UP), else_=State.WAITING) if failed else State.WAITING
    tries = SplitRow.tries if failed else SplitRow.tries - 1
    free = {"runner": None, "lease_expires_at": None, "files_done": 0, "bytes_done": 0}
    session.execute(sa.update(SplitRow).where(_held(claim)).values(state=left, tries=tries, **free))


def free_dead(session: Session, job_id: UUID) -> None:
    """Let others have the splits of runners that died on this machine; elsewhere the lease tells."""
    query = sa.select(SplitRow).where(SplitRow.job_id == job_id, SplitRow.state == State.TAKEN)
    for row in session.scalars(query.with_for_update(skip_locked=True)):
        if identity.is_gone(row.runner):
            row.state = State.WAITING
            row.runner = row.lease_expires_at = None
            row.files_done = row.bytes_done = 0


def standing(session: Session, job_id: UUID) -> Standing:
    """Return how far the splits of a job are."""
    is_open, is_taken = SplitRow.state.in_(_OPEN), SplitRow.state == State.TAKEN
    sums = (sa.func.coalesce(sa.func.sum(column), 0) for column in _SUMMED)
    counts = (
        sa.func.count(),
        sa.func.count().filter(is_open),
        sa.func.count().filter(_is_free()),
        sa.func.count(sa.distinct(SplitRow.runner)).filter(is_taken),
    )
    row = session.execute(sa.select(*counts, *sums).where(SplitRow.job_id == job_id)).one()
    return Standing(*(int(value) for value in row))


_SUMMED = (SplitRow.files, SplitRow.bytes, SplitRow.files_done, SplitRow.bytes_done)


def stored(session: Session, job_id: UUID) -> dict[str, list[str]]:
    """Return the names of the stored shards of a job's splits, by the prefix they are below."""
    query = sa.select(SplitRow.fencing_token, SplitRow.shards).where(
        SplitRow.job_id == job_id, SplitRow.state == State.DONE
    )
    rows = session.execute(query.order_by(SplitRow.number))
    return {stored_files.storage_prefix(job_id, row.fencing_token): row.shards for row in rows}


def forget(session: Session, job_id: UUID) -> list[str]:
    """Remove the splits of a job, if it has ended; return the prefixes below which nothing is needed any more."""
    job = session.get(JobRow, job_id)
    if job is None or job.status not in FINAL:
        return []
    query = sa.delete(SplitRow).where(SplitRow.job_id == job_id)
    rows = session.execute(query.returning(SplitRow.plan_token, SplitRow.fencing_token)).all()
    lists = {list_key(job_id, row.plan_token, 0).rpartition("/")[0] + "/" for row in rows}
    stored = {token for row in rows for token in row if token not in {None, job.fencing_token}}
    return sorted(lists | {stored_files.storage_prefix(job_id, token) for token in stored})


def tokens(session: Session) -> dict[UUID, set[int]]:
    """Return, by job that has not ended, the tokens below which its splits store what it still needs."""
    query = sa.select(SplitRow.job_id, SplitRow.plan_token, SplitRow.fencing_token).join(JobRow)
    found: dict[UUID, set[int]] = {}
    for row in session.execute(query.where(JobRow.status.not_in(FINAL))):
        found.setdefault(row.job_id, set()).update(token for token in row[1:] if token is not None)
    return found
