"""The threads of a process: its worker, and the loops beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from services.base.loops import Loop

if TYPE_CHECKING:
    from services.workers.worker import Worker


class Background:
    """Nothing, until it is started once; then a worker and, in a server, its loops.

    Attributes:
        worker: the one that runs here.
        loops: that run beside it.
    """

    def __init__(self) -> None:
        """Start nothing."""
        self.worker: Worker | None = None
        self.loops: Sequence[Loop] = ()

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

    def stop(self) -> None:
        """Stop the loops, then the worker; they can be started again."""
        loops, self.loops = self.loops, ()
        for loop in loops:
            loop.stop()
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.stop()
