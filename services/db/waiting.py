"""How many jobs wait in the queue."""

from __future__ import annotations

from services.db.database import Session


def are_at_least(session: Session, count: int) -> bool:
    """Return whether so many jobs wait; costs no more than to count these."""
    found = session.scalar(
        "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE status = 'PENDING' LIMIT %(count)s) AS waiting", count=count
    )
    return bool(found >= count)
