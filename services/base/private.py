"""Files and directories for this user alone, whatever the umask. What jobs write to destinations follows the umask."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

_DIRECTORY, _FILE = 0o700, 0o600
_OTHERS = 0o077


def make_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing. One that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    if path.is_dir():
        return
    make_directory(path.parent)
    try:
        path.mkdir(_DIRECTORY)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        path.chmod(_DIRECTORY)


def open_file(path: Path, flags: int = os.O_CREAT | os.O_TRUNC) -> BinaryIO:
    """Open a file of our own for writing; made if `flags` say so. A link in its place is refused.

    Raises:
        OSError: it cannot be opened.
    """

    def opened(name: str, _: int) -> int:
        return os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, _FILE)

    # So the file knows its name, and messages do.
    file = open(path, "wb", opener=opened)  # noqa: SIM115 - the caller closes it
    close(file.fileno())
    return file


def close(path: Path | int) -> None:
    """Take the rights of others away; nothing where only another user may do so, or the file system has no rights."""
    with contextlib.suppress(PermissionError):
        mode = os.stat(path).st_mode
        if mode & _OTHERS:
            os.chmod(path, mode & 0o7700)
