"""Reads whole files that users name: regular files of a bounded size, opened without blocking."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read(path: Path, limit_bytes: int) -> bytes:
    """Return the content of a regular file.

    A FIFO would keep its reader waiting until somebody writes into it, and a device may have no end.

    Raises:
        OSError: it cannot be read, is not a regular file (EINVAL), or is larger than the limit (EFBIG).
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {limit_bytes:,} bytes", os.fspath(path))
    return content
