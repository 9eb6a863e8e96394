"""A worker in a process of its own, which ends with this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 30
"""For how long a child may stop; it ends itself somewhat sooner."""
_MASKED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class Child:
    """A `pravah serve worker`. A byte in the pipe to its stdin wakes it; the end of the pipe stops it.

    Attributes:
        process: of the worker.
    """

    def __init__(self, options: Sequence[str], environment: Mapping[str, str], stderr: int | None = None) -> None:
        """Start it.

        Args:
            environment: its settings, besides the environment of this process.
            stderr: as for `subprocess.Popen`.

        Raises:
            OSError: it does not start.
        """
        # Signals that a terminal or a service manager sends to all processes are for this one, which then closes the
        # pipe. The child inherits the mask of this thread.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _MASKED)
        try:
            # Its stdout is not ours: what it says is for the log. Unbuffered, else a wake would wait for more.
            self.process = subprocess.Popen(
                command(options),
                stdin=subprocess.PIPE,
                stdout=2,
                stderr=stderr,
                bufsize=0,
                env={**os.environ, **environment},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if self.process.stdin is not None:
            # A child that does not read must not hold up who wakes it: what waits in the pipe says enough.
            os.set_blocking(self.process.stdin.fileno(), False)

    def tell(self, word: bytes) -> None:
        """Wake it; a child that has ended hears nothing."""
        with contextlib.suppress(OSError, ValueError):
            if self.process.stdin is not None:
                self.process.stdin.write(word)

    def close(self) -> None:
        """Ask it to stop."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def end(self) -> str:
        """Return how it ended, which it has, and close its pipes."""
        for pipe in (self.process.stdin, self.process.stderr):
            if pipe is not None:
                pipe.close()
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
