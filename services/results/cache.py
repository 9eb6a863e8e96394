"""Local files of a result: the storage's own, or copies in a bounded cache."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from services.base import errors, private, settings
from services.models import stored_files
from services.models.jobs import Artifact

_TEMPORARY = ".fetch-"
_ABANDONED_SECONDS = 3600
"""Age from which a temporary file is a killed process's."""


class Files(Protocol):
    """The stored files of jobs."""

    def list(self, job_id: UUID) -> Sequence[Artifact]:
        """Return a job's files."""

    def local_path(self, job_id: UUID, name: str) -> Path | None:
        """Return a path of a file where the storage has one."""

    def read(self, job_id: UUID, name: str) -> Iterator[bytes]:
        """Return a file's bytes."""


class ShardCache:
    """Finds the shards of a table as local files."""

    def __init__(self, files: Files, config: settings.Settings) -> None:
        """Keep the directory of the copies."""
        self._files = files
        self._directory = config.data_dir / "cache"
        self._limit_bytes = config.result_cache_bytes
        self._lock = threading.Lock()
        self._fetching: dict[Path, threading.Lock] = {}
        self._pinned: Counter[Path] = Counter()

    def files(self, job_id: UUID, table: str) -> list[str]:
        """Return the paths of a table's shards.

        Raises:
            JobNotFoundError: the job does not exist.
            ArtifactNotFoundError: it has no such table.
            StorageError, OutputError: a copy could not be made.
        """
        names = stored_files.shards_of(table, self._files.list(job_id))
        if not names:
            raise errors.ArtifactNotFoundError(f"job {job_id} has no table {table!r}")
        with self.pinned(self._directory / str(job_id) / name for name in names):
            found = [os.fspath(self._local(job_id, name)) for name in names]
            self._evict()
        return found

    def are_there(self, files: Iterable[str]) -> bool:
        """Return whether files are still there, and count as used: a copy may have been evicted, a job deleted."""
        for file in files:
            path = Path(file)
            try:
                if path.is_relative_to(self._directory):
                    os.utime(path)
                elif not path.exists():
                    return False
            except OSError:
                return False
        return True

    @contextlib.contextmanager
    def pinned(self, files: Iterable[str | Path]) -> Iterator[None]:
        """Keep copies from being evicted by this process."""
        paths = [Path(file) for file in files]
        with self._lock:
            self._pinned.update(paths)
        try:
            yield
        finally:
            with self._lock:
                self._pinned.subtract(paths)
                self._pinned += Counter()  # forgets what is no longer pinned

    def made(self, job_id: UUID, name: str, write: Callable[[Path], None]) -> str:
        """Return the path of a file that is made from results, and made again when it was evicted.

        Args:
            job_id: with whose copies it goes.
            name: relative, without its suffix.
            write: fills the empty file that it is given.

        Raises:
            OutputError: it could not be written.
        """
        path = self._directory / str(job_id) / f"{name}.parquet"
        with self.pinned([path]):
            self._once(path, write)
            self._evict()
        return os.fspath(path)

    def forget(self, job_id: UUID) -> None:
        """Remove the copies of a job."""
        shutil.rmtree(self._directory / str(job_id), ignore_errors=True)

    def _local(self, job_id: UUID, name: str) -> Path:
        stored = self._files.local_path(job_id, name)
        if stored is not None:
            return stored
        return self._once(self._directory / str(job_id) / name, lambda path: self._fetch(job_id, name, path))

    def _once(self, copy: Path, write: Callable[[Path], None]) -> Path:
        with self._lock:
            fetching = self._fetching.setdefault(copy, threading.Lock())
        with fetching:
            if self.are_there([os.fspath(copy)]):
                return copy
            self._put(copy, write)
        with self._lock:
            self._fetching.pop(copy, None)
        return copy

    def _fetch(self, job_id: UUID, name: str, path: Path) -> None:
        chunks = self._files.read(job_id, name)
        with path.open("wb") as file:
            file.writelines(chunks)

    def _put(self, copy: Path, write: Callable[[Path], None]) -> None:
        try:
            private.make_directory(copy.parent)
            handle, temporary = tempfile.mkstemp(dir=copy.parent, prefix=_TEMPORARY)
        except OSError as error:
            raise errors.OutputError(f"cannot write to the cache: {error}") from error
        os.close(handle)
        try:
            write(Path(temporary))
            os.replace(temporary, copy)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            if isinstance(error, OSError) and not isinstance(error, errors.PravahError):
                raise errors.OutputError(f"cannot write to the cache: {error}") from error
            raise

    def _evict(self) -> None:
        found = []
        for path in self._directory.glob("*/**/*"):
            with contextlib.suppress(OSError):
                if path.is_file() and not path.relative_to(self._directory).parts[0].startswith("spill-"):
                    found.append((path, path.stat()))
        total = sum(stat.st_size for _, stat in found)
        for path, stat in sorted(found, key=lambda pair: pair[1].st_mtime):
            with self._lock:
                if self._keeps(path, stat):
                    continue
                if total > self._limit_bytes or path.name.startswith(_TEMPORARY):
                    total -= stat.st_size
                    path.unlink(missing_ok=True)

    def _keeps(self, path: Path, stat: os.stat_result) -> bool:
        if path.name.startswith(_TEMPORARY):
            return time.time() - stat.st_mtime < _ABANDONED_SECONDS
        return path in self._pinned
