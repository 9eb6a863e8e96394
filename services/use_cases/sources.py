"""What a user may read: allowed roots, browsing, favourites, S3 prefixes."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic

from services.base import errors, paths, settings
from services.db import job_rows, places
from services.db.database import Database
from services.models.jobs import Source

if TYPE_CHECKING:
    from services.storage.s3 import Access

log = logging.getLogger(__name__)

_LISTED_FOLDERS = 500
_COUNTED_ENTRIES = 10_000
_COUNT_SECONDS = 0.5
"""For counting the files of all listed folders: what takes longer is shown without a number."""
_SUGGESTIONS = 20
UNFINISHED = ".pravah-unfinished"
"""Stands in a destination until its job completes; the engine's ``destination.rs`` puts it there."""
_PART = re.compile(r"\.pravah-.*\.part", re.DOTALL)
"""A file that the engine has not named yet."""


@dataclass(frozen=True)
class Folder:
    """A folder one can enter.

    Attributes:
        files: its own files; ``None`` when it cannot be read, or was not counted for lack of time.
        more: true when there are more than were counted.
    """

    path: str
    name: str
    files: int | None
    more: bool = False


@dataclass(frozen=True)
class Listing:
    """What a directory holds.

    Attributes:
        parents: (path, name) from an allowed root down to the directory itself.
        hidden_folders: folders beyond the listed ones.
    """

    path: str
    parents: tuple[tuple[str, str], ...]
    folders: tuple[Folder, ...]
    files: int
    size_bytes: int
    hidden_folders: int


