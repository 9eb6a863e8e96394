"""Finds the shards of earlier jobs and attempts that are reused for unchanged files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from services import operations
from services.models.jobs import Artifact, JobRequest
from services.models.stored_files import shards_of


def resuming(request: JobRequest) -> Iterator[str]:
    """Return those operations of a request that take anything over, if only from earlier attempts."""
    return (name for name in request.names if operations.get(name).resumes)


def tables(operation: str, stored: Sequence[Artifact]) -> list[str]:
    """Return those tables of a job's result whose rows are taken over; one of an earlier version may lack some."""
    named = (f"{operation}.{name}" for name in operations.get(operation).baseline_tables)
    return [table for table in named if shards_of(table, stored)]


def left_by_attempts(work: Path, operation: str) -> list[Path]:
    """Return what attempts before the one that works in `work` have made last: it has its name only then."""
    found = [
        path
        for table in operations.get(operation).baseline_tables
        for path in work.parent.glob(f"*/out/{operation}/{table}/part-*.parquet")
    ]
    return sorted(path for path in found if work not in path.parents)
