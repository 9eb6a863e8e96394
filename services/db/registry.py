"""Which runners there are: a job is cut into splits only where somebody may share it. Takes a session."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.tables import RunnerRow

_FORGOTTEN_AFTER = 100
"""Leases without a word, after which a row is of no use to anybody."""


def announce(session: Session, runner: UUID, lease_seconds: float) -> None:
    """Say that a runner is there, for another lease; forget those that went without a word long ago."""
    now = sa.func.clock_timestamp()
    values = insert(RunnerRow).values(id=runner, heartbeat_at=now)
    session.execute(values.on_conflict_do_update(index_elements=[RunnerRow.id], set_={"heartbeat_at": now}))
    gone = RunnerRow.heartbeat_at < _since(lease_seconds * _FORGOTTEN_AFTER)
    session.execute(sa.delete(RunnerRow).where(gone))


def leave(session: Session, runner: UUID) -> None:
    """Say that a runner is gone."""
    session.execute(sa.delete(RunnerRow).where(RunnerRow.id == runner))


def count(session: Session, lease_seconds: float, besides: UUID | None = None) -> int:
    """Return how many runners have been heard of within a lease.

    Args:
        besides: one that does not count.
    """
    query = sa.select(sa.func.count()).where(RunnerRow.heartbeat_at > _since(lease_seconds))
    if besides is not None:
        query = query.where(RunnerRow.id != besides)
    return session.scalar(query) or 0


def _since(seconds: float) -> sa.ColumnElement[object]:
    return sa.func.clock_timestamp() - sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
