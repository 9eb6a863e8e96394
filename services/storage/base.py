"""The storage protocol. A key is a relative path with ``/``; every implementation raises the same errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.base import errors

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """An object, or what a put that never ended left of one.

    Attributes:
        modified_at: seconds since 1970, by the storage's clock.
        upload: what the storage calls an unfinished put; ``None`` for an object.
    """

    key: str
    size_bytes: int
    modified_at: float
    upload: str | None = None


class Storage(Protocol):
    """Objects by key."""

    def put(self, key: str, path: Path) -> None:
        """Store a file's content; the object is visible only when it is whole. The file may be moved away.

        Raises:
            StorageError: it could not be stored.
        """

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Return the bytes from `start` to before `end` in chunks of at most 1 MiB; none from behind the object's end.

        Raises:
            ArtifactNotFoundError: there is no such object.
            StorageError: it could not be read.
        """

    def size(self, key: str) -> int:
        """Return an object's size in bytes.

        Raises:
            ArtifactNotFoundError: there is no such object.
        """

    def list(self, prefix: str) -> list[str]:
        """Return the keys that start with `prefix`, sorted.

        Raises:
            ArtifactNotFoundError: the prefix leads out of the storage.
            StorageError: they could not be listed.
        """

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield what is stored below a prefix with its size and time, in any order; what vanishes meanwhile may lack.

        Raises:
            ArtifactNotFoundError: the prefix leads out of the storage.
            StorageError: it could not be listed.
        """

    def unfinished(self, prefix: str) -> Iterator[Entry]:
        """Yield what unfinished puts below a prefix hold: of killed processes, or of ones that are at it.

        Raises:
            ArtifactNotFoundError, StorageError: as `entries`.
        """

    def drop(self, entry: Entry) -> None:
        """Remove what an unfinished put left; gone already is fine.

        Raises:
            StorageError: it could not be removed.
        """

    def delete(self, prefix: str) -> None:
        """Delete every object whose key starts with `prefix`, and what unfinished puts left there; none is fine.

        Raises:
            ArtifactNotFoundError: the prefix is empty, or leads out of the storage.
            StorageError: they could not be deleted.
        """

    def local_path(self, key: str) -> Path | None:
        """Return a path to read the object by, or ``None`` where there is none."""

    def check(self) -> str:
        """Return a line about the storage.

        Raises:
            StorageError: it does not answer.
        """


def check_key(key: str) -> str:
    """Return `key` if it stays inside the storage.

    Raises:
        ArtifactNotFoundError: it has an empty, ``.`` or ``..`` part, or starts with a slash.
    """
    parts = key.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\0" in key or "\\" in key:
        raise errors.ArtifactNotFoundError(f"{key!r} is not a valid artifact name")
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` if it stays inside the storage; it may end in the middle of a name.

    Raises:
        ArtifactNotFoundError: it does not.
    """
    folder, _, rest = prefix.rpartition("/")
    if folder:
        check_key(folder)
    elif prefix.startswith("/"):
        check_key(prefix)
    if rest:
        check_key(rest)
    return prefix
