"""``pravah`` as a process of its own, as a shell starts it, and servers."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import doors
from tests.conftest import free_port, wait_until

REPOSITORY = Path(__file__).resolve().parents[1]
HERE = (sys.executable, "-m", "services.cli.main")
"""The command of this checkout."""


@dataclass
class Server:
    """A server that answers, on a port of its own.

    Attributes:
        log: what it writes to stdout and stderr.
    """

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def get(self, path: str) -> bytes:
        """Return what is at a path; an error status is raised."""
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            found: bytes = answer.read()
            return found

    def is_live(self) -> bool:
        """Return whether it answers."""
        try:
            self.get("/api/health/live")
        except OSError:
            return False
        return True

    def stop(self) -> str:
        """Stop it in order; return its log."""
        self.process.terminate()
        status = self.process.wait(timeout=60)
        log = self.log.read_text()
        assert status == 0, log
        return log


@dataclass
class Pravah:
    """Starts the command line with an environment of its own; `close` ends what was started.

    Attributes:
        command: how `pravah` is called.
    """

    environment: Mapping[str, str]
    directory: Path
    command: Sequence[str | Path] = HERE
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def start(self, *args: str | bytes, **options: Any) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own; stdout and stderr are pipes unless `options` say otherwise."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PRAVAH_")}
        if self.command is HERE:
            environment["PYTHONPATH"] = str(REPOSITORY)
        environment |= {**self.environment, **options.pop("env", {})}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        command = [*options.pop("command", self.command), *args]
        options.setdefault("cwd", self.directory)
        process = subprocess.Popen(command, env=environment, start_new_session=True, **options)
        self.started.append(process)
        return process

    def serve(self, *args: str, port: int | None = None, **options: Any) -> Server:
        """Start a server and return when it answers; it listens on a free port unless one is given.

        Args:
            args: after ``pravah serve``, unless `options` have another ``command``.
        """
        port = port or free_port()
        options.setdefault("command", [*self.command, "serve"])
        environment = {**self.environment, **options.get("env", {})}
        log = self.directory / "server.log"
        with log.open("ab") as output:
            process = self.start(*args, "--port", str(port), stdout=output, stderr=output, **options)
        server = Server(process, f"http://127.0.0.1:{port}", log)
        wait_until(lambda: process.poll() is not None or server.is_live(), f"the server answers; see {log}", seconds=90)
        assert process.poll() is None, log.read_text()
        doors.register(server.url, environment, lambda *words: self._said(*words, port=port))
        self.urls.append(server.url)
        return server

    def run(self, *args: str | bytes, stdin: bytes = b"", **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        process = self.start(*args, stdin=subprocess.PIPE, **options)
        out, err = process.communicate(stdin, timeout=120)
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def _said(self, *args: str, port: int) -> str:
        """Return what a command prints about the server on a port."""
        done = self.run(*args, env={"PRAVAH_PORT": str(port)})
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    def json(self, *args: str | bytes, status: int = 0, **options: Any) -> Any:
        """Run a command with ``--json`` and return its document."""
        done = self.run(*args, "--json", **options)
        assert done.returncode == status, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    def on_terminal(self, *args: str, **options: Any) -> tuple[int, str]:
        """Run a command on a terminal; return its status and everything the terminal got."""
        ours, theirs = pty.openpty()
        process = self.start(*args, stdin=theirs, stdout=theirs, stderr=theirs, **options)
        os.close(theirs)
        shown = bytearray()

        def read() -> None:
            try:
                while chunk := os.read(ours, 65_536):
                    shown.extend(chunk)
            except OSError:
                pass  # Linux says EIO when the last writer has gone

        reader = threading.Thread(target=read)
        reader.start()
        status = process.wait(timeout=120)
        reader.join()
        os.close(ours)
        return status, shown.decode()

    def close(self) -> None:
        """Kill what still runs, and close the pipes."""
        for url in self.urls:
            doors.forget(url)
        for process in self.started:
            kill_group(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process of `Pravah.start` and all its children as ``kill -9`` does; return when the last one is dead."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # A child dies on its own, later than its parent if it has more memory to give back.
    wait_until(lambda: not any(map(is_alive, members(process.pid))), "the whole group is dead")


def members(group: int) -> list[int]:
    """Return the processes of a group, also dead ones that their parent has not reaped."""
    found = ((int(path.parent.name), stat(path)) for path in Path("/proc").glob("[0-9]*/stat"))
    return [pid for pid, fields in found if fields and int(fields[2]) == group]


def is_alive(pid: int) -> bool:
    """Return whether a process runs or is stopped; a zombie has ended."""
    fields = stat(Path(f"/proc/{pid}/stat"))
    # Of a process that is dying the first thread can be a zombie while others still hold its files.
    return bool(fields) and (fields[0] not in {"Z", "X"} or int(fields[17]) > 1)


def stat(path: Path) -> list[str]:
    """Return the fields of proc_pid_stat(5) from the state on, nothing for a process that is gone."""
    try:
        return path.read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
