"""What runs behind a process: a worker and the loops beside it, as threads or as a process of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from services.base.loops import Loop
from services.workers.supervisor import Supervisor

if TYPE_CHECKING:
    from services.workers.worker import Worker


class Background:
    """Nothing, until it is started once; then a worker and, in a server, its loops.

    Attributes:
        worker: the one that runs here.
        loops: that run beside it.
        supervisor: of the worker that runs in a process of its own, instead of here.
    """

    def __init__(self) -> None:
        """Start nothing."""
        self.worker: Worker | None = None
        self.loops: Sequence[Loop] = ()
        self.supervisor: Supervisor | None = None

    def start(self, make_worker: Callable[[], Worker], make_loops: Callable[[], Sequence[Loop]] | None) -> Worker:
        """Make and start the threads; a second call gives the same worker.

        Args:
            make_loops: ``None`` for a worker alone.
        """
        if self.worker is None:
            self.worker = make_worker()
            self.worker.start()
            self.loops = () if make_loops is None else make_loops()
            for loop in self.loops:
                loop.start()
        return self.worker

    def worker_state(self) -> tuple[bool, str]:
        """Return whether all is well with the worker of this process, if it has one, and a line about it."""
        if self.supervisor is not None:
            state = self.supervisor.state
            return not state.is_failing, state.in_words()
        if self.worker is not None:
            return self.worker.is_alive, "running here"
        return True, "not in this process"

    def supervise(
        self, wakes: Mapping[bytes, threading.Event], environment: Mapping[str, str], lease_seconds: float
    ) -> None:
        """Start a worker in a process of its own, as `Supervisor` does; a second call does nothing."""
        if self.supervisor is None:
            self.supervisor = Supervisor(wakes, environment, lease_seconds)
            self.supervisor.start()

    def stop(self) -> None:
        """Stop the worker's process, or the loops and then the worker; they can be started again."""
        supervisor, self.supervisor = self.supervisor, None
        if supervisor is not None:
            supervisor.stop()
        loops, self.loops = self.loops, ()
        for loop in loops:
            loop.stop()
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.stop()