class SourceService:
    """Which directories and prefixes may be read; browsing, favourites."""

    def __init__(self, config: settings.Settings, database: Database) -> None:
        """Resolve the allowed roots once."""
        self._config = config
        self._database = database
        self._allowed = tuple(dict.fromkeys(Path(os.path.realpath(root)) for root in config.roots))
        for root in self._allowed:
            if not root.is_dir():
                log.warning("the allowed root %s is not a directory", root)
        self._writable = tuple(Path(os.path.realpath(root)) for root in config.allowed_destinations) or self._allowed
        data = config.data_dir
        # Manifests from a pipe: named by their content's digest, so that who names one knows it.
        self._manifests = Path(os.path.realpath(config.manifest_dir))
        # Inside an allowed root, but ours: reading them would show other people's results or database.
        self._closed = tuple(Path(os.path.realpath(data / name)) for name in ("postgres", "work", "results", "cache"))

    def roots(self) -> tuple[Path, ...]:
        """Return the allowed roots that are there, links resolved."""
        return tuple(root for root in self._allowed if root.is_dir())

    def closed(self) -> tuple[Path, ...]:
        """Return Pravah's own directories: no job reads them, also not from above."""
        return self._closed

    def resolve_path(self, path: str, field: str = "source.path") -> Path:
        """Return the real path of something below an allowed root.

        Args:
            field: where the path was given, for the error.

        Raises:
            InvalidOptionsError: it is no path.
            SourceNotFoundError: there is nothing.
            SourceForbiddenError: it lies, links and ``..`` resolved, outside the roots or in Pravah's own data.
        """
        if "\0" in path or not path:
            raise errors.InvalidOptionsError(
                "a path must not be empty and must not contain a NUL character", field=field
            )
        typed = os.path.expanduser(path)
        shown = paths.escape_os(typed)
        real = Path(os.path.realpath(typed))
        # Before anything is looked up there: what exists outside is nobody's business.
        self._check_inside(real, shown)
        try:
            strict = Path(os.path.realpath(typed, strict=True))
        except FileNotFoundError:
            raise errors.SourceNotFoundError(f"{shown} does not exist") from None
        except PermissionError as error:
            raise errors.SourceForbiddenError(f"{shown}: {error.strerror}") from None
        except OSError as error:
            raise errors.SourceNotFoundError(f"{shown}: {error.strerror}") from None
        self._check_inside(strict, shown)
        return strict

    def resolve_destination(self, path: str, source: str | None, field: str) -> Path:
        """Return the real path of a directory that a job may fill.

        Args:
            source: the job's source, which the directory must lie apart from.
            field: the option, for the error.

        Raises:
            InvalidOptionsError: it is no path, is no directory or not empty, or lies in the source or around it.
            SourceForbiddenError: no job may write there.
        """
        if "\0" in path or not path:
            raise errors.InvalidOptionsError(
                "a path must not be empty and must not contain a NUL character", field=field
            )
        real = Path(os.path.realpath(os.path.expanduser(path)))
        shown = paths.escape_os(real)
        if not any(real.is_relative_to(root) and real != root for root in self._writable):
            allowed = ", ".join(paths.escape_os(root) for root in self._writable)
            raise errors.SourceForbiddenError(
                f"{shown} is outside the allowed destinations ({allowed})",
                remedy="Choose a directory below one of them, or add it to PRAVAH_ALLOWED_DESTINATIONS and restart.",
            )
        if any(real.is_relative_to(closed) or closed.is_relative_to(real) for closed in self._closed):
            raise errors.SourceForbiddenError(f"{shown} is used by Pravah itself")
        near = Path(os.path.realpath(source)) if source is not None else None
        if near is not None and (real.is_relative_to(near) or near.is_relative_to(real)):
            message = f"{shown} is inside the source or contains it; choose a separate directory"
            raise errors.InvalidOptionsError(message, field=field)
        try:
            # Whether a marker is one of this job's own, the engine looks at.
            is_free = not real.exists() or (real / UNFINISHED).exists() or _is_empty(real)
        except OSError as error:
            raise errors.InvalidOptionsError(f"{shown}: {error.strerror}", field=field) from None
        if not is_free:
            message = f"{shown} is not empty; choose a new directory, or empty this one"
            raise errors.InvalidOptionsError(message, field=field)
        return real

    def _check_inside(self, real: Path, shown: str) -> None:
        if real.parent == self._manifests:
            return
        if not any(real.is_relative_to(root) for root in self._allowed):
            allowed = ", ".join(paths.escape_os(root) for root in self._allowed)
            raise errors.SourceForbiddenError(f"{shown} is outside the allowed roots ({allowed})")
        if any(real.is_relative_to(closed) for closed in self._closed):
            raise errors.SourceForbiddenError(f"{shown} is used by Pravah itself")

    def _is_open(self, path: Path) -> bool:
        """Return whether a folder may be entered, where its links lead included."""
        with contextlib.suppress(errors.PravahError):
            return bool(self.resolve_path(os.fspath(path)))
        return False

    def resolve(self, path: str) -> Path:
        """Return the real path of a directory below an allowed root.

        Raises:
            SourceNotFoundError, SourceForbiddenError: as `resolve_path`; also when it is no directory.
        """
        real = self.resolve_path(path)
        if not real.is_dir():
            raise errors.SourceNotFoundError(f"{paths.escape_os(real)} is not a directory")
        if not os.access(real, os.R_OK | os.X_OK):
            raise errors.SourceForbiddenError(f"{paths.escape_os(real)} is not readable by this process")
        return real

    def browse(self, path: str) -> Listing:
        """Return what a directory holds, folders with the number of their own files.

        Raises:
            SourceNotFoundError, SourceForbiddenError: as `resolve`.
        """
        real = self.resolve(path)
        folders: list[str] = []
        files = size_bytes = 0
        for entry in _entries(real):
            with contextlib.suppress(OSError):
                if entry.is_dir():
                    folders.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files += 1
                    size_bytes += entry.stat(follow_symlinks=False).st_size
        folders.sort(key=str.casefold)
        until = time.monotonic() + _COUNT_SECONDS
        shown = [self._folder(real / name, until) for name in folders[:_LISTED_FOLDERS]]
        return Listing(
            path=os.fspath(real),
            parents=self._parents(real),
            folders=tuple(folder for folder in shown if folder),
            files=files,
            size_bytes=size_bytes,
            hidden_folders=max(0, len(folders) - _LISTED_FOLDERS),
        )

    def _folder(self, path: Path, until: float) -> Folder | None:
        if not self._is_open(path):
            return None  # a link that leads out, or our own
        name = paths.escape_os(path.name)
        try:
            files = 0
            with os.scandir(path) as scan:
                for entries, entry in enumerate(scan, start=1):
                    files += not entry.is_dir(follow_symlinks=False)
                    if entries >= _COUNTED_ENTRIES:
                        return Folder(os.fspath(path), name, files, more=True)
                    if time.monotonic() > until:
                        return Folder(os.fspath(path), name, None)
        except OSError:
            return Folder(os.fspath(path), name, None)
        return Folder(os.fspath(path), name, files)

    def _parents(self, path: Path) -> tuple[tuple[str, str], ...]:
        root = min((root for root in self._allowed if path.is_relative_to(root)), key=lambda one: len(one.parts))
        chain = [path, *path.parents]
        inside = [one for one in reversed(chain) if one.is_relative_to(root)]
        return tuple((os.fspath(one), paths.escape_os(one if one == root else one.name)) for one in inside)

    def suggest(self, prefix: str) -> list[str]:
        """Return folders that complete a typed path, at most 20; nothing outside the roots."""
        if "\0" in prefix:
            return []
        typed = os.path.expanduser(prefix)
        directory, _, start = typed.rpartition("/")
        with contextlib.suppress(errors.PravahError):
            real = self.resolve(directory or "/")
            names = sorted(e.name for e in _entries(real) if e.name.startswith(start) and e.is_dir())
            found = (real / name for name in names)
            return [os.fspath(path) for path in itertools.islice(filter(self._is_open, found), _SUGGESTIONS)]
        return [os.fspath(root) for root in self.roots() if typed and os.fspath(root).startswith(typed)]

    def recent(self, limit: int = 8) -> list[str]:
        """Return the sources of the newest jobs that may still be read, each once."""
        with self._database.transaction() as session:
            values = job_rows.recent_sources(session, 4 * limit)
        found = []
        for value in values:
            with contextlib.suppress(pydantic.ValidationError, errors.PravahError):
                path = Source.model_validate(value).os_path
                if path:
                    found.append(os.fspath(self.resolve(path)))
        return found[:limit]

    def favourites(self) -> list[str]:
        """Return the favourite directories."""
        with self._database.transaction() as session:
            return places.paths(session)

    def add_favourite(self, path: str) -> None:
        """Add a directory to the favourites.

        Raises:
            SourceNotFoundError, SourceForbiddenError: as `resolve`.
            InvalidOptionsError: its name is not UTF-8.
        """
        real = os.fspath(self.resolve(path))
        try:
            real.encode()
        except UnicodeEncodeError:
            raise errors.InvalidOptionsError("the name of a favourite must be valid UTF-8") from None
        with self._database.transaction() as session:
            places.add(session, real)

    def remove_favourite(self, path: str) -> None:
        """Remove a directory from the favourites, if it is one."""
        known = path.replace("\0", "").encode("utf-8", "replace").decode()  # what the table can hold
        with self._database.transaction() as session:
            places.remove(session, known)

    def check_s3(self, uri: str) -> None:
        """Refuse a prefix outside the allowed ones.

        Raises:
            SourceForbiddenError: PRAVAH_ALLOWED_S3_PREFIXES is set, and none of it holds the prefix.
        """
        allowed = self._config.allowed_s3_prefixes
        if allowed and not any(uri == one.rstrip("/") or uri.startswith(one.rstrip("/") + "/") for one in allowed):
            raise errors.SourceForbiddenError(
                f"{uri} is outside the allowed S3 prefixes ({', '.join(allowed)})",
                remedy="Choose a prefix below an allowed one, or add it to PRAVAH_ALLOWED_S3_PREFIXES and restart.",
            )

    def s3_access(self, source: Source) -> Access | None:
        """Return how the engine reads a prefix; ``None`` for a directory.

        Raises:
            SourceForbiddenError: the prefix lies outside the allowed ones.
            StorageError: the chain of credentials is unusable.
        """
        if source.s3_uri is None:
            return None
        self.check_s3(source.s3_uri)
        # boto3 takes half a second to import; most processes read no bucket.
        from services.storage import s3

        return s3.access(self._config.s3_endpoint_url)


def _is_empty(directory: Path) -> bool:
    """Return whether nothing is there, apart from a marker that a process began and did not get to name."""
    with os.scandir(directory) as scan:
        return all(_PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False) for entry in scan)


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as scan:
            yield from scan
    except OSError as error:
        raise errors.SourceForbiddenError(f"{paths.escape_os(directory)}: {error.strerror}") from None
