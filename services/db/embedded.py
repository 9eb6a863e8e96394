"""The embedded PostgreSQL of a data directory: started on demand, shared by all processes that use it."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import logging
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import IO

from services.base import errors, private
from services.db import postgres

log = logging.getLogger(__name__)

_WARN_SECONDS = 15.0
_WAIT_SECONDS = 400.0
"""For another process that starts or stops the server; longer than both may take."""

_holders: Counter[Path] = Counter()
_users: dict[Path, IO[bytes]] = {}
"""Of each server that this process uses: a file with a shared lock. The kernel releases it when the process dies, also
for a zombie that nobody reaps, and it cannot be mistaken for a later process with the same number."""
_holding = threading.RLock()


def hold(directory: Path) -> str:
    """Start the server as `start` does, and keep it until `release` was called as often.

    Raises:
        DatabaseError: it does not start.
    """
    with _holding:
        url = start(directory)
        _holders[directory] += 1
        return url


def release(directory: Path) -> None:
    """Let go of what `hold` gave; the last holder of the last process stops the server.

    Not left to the interpreter's exit: a server that uvicorn ends with a signal never gets there.
    """
    with _holding:
        _holders[directory] -= 1
        if _holders[directory] <= 0:
            del _holders[directory]
            _leave(directory)


def start(directory: Path) -> str:
    """Start the server if it is not running, and count this process among its users.

    It stops when the last of them exits. A lock file whose process is not this server, as a killed one or a
    restarted container leaves it, is removed first.

    Returns:
        Its URL, on a unix socket.

    Raises:
        DatabaseError: it does not start.
    """
    try:
        private.make_directory(directory)
        real = directory.resolve()
        # Before the lock: who stops the server holds the users' file until it has.
        _join(directory)
        with _own_file(directory.parent / "postgres.lock") as file:
            _lock(file, fcntl.LOCK_EX)
            postgres.start(real)
        return postgres.url(real)
    except Exception as error:  # of many kinds; each means the same to the user
        raise errors.DatabaseError(
            f"the embedded PostgreSQL in {directory} did not start: {_reason(error, directory)}",
            remedy=f"See {directory / 'log'}. Move {directory} away to start with an empty database, or set "
            f"PRAVAH_DATABASE_URL.",
        ) from error


def _reason(error: Exception, directory: Path) -> str:
    if isinstance(error, postgres.ServerError):
        with contextlib.suppress(OSError):
            lines = (directory / "log").read_text(errors="replace").splitlines()
            fatal = [line for line in lines[-20:] if "FATAL" in line]
            if fatal:
                return fatal[-1].partition("FATAL:")[2].strip()
    return str(error).partition("\n")[0] or type(error).__name__


def _own_file(path: Path) -> IO[bytes]:
    """Open a file to lock.

    Raises:
        OSError: it cannot be opened, or another user owns it: with a lock on it he could hold up every start.
    """
    file = private.open_file(path, os.O_CREAT)
    owner = os.fstat(file.fileno()).st_uid
    if owner not in {os.geteuid(), path.parent.stat().st_uid}:
        file.close()
        raise PermissionError(f"{path} belongs to another user ({owner}); remove it")
    return file


def _lock(file: IO[bytes], kind: int) -> None:
    """Wait for a lock; not in silence, and not for ever.

    Raises:
        TimeoutError: another process keeps it.
    """
    begun, is_told = time.monotonic(), False
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return
        waited = time.monotonic() - begun
        if waited > _WAIT_SECONDS:
            raise TimeoutError(f"another process holds a lock on {file.name}")
        if waited > _WARN_SECONDS and not is_told:
            is_told = True
            log.warning("waiting for another process that holds a lock on %s", file.name)
        time.sleep(0.02)


def _join(directory: Path) -> None:
    """Count this process among the users; wait while the last one before is stopping the server."""
    with _holding:
        if directory not in _users:
            file = _own_file(directory.parent / "postgres.users")
            try:
                _lock(file, fcntl.LOCK_SH)
            except BaseException:
                file.close()
                raise
            _users[directory] = file


def _leave(directory: Path) -> None:
    """Stop the server, unless another process uses it."""
    file = _users.pop(directory, None)
    if file is None:
        return
    # Where the directory is gone there is nothing to stop.
    with file, contextlib.suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        postgres.stop(directory.resolve())


@atexit.register
def _leave_all() -> None:
    """Do for a process that ends early what `release` does."""
    for directory in list(_users):
        _leave(directory)
