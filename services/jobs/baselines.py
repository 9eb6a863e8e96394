"""What an earlier job or attempt found, taken over for files that are as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services import artifacts, errors, operations
from services.db.tables import JobRow
from services.jobs.models import Artifact, JobRequest, Status


def check(session: Session, request: JobRequest) -> None:
    """Look whether the baseline that a request names, if any, is one.

    Raises:
        InvalidOptionsError: it is not.
    """
    if request.baseline is None:
        return
    query = sa.select(JobRow.status, JobRow.operations, JobRow.request).where(JobRow.id == request.baseline)
    found = session.execute(query).one_or_none()
    if found is None:
        state = "there is no such job"
    elif found.status != Status.COMPLETED:
        state = f"it is {found.status}"
    elif not set(found.operations) & set(request.names):
        state = f"it is of {', '.join(found.operations)}"
    elif found.request["source"] != request.source.model_dump(mode="json"):
        state = "it has another source"
    else:
        return
    raise errors.InvalidOptionsError(
        f"job {request.baseline} is no baseline: {state}",
        remedy="Name a completed job of the same operation and source, or none.",
        field="baseline",
    )


def resuming(request: JobRequest) -> Iterator[str]:
    """Return those operations of a request that take anything over, if only from earlier attempts."""
    return (name for name in request.names if operations.get(name).resumes)


def tables(operation: str, stored: Sequence[Artifact]) -> list[str]:
    """Return those tables of a job's result whose rows are taken over; one of an earlier version may lack some."""
    named = (f"{operation}.{name}" for name in operations.get(operation).kept)
    return [table for table in named if artifacts.shards_of(table, stored)]


def left_by_attempts(work: Path, operation: str) -> list[Path]:
    """Return what attempts before the one that works in `work` have made last: it has its name only then."""
    found = [
        path
        for table in operations.get(operation).kept
        for path in work.parent.glob(f"*/out/{operation}/{table}/part-*.parquet")
    ]
    return sorted(path for path in found if work not in path.parents)
