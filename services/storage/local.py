"""Results on the local file system."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from services.base import errors, private
from services.storage.base import CHUNK_BYTES, Entry, check_key, check_prefix

_TEMPORARY = ".put-"
_FILE, _EMPTY = "file", "empty directory"


class LocalStorage:
    """Objects as files below a directory."""

    def __init__(self, root: Path) -> None:
        """Make the directory if it is missing.

        Raises:
            OutputError: it cannot be made.
        """
        self._root = root
        try:
            private.make_directory(root)
        except OSError as error:
            raise errors.OutputError(f"cannot create {root}: {error}") from error

    def put(self, key: str, path: Path) -> None:
        """Move the file in; across file systems copy, sync, rename."""
        target = self._root / check_key(key)
        try:
            _make_directory(target.parent)
            private.close(path)
            try:
                # The engine has synced its files; on one file system a rename is all that is left.
                os.replace(path, target)
            except OSError:
                self._copy(path, target)
            _sync_directory(target.parent)
        except OSError as error:
            raise errors.StorageError(
                f"cannot store {key} in {self._root}: {error.strerror or error}",
                remedy="Check the free space and permissions of the data directory (PRAVAH_DATA_DIR), then retry.",
            ) from error

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
            raise errors.ArtifactNotFoundError(f"{key} is not stored") from None
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
            raise errors.ArtifactNotFoundError(f"{key} is not stored")
        return path.stat().st_size

    def list(self, prefix: str) -> list[str]:
        """Name the entries below the prefix."""
        return sorted(entry.key for entry in self.entries(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Walk the directory of the prefix."""
        for path, is_directory in self._walk(prefix):
            if not is_directory and not path.name.startswith(_TEMPORARY):
                yield from self._entry(path)

    def unfinished(self, prefix: str) -> Iterator[Entry]:
        """Find temporary files, and directories that hold nothing."""
        for path, is_directory in self._walk(prefix):
            if is_directory or path.name.startswith(_TEMPORARY):
                yield from self._entry(path, _EMPTY if is_directory else _FILE)

    def drop(self, entry: Entry) -> None:
        """Remove the file, or the directory unless it holds something by now."""
        path = self._root / check_key(entry.key)
        try:
            if entry.upload == _EMPTY:
                path.rmdir()
            else:
                path.unlink()
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENOTEMPTY}:
                raise errors.StorageError(f"cannot remove {entry.key}: {error}") from error

    def _walk(self, prefix: str) -> Iterator[tuple[Path, bool]]:
        """Yield files, and empty directories with True."""

        def fail(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):  # removed meanwhile
                raise errors.StorageError(f"cannot list {prefix}: {error}") from error

        start = self._root / check_prefix(prefix).rpartition("/")[0]
        for place, directories, files in os.walk(start, onerror=fail):
            here = Path(place)
            links = [name for name in directories if (here / name).is_symlink()]  # somebody else's, and not followed
            found = [(here / name, False) for name in (*files, *links)]
            if not directories and not files:
                found.append((here, True))
            yield from (one for one in found if one[0].relative_to(self._root).as_posix().startswith(prefix))

    def _entry(self, path: Path, upload: str | None = None) -> Iterator[Entry]:
        try:
            stat = path.lstat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise errors.StorageError(f"cannot read {path}: {error}") from error
        size_bytes = 0 if upload == _EMPTY else stat.st_size
        yield Entry(path.relative_to(self._root).as_posix(), size_bytes, stat.st_mtime, upload)

    def delete(self, prefix: str) -> None:
        """Remove the files, and the directory a prefix with a final slash names."""
        if not prefix:
            raise errors.ArtifactNotFoundError("an empty prefix would delete everything")
        check_prefix(prefix)
        try:
            if prefix.endswith("/"):
                _remove_tree(self._root / prefix)
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
            raise errors.StorageError(f"cannot write to {self._root}: {error}") from error
        return f"local directory {self._root}"


def _remove_tree(directory: Path) -> None:
    while directory.exists():
        # Another process may remove the same one: what it took away first is no error.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(directory)


def _make_directory(path: Path) -> None:
    """Make a directory that survives a power failure, as the files in it do."""
    if not path.is_dir():
        _make_directory(path.parent)
        private.make_directory(path)
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
