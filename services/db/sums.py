"""Sums over all jobs."""

from __future__ import annotations

from services.db.database import Session
from services.models.jobs import Status


def counts(session: Session) -> dict[Status, int]:
    """Return how many jobs have each status."""
    rows = session.rows("SELECT status, count(*) AS jobs FROM jobs GROUP BY status")
    found = {row.status: row.jobs for row in rows}
    return {status: found.get(status.value, 0) for status in Status}


def totals(session: Session) -> dict[str, tuple[int, int]]:
    """Return files and bytes done by operation, of every job there is; a shared read counts for each of them."""
    rows = session.rows(
        """SELECT name, sum((progress->>'files_done')::bigint) AS files, sum((progress->>'bytes_done')::bigint) AS bytes
        FROM jobs, jsonb_array_elements_text(operations) AS name GROUP BY name"""
    )
    return {row.name: (int(row.files or 0), int(row.bytes or 0)) for row in rows}
