"""Results on the local file system."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from services import errors
from services.storage.base import CHUNK_BYTES, check_key, check_prefix

_TEMPORARY = ".put-"


class LocalStorage:
    """Objects as files below a directory."""

    def __init__(self, root: Path) -> None:
        """Make the directory if it is missing.

        Raises:
            OutputError: it cannot be made.
        """
        self._root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.OutputError(f"{root} cannot be made: {error}") from error

    def put(self, key: str, path: Path) -> None:
        """Move the file in; across file systems copy, sync, rename."""
        target = self._root / check_key(key)
        try:
            _make_directory(target.parent)
            try:
                # The engine has synced its files; on one file system a rename is all that is left.
                os.replace(path, target)
            except OSError:
                self._copy(path, target)
            _sync_directory(target.parent)
        except OSError as error:
            raise errors.StorageError(f"cannot store {key}: {error}") from error

    @staticmethod
    def _copy(path: Path, target: Path) -> None:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=_TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as copy, path.open("rb") as original:
                shutil.copyfileobj(original, copy, CHUNK_BYTES)
                copy.flush()
                os.fsync(copy.fileno())
            os.replace(name, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Open now, so that a missing object is an error of this call; read lazily."""
        try:
            file = (self._root / check_key(key)).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise errors.ArtifactNotFoundError(f"there is no stored {key}") from None
        except OSError as error:
            raise errors.StorageError(f"cannot read {key}: {error}") from error

        def chunks() -> Iterator[bytes]:
            with file:
                file.seek(start)
                left = None if end is None else end - start
                while left is None or left > 0:
                    chunk = file.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
                    if not chunk:
                        return
                    left = None if left is None else left - len(chunk)
                    yield chunk

        return chunks()

    def size(self, key: str) -> int:
        """Return the file's size."""
        path = self._root / check_key(key)
        if not path.is_file():
            raise errors.ArtifactNotFoundError(f"there is no stored {key}")
        return path.stat().st_size

    def list(self, prefix: str) -> list[str]:
        """Walk the directory of the prefix."""
        directory = self._root / check_prefix(prefix).rpartition("/")[0]
        try:
            files = [path for path in directory.rglob("*") if path.is_file() and not path.name.startswith(_TEMPORARY)]
        except OSError as error:
            raise errors.StorageError(f"cannot list {prefix}: {error}") from error
        keys = (path.relative_to(self._root).as_posix() for path in files)
        return sorted(key for key in keys if key.startswith(prefix))

    def delete(self, prefix: str) -> None:
        """Remove the files, and the directory a prefix with a final slash names."""
        if not prefix:
            raise errors.ArtifactNotFoundError("an empty prefix would delete everything")
        check_prefix(prefix)
        try:
            if prefix.endswith("/"):
                directory = self._root / prefix
                if directory.exists():
                    shutil.rmtree(directory)
                return
            for key in self.list(prefix):
                (self._root / key).unlink(missing_ok=True)
        except OSError as error:
            if isinstance(error, errors.PravahError):
                raise
            raise errors.StorageError(f"cannot delete {prefix}: {error}") from error

    def local_path(self, key: str) -> Path | None:
        """Return the file itself."""
        return self._root / check_key(key)

    def check(self) -> str:
        """Write and remove a probe."""
        try:
            with tempfile.NamedTemporaryFile(dir=self._root, prefix=_TEMPORARY):
                pass
        except OSError as error:
            raise errors.StorageError(f"{self._root} cannot be written: {error}") from error
        return f"local directory {self._root}"


def _make_directory(path: Path) -> None:
    """Make a directory that survives a power failure, as the files in it do."""
    if not path.is_dir():
        _make_directory(path.parent)
        path.mkdir(exist_ok=True)
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
