"""Sums over all jobs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.db.tables import JobRow
from services.models.jobs import Status


def counts(session: Session) -> dict[Status, int]:
    """Return how many jobs there are in each state."""
    query = sa.select(JobRow.status, sa.func.count().label("jobs")).group_by(JobRow.status)
    found = {row.status: row.jobs for row in session.execute(query)}
    return {status: found.get(status.value, 0) for status in Status}


def totals(session: Session) -> dict[str, tuple[int, int]]:
    """Return files and bytes done by operation, of every job there is; a shared read counts for each of them."""
    names = sa.func.jsonb_array_elements_text(JobRow.operations).table_valued("value").lateral()
    done = {key: sa.cast(JobRow.progress[key].astext, sa.BigInteger) for key in ("files_done", "bytes_done")}
    files, size = (sa.func.sum(column) for column in done.values())
    name = names.c.value
    query = sa.select(name, files, size).select_from(JobRow).join(names, sa.true()).group_by(name)
    return {row[0]: (int(row[1] or 0), int(row[2] or 0)) for row in session.execute(query)}
