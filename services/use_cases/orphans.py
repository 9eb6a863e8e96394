"""Files that belong to no job: in the storage, in the work folder, in the cache.

Files are looked at first and jobs afterwards: a job's row is there before its first file, so a file that was seen and
has no job by then never gets one again. What is young is left alone all the same.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from services.base import errors, settings
from services.models.jobs import FINAL
from services.models.retention import Orphan, OrphanKind
from services.models.retention_rules import Known
from services.storage import Entry, Storage

_JOBS = "jobs/"


@dataclass(frozen=True)
class Place:
    """Where a stored file lies.

    Attributes:
        token: of the worker that stored it; ``None`` for the job's own folder.
    """

    job_id: UUID
    token: int | None


@dataclass(frozen=True)
class Found:
    """An orphan, and how to remove it.

    Attributes:
        remove: raises StorageError or OSError when something is left.
    """

    orphan: Orphan
    remove: Callable[[], None]


def place(entry: Entry) -> Place | None:
    """Return where a stored file lies; ``None`` for what no worker has made."""
    parts = entry.key.split("/")
    job_id = _job_id(parts[1]) if len(parts) > 1 and parts[0] == _JOBS.rstrip("/") else None
    if job_id is None:
        return None
    if len(parts) == 2:
        return Place(job_id, None)
    return Place(job_id, int(parts[2])) if parts[2].isascii() and parts[2].isdecimal() else None


def _job_id(name: str) -> UUID | None:
    with contextlib.suppress(ValueError):
        # Only the form that we write: what else is there was made by somebody else.
        return found if str(found := UUID(name)) == name else None
    return None


def stored(storage: Storage) -> dict[Place, list[Entry]]:
    """Return all stored files by place, unfinished ones too.

    Raises:
        StorageError: they could not be listed.
    """
    found: dict[Place, list[Entry]] = defaultdict(list)
    for entries in (storage.entries(_JOBS), storage.unfinished(_JOBS)):
        for entry in entries:
            at = place(entry)
            if at is not None:
                found[at].append(entry)
    return found


def stored_orphans(
    storage: Storage, files: Mapping[Place, list[Entry]], known: Mapping[UUID, Known], before: float
) -> Iterator[Found]:
    """Yield what no job needs and what nobody changed since `before` (seconds since 1970).

    Args:
        files: from `stored`.
        known: all jobs, read after it.
    """
    of_nobody: dict[UUID, list[Entry]] = defaultdict(list)
    for at, entries in files.items():
        job = known.get(at.job_id)
        if job is None:
            of_nobody[at.job_id] += entries
        elif not _is_needed(at, job) and _is_old(entries, before):
            prefix = f"{_JOBS}{at.job_id}/" if at.token is None else f"{_JOBS}{at.job_id}/{at.token}/"
            yield _stored(storage, prefix, entries, is_whole=at.token is not None)
    for job_id, entries in of_nobody.items():
        if _is_old(entries, before):
            yield _stored(storage, f"{_JOBS}{job_id}/", entries, is_whole=True)


def _is_needed(at: Place, job: Known) -> bool:
    return job.status not in FINAL if at.token is None else at.token in job.tokens


def _is_old(entries: Iterable[Entry], before: float) -> bool:
    return max(entry.modified_at for entry in entries) < before


def _stored(storage: Storage, prefix: str, entries: list[Entry], *, is_whole: bool) -> Found:
    def remove() -> None:
        for entry in entries:
            if entry.upload is not None:
                storage.drop(entry)
        if is_whole:
            storage.delete(prefix)

    orphan = Orphan(kind=OrphanKind.STORED, name=prefix, size_bytes=sum(entry.size_bytes for entry in entries))
    return Found(orphan, remove)


@dataclass(frozen=True)
class LocalFolders:
    """Folders of this machine that may be orphans: listed before the jobs are read."""

    work: tuple[Path, ...]
    cache: tuple[Path, ...]


def local(config: settings.Settings) -> LocalFolders:
    """Return the folders of attempts, and of local copies."""
    jobs = [path for path in config.work_dir.glob("*") if _job_id(path.name) and _is_folder(path)]
    work = [path for job in jobs for path in job.glob("*") if path.name.isdecimal() and _is_folder(path)]
    cache = [path for path in (config.data_dir / "cache").glob("*") if _is_folder(path)]
    return LocalFolders(tuple(sorted(work)), tuple(sorted(cache)))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def local_orphans(
    config: settings.Settings, folders: LocalFolders, known: Mapping[UUID, Known], before: float
) -> Iterator[Found]:
    """Yield folders that no job needs and in which nothing changed since `before` (seconds since 1970).

    Args:
        folders: from `local`.
        known: all jobs, read after it.
    """
    # Every attempt of a job that has not ended: the next attempt resumes from what earlier ones left, and a job that
    # is paused, queued or interrupted has no token to be recognised by.
    unfinished = {str(job_id) for job_id, job in known.items() if job.status not in FINAL}
    left = [(OrphanKind.WORK, path) for path in folders.work if path.parent.name not in unfinished]
    left += [(OrphanKind.CACHE, path) for path in folders.cache if _is_unused(path, known)]
    for kind, path in left:
        size_bytes, newest = _measure(path)
        if newest < before and path.exists():
            name = path.relative_to(config.data_dir).as_posix()
            orphan = Orphan(kind=kind, name=name, size_bytes=size_bytes)
            yield Found(orphan, partial(_remove, path))


def _is_unused(path: Path, known: Mapping[UUID, Known]) -> bool:
    # A DuckDB's overflow, named by its process.
    prefix, _, number = path.name.partition("-")
    if prefix == "spill" and number.isdecimal():
        return not Path(f"/proc/{number}").exists()
    job_id = _job_id(path.name)
    return job_id is not None and job_id not in known


def _measure(directory: Path) -> tuple[int, float]:
    """Return the bytes of a folder, and when something in it changed last; what vanishes meanwhile does not count."""
    size_bytes, newest = 0, 0.0
    for place, _, files in os.walk(directory):
        for path in (Path(place), *(Path(place) / name for name in files)):
            with contextlib.suppress(OSError):
                stat = path.lstat()
                newest = max(newest, stat.st_mtime)
                size_bytes += stat.st_size if path != Path(place) else 0
    return size_bytes, newest


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)
    if path.exists():
        raise errors.OutputError(f"{path.name} is not empty")
    with contextlib.suppress(OSError):
        # A job's work folder, once nothing is in it; never the cache itself, which others are about to use.
        if _job_id(path.parent.name):
            path.parent.rmdir()
