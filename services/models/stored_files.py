"""Names of the files that a job stores: where they are, of which type, and which are the shards of a table."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from services.models.jobs import Artifact

_MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
}


def media_type(name: str) -> str:
    """Return the media type of an artifact's name; manifests are text."""
    suffix = Path(name).suffix
    if Path(name).name.startswith("manifest."):
        return "text/plain; charset=utf-8"
    return _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def storage_prefix(job_id: UUID, token: int) -> str:
    """Return where a worker stores a job's files: its own place, so that one that lost its lease harms nothing."""
    return f"jobs/{job_id}/{token}/"


def shards_of(table: str, stored: Iterable[Artifact]) -> list[str]:
    """Return the names of a table's shards; none when there is no such table.

    Args:
        table: ``<operation>.<table>``, or ``issues``, which all operations share.
    """
    operation, _, name = table.partition(".")
    folder = f"{operation}/{name}/"
    return [
        artifact.name
        for artifact in stored
        if artifact.name.endswith(".parquet")
        and (artifact.name.startswith(folder) if name else artifact.name == f"{operation}.parquet")
    ]
