"""Which workers there are: a job is cut into splits only where another worker may share it. Takes a session."""

from __future__ import annotations

from uuid import UUID

from services.db.database import Session

_FORGOTTEN_AFTER = 100
"""Leases without a heartbeat, after which a row is of no use to anybody."""


def announce(session: Session, worker: UUID, lease_seconds: float) -> None:
    """Say that a worker is there, for another lease; forget those without a heartbeat since long ago."""
    session.execute(
        """INSERT INTO workers (id, heartbeat_at) VALUES (%(id)s, clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at""",
        id=worker,
    )
    session.execute(
        "DELETE FROM workers WHERE heartbeat_at < clock_timestamp() - make_interval(secs => %(seconds)s)",
        seconds=lease_seconds * _FORGOTTEN_AFTER,
    )


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
