"""The worker of a server, as a child process: started, watched, and started again when it dies or hangs.

The child is a `pravah serve worker`. The socket that is its stdin has three purposes: a byte says that there is
something to do, its end says that the server stops, or died, and a byte from the child says that it is alive.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.base import units
from services.workers import children

log = logging.getLogger(__name__)

JOBS, SCHEDULES = b"j", b"s"
"""What is new, as the child reads it."""

_DELAYS_SECONDS = (0.5, 1, 2, 5, 10, 30)
_STEADY_SECONDS = 60
"""A worker that ran for so long works; the next one is started without a long delay again."""
_LOOKS = 10
"""How often silence is looked at before it is too long."""


@dataclass(frozen=True)
class State:
    """What the supervisor knows of its worker.

    Attributes:
        pid: of its process; ``None`` while there is none.
        restarts: how often it was started again.
        failures: of the last starts, how many did not last.
        last_end: how the process before ended, in words.
        is_silent: true from when it hangs, probably, until it or the next one gives a sign of life.
    """

    pid: int | None = None
    restarts: int = 0
    failures: int = 0
    last_end: str = ""
    is_silent: bool = False

    def in_words(self) -> str:
        """Return a line about it."""
        line = "restarting" if self.pid is None else f"running as process {self.pid}"
        if self.is_silent and self.pid is not None:
            line += ", no sign of life"
        if not self.restarts:
            return line
        return f"{line}, restarted {units.format_times(self.restarts)} (last end: {self.last_end})"

    @property
    def is_failing(self) -> bool:
        """True when it hangs or does not stay up: one death may be a job's fault, several are its own."""
        return self.is_silent or self.failures >= len(_DELAYS_SECONDS) // 2


class Supervisor:
    """Keeps one worker process running from start to stop."""

    def __init__(
        self, wakes: Mapping[bytes, threading.Event], environment: Mapping[str, str], lease_seconds: float
    ) -> None:
        """Keep what to pass on; `start` begins.

        Args:
            environment: the settings of the worker.
            wakes: by the byte that the worker reads: the event that is set here when there is something to do.
            lease_seconds: without a sign of life after which the worker is killed: others consider it dead too.
        """
        self._wakes = wakes
        self._lease_seconds = lease_seconds
        self._environment = environment
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._child: children.Child | None = None
        self._thread: threading.Thread | None = None
        self.state = State()

    def start(self) -> None:
        """Start the worker, in the background."""
        self._thread = threading.Thread(target=self._supervise, name="pravah-supervisor", daemon=True)
        self._thread.start()
        for word, event in self._wakes.items():
            passing = threading.Thread(target=self._pass_on, args=(word, event), name="pravah-wake", daemon=True)
            passing.start()

    def stop(self) -> None:
        """Stop the worker: it interrupts its jobs, which the next worker resumes."""
        self._stopping.set()
        for event in self._wakes.values():
            event.set()
        with self._lock:
            child = self._child
            if child is not None:
                child.close()
        if self._thread is None:
            return
        self._thread.join(children.STOP_SECONDS)
        if child is not None and self._thread.is_alive():
            log.error("the worker did not stop within %g s and is killed", children.STOP_SECONDS)
            child.process.kill()
        self._thread.join()

    def _pass_on(self, word: bytes, event: threading.Event) -> None:
        while event.wait() and not self._stopping.is_set():
            event.clear()
            with self._lock:
                # Without a worker nothing is lost: the next one looks for itself when it starts.
                if self._child is not None:
                    self._child.tell(word)

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            started_at = time.monotonic()
            end = self._run()
            if self._stopping.is_set():
                return
            is_steady = time.monotonic() - started_at >= _STEADY_SECONDS
            failures = 1 if is_steady else self.state.failures + 1
            delay = _DELAYS_SECONDS[min(failures, len(_DELAYS_SECONDS)) - 1]
            log.error("the worker ended: %s. It is restarted in %g s, and its jobs resume", end, delay)
            restarts = self.state.restarts + 1
            self.state = State(restarts=restarts, failures=failures, last_end=end, is_silent=self.state.is_silent)
            self._stopping.wait(delay)

    def _run(self) -> str:
        """Run a worker to its end; return how it ended."""
        with self._lock:
            if self._stopping.is_set():
                return ""
            try:
                options = ["--supervised", str(self.state.restarts)]
                child = children.Child(options, self._environment, self._lease_seconds)
            except OSError as error:
                return f"it did not start: {error.strerror}"
            self._child = child
        self.state = replace(self.state, pid=child.process.pid)
        while child.look(min(1.0, self._lease_seconds / _LOOKS)):
            is_silent = child.is_silent or (self.state.is_silent and not child.is_up)
            if is_silent != self.state.is_silent:
                self.state = replace(self.state, is_silent=is_silent)
        with self._lock:
            self._child = None
            return child.end()
