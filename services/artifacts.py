"""The stored files of a job: list, open a range, find locally."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from services import errors
from services.db.engine import Database
from services.jobs import repository
from services.jobs.models import Artifact, Status
from services.storage import Storage

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
    """Return where a runner stores a job's files: its own place, so that one that lost its lease harms nothing."""
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


@dataclass(frozen=True)
class ArtifactStream:
    """A range of an artifact.

    Attributes:
        start, end: the range in bytes; `end` is exclusive.
        size_bytes: of the whole artifact.
    """

    artifact: Artifact
    start: int
    end: int
    size_bytes: int
    chunks: Iterator[bytes]


class ArtifactService:
    """Files of completed jobs."""

    def __init__(self, database: Database, storage: Storage) -> None:
        """Keep both."""
        self._database = database
        self._storage = storage

    def list(self, job_id: UUID) -> list[Artifact]:
        """Return a job's files by name; none before it is completed.

        Raises:
            JobNotFoundError: there is no such job.
        """
        with self._database.transaction() as session:
            repository.get_row(session, job_id)
            return repository.artifacts(session, job_id)

    def key(self, job_id: UUID, name: str) -> tuple[Artifact, str]:
        """Return an artifact with its key in the storage.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is none.
        """
        with self._database.transaction() as session:
            row = repository.get_row(session, job_id)
            known = {artifact.name: artifact for artifact in repository.artifacts(session, job_id)}
            token, status = row.fencing_token, row.status
        if name not in known or token is None:
            state = "" if status == Status.COMPLETED else f"; it is {status}"
            raise errors.ArtifactNotFoundError(f"job {job_id} has no artifact {name!r}{state}")
        return known[name], storage_prefix(job_id, token) + name

    def open(self, job_id: UUID, name: str, start: int = 0, end: int | None = None) -> ArtifactStream:
        """Return the bytes from `start` to before `end`.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is none.
            InvalidOptionsError: the range lies outside.
            StorageError: it could not be read.
        """
        artifact, key = self.key(job_id, name)
        size = artifact.size_bytes
        stop = size if end is None else min(end, size)
        if start < 0 or (start >= size and size > 0) or stop < start:
            raise errors.InvalidOptionsError(f"bytes {start} to {end} lie outside of {size}", field="Range")
        return ArtifactStream(artifact, start, stop, size, self._storage.open(key, start, stop))

    def local_path(self, job_id: UUID, name: str) -> Path | None:
        """Return a path of the artifact where the storage has one."""
        return self._storage.local_path(self.key(job_id, name)[1])
