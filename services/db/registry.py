"""Which workers there are: a job is cut into splits only where another worker may share it. Takes a session."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.base import identity
from services.db.database import Session

_FORGOTTEN_AFTER = 100
"""Leases without a heartbeat, after which a row is of no use to anybody."""


@dataclass(frozen=True)
class Census:
    """How many workers there are, and how often their servers had to restart them."""

    workers: int
    restarts: int


def announce(session: Session, worker: UUID, lease_seconds: float, restarts: int = 0) -> None:
    """Say that a worker is there, for another lease; forget those without a heartbeat since long ago.

    Args:
        restarts: how often the worker's server had to restart it.
    """
    session.execute(
        """INSERT INTO workers (id, heartbeat_at, process, restarts)
        VALUES (%(id)s, clock_timestamp(), %(process)s, %(restarts)s)
        ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at""",
        id=worker,
        process=identity.own(),
        restarts=restarts,
    )
    session.execute(
        "DELETE FROM workers WHERE heartbeat_at < clock_timestamp() - make_interval(secs => %(seconds)s)",
        seconds=lease_seconds * _FORGOTTEN_AFTER,
    )


def forget_dead(session: Session) -> None:
    """Forget workers that died on this machine: nobody is to share a job with them; elsewhere the lease tells."""
    for row in session.rows("SELECT id, process FROM workers"):
        if identity.is_gone(row.process):
            leave(session, row.id)


def census(session: Session, lease_seconds: float) -> Census:
    """Return which workers have been heard of within a lease."""
    row = session.row(
        """SELECT count(*) AS workers, coalesce(sum(restarts), 0)::bigint AS restarts FROM workers
        WHERE heartbeat_at > clock_timestamp() - make_interval(secs => %(seconds)s)""",
        seconds=lease_seconds,
    )
    assert row is not None
    return Census(row.workers, row.restarts)


def leave(session: Session, worker: UUID) -> None:
    """Say that a worker is gone."""
    session.execute("DELETE FROM workers WHERE id = %(id)s", id=worker)


def count(session: Session, lease_seconds: float, besides: UUID | None = None) -> int:
    """Return how many workers have been heard of within a lease.

    Args:
        besides: one that does not count.
    """
    found: int = session.scalar(
        """SELECT count(*) FROM workers WHERE heartbeat_at > clock_timestamp() - make_interval(secs => %(seconds)s)
        AND id IS DISTINCT FROM %(besides)s::uuid""",
        seconds=lease_seconds,
        besides=besides,
    )
    return found
