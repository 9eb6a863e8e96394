"""Local files of a result: the storage's own, or copies in a bounded cache."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from uuid import UUID

from services import errors, settings
from services.artifacts import ArtifactService


class ShardCache:
    """Finds the shards of a table as local files."""

    def __init__(self, files: ArtifactService, config: settings.Settings) -> None:
        """Keep the directory of the copies."""
        self._files = files
        self._directory = config.data_dir / "cache"
        self._limit_bytes = config.result_cache_bytes
        self._lock = threading.Lock()

    def files(self, job_id: UUID, table: str) -> list[str]:
        """Return the paths of a table's shards.

        Raises:
            JobNotFoundError: there is no such job.
            ArtifactNotFoundError: it has no such table.
        """
        wanted = f"{table}.parquet"
        names = [
            artifact.name
            for artifact in self._files.list(job_id)
            if artifact.name == wanted or (artifact.name.startswith(f"{table}/") and artifact.name.endswith(".parquet"))
        ]
        if not names or "/" in table:  # a shard is no table
            raise errors.ArtifactNotFoundError(f"job {job_id} has no table {table!r}")
        return [os.fspath(self._local(job_id, name)) for name in names]

    def is_there(self, path: str) -> bool:
        """Return whether a file is still there: a copy may have been evicted, a job deleted."""
        return os.path.exists(path)

    def _local(self, job_id: UUID, name: str) -> Path:
        stored = self._files.local_path(job_id, name)
        if stored is not None:
            return stored
        copy = self._directory / str(job_id) / name
        with self._lock:
            if copy.exists():
                os.utime(copy)
                return copy
            copy.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=copy.parent, delete=False) as temporary:
                temporary.writelines(self._files.open(job_id, name).chunks)
            os.replace(temporary.name, copy)
            self._evict(copy)
        return copy

    def _evict(self, newest: Path) -> None:
        copies = sorted((p for p in self._directory.rglob("*") if p.is_file()), key=lambda p: p.stat().st_mtime)
        total = sum(path.stat().st_size for path in copies)
        for path in copies:
            if total <= self._limit_bytes:
                return
            if path != newest:
                total -= path.stat().st_size
                path.unlink(missing_ok=True)
