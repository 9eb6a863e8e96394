"""A worker in a process of its own, which ends with this process, and is killed when it hangs."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 30
"""For how long a child may stop; it ends itself somewhat sooner."""
START_SECONDS = 120
"""For how long a child may start before it gives its first sign of life."""
_KILL_SECONDS = 5
"""A process that waits for a dead disk does not die of SIGKILL until the disk answers. It does nothing more either."""
_MASKED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class Child:
    """A `pravah serve worker`, connected by a socket that is its stdin.

    A byte from here wakes it; the end of the socket stops it; bytes from there are its signs of life.

    Attributes:
        process: of the worker.
        silent_seconds: for how long it gave no sign of life.
        is_up: true after the first one.
    """

    def __init__(
        self, options: Sequence[str], environment: Mapping[str, str], lease_seconds: float, stderr: int | None = None
    ) -> None:
        """Start it.

        Args:
            environment: its settings, besides the environment of this process.
            lease_seconds: without a sign of life after which it hangs.
            stderr: as for `subprocess.Popen`.

        Raises:
            OSError: it does not start.
        """
        self.silent_seconds = 0.0
        self.is_up = False
        self._lease_seconds = lease_seconds
        self._hears = True
        self._hung_after: float | None = None
        # Not blocking: a child that does not read must not hold up who wakes it. What waits there says enough.
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        # Signals that a terminal or a service manager sends to all processes are for this one, which then closes the
        # socket. The child inherits the mask of this thread.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _MASKED)
        try:
            # Its stdout is not ours: what it says is for the log.
            self.process = subprocess.Popen(
                command(options), stdin=theirs.fileno(), stdout=2, stderr=stderr, env={**os.environ, **environment}
            )
        except OSError:
            self._socket.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def tell(self, word: bytes) -> None:
        """Wake it; a child that has ended hears nothing."""
        with contextlib.suppress(OSError):
            self._socket.send(word)

    def look(self, seconds: float) -> bool:
        """Wait for a sign of life, for at most `seconds`, and kill a child that hangs; return whether it runs.

        Only what is waited here counts as silence: if this process was stopped, or its container frozen, so was the
        child.
        """
        if self._hears:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            if poll.poll(seconds * 1000):
                # Nothing to hear is the end of the process, or of a program that has closed its stdin.
                heard = b""
                with contextlib.suppress(OSError):
                    heard = self._socket.recv(4096)
                self._hears = bool(heard)
                if heard:
                    self.silent_seconds, self.is_up = 0.0, True
                return self.process.poll() is None
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.silent_seconds += seconds
        most = self._lease_seconds if self.is_up else START_SECONDS
        if self.process.poll() is not None or self.silent_seconds < most:
            return self.process.returncode is None
        self._hung_after = most
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_KILL_SECONDS)
        return False

    @property
    def is_silent(self) -> bool:
        """True when half of the time is over after which it hangs, which is at least one heartbeat."""
        return self.is_up and self.silent_seconds >= self._lease_seconds / 2

    def close(self) -> None:
        """Ask it to stop."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def end(self) -> str:
        """Return how it ended, and let go of it."""
        self._socket.close()
        if self.process.stderr is not None:
            self.process.stderr.close()
        if self._hung_after is not None:
            return f"killed after no sign of life for {self._hung_after:g} s"
        return in_words(self.process.wait())


def command(options: Sequence[str]) -> list[str]:
    """Return the command line of a worker that is a child."""
    # The current directory must not hide a module; where Pravah is there itself, it is found by it.
    is_here = Path(__file__).resolve().parents[2] == Path.cwd()
    return [sys.executable, *([] if is_here else ["-P"]), "-m", "services.cli.main", "serve", "worker", *options]


def in_words(status: int) -> str:
    """Return how a process ended, by its exit status."""
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"
