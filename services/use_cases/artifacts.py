"""The stored files of a job: list, open a range, find locally."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from services.base import errors, zips
from services.db import job_files, job_rows
from services.db.database import Database
from services.models import stored_files
from services.models.jobs import Artifact, Status
from services.storage import Storage


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
            JobNotFoundError: the job does not exist.
        """
        with self._database.transaction() as session:
            job_rows.get_row(session, job_id)
            return job_files.artifacts(session, job_id)

    def key(self, job_id: UUID, name: str) -> tuple[Artifact, str]:
        """Return an artifact with its key in the storage.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is none.
        """
        with self._database.transaction() as session:
            row = job_rows.get_row(session, job_id)
            known = {artifact.name: artifact for artifact in job_files.artifacts(session, job_id)}
            token, status = row.fencing_token, row.status
        if name not in known or token is None:
            state = "" if status == Status.COMPLETED else f"; it is {status}"
            raise errors.ArtifactNotFoundError(f"job {job_id} has no artifact {name!r}{state}")
        return known[name], stored_files.storage_prefix(job_id, token) + name

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
            raise errors.InvalidOptionsError(
                f"bytes {start} to {end} are outside the file of {size} bytes", field="Range"
            )
        return ArtifactStream(artifact, start, stop, size, self._storage.open(key, start, stop))

    def read(self, job_id: UUID, name: str) -> Iterator[bytes]:
        """Return an artifact's bytes; errors as `open`."""
        return self.open(job_id, name).chunks

    def zipped(self, job_id: UUID) -> Iterator[bytes]:
        """Return all of a job's files as one ZIP.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no job, or it has no files.
            StorageError: a file could not be read; also while the bytes are taken.
        """
        with self._database.transaction() as session:
            row = job_rows.get_row(session, job_id)
            files = job_files.artifacts(session, job_id)
            token, status, ended = row.fencing_token, row.status, row.finished_at
        if not files or token is None or ended is None:
            raise errors.ArtifactNotFoundError(f"job {job_id} has no files; it is {status}")
        prefix = stored_files.storage_prefix(job_id, token)
        members = (
            zips.Member(one.name, one.size_bytes, self._storage.open(prefix + one.name, 0, one.size_bytes))
            for one in files
        )
        return zips.stream(members, ended)

    def local_path(self, job_id: UUID, name: str) -> Path | None:
        """Return a path of the artifact where the storage has one."""
        return self._storage.local_path(self.key(job_id, name)[1])
