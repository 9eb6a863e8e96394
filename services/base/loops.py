"""A thread that works, then waits until it is woken or until something is due."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

from services.base import errors

log = logging.getLogger(__name__)

_LONGEST_SECONDS = 10.0
"""Without a look: another process may have written what is due sooner, and nobody here is woken by it."""
_SHORTEST_SECONDS = 0.05


class Loop(ABC):
    """Looks again and again for what is due, from start to stop.

    Attributes:
        stopping: set once it is to end.
    """

    def __init__(self, name: str, wake: threading.Event) -> None:
        """Keep the parts; `start` begins.

        Args:
            name: of the thread.
            wake: set by whoever has made something due; no other loop waits for it.
        """
        self._name = name
        self._wake = wake
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def look(self) -> float | None:
        """Do what is due; return the seconds until more is, or ``None`` when nothing is known of."""

    @property
    def is_alive(self) -> bool:
        """True from start to stop."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin, in the background."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the work at hand."""
        self.stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self.stopping.is_set():
            self._wake.clear()
            if self.stopping.is_set():
                return  # between the look and the clearing
            seconds: float | None = None
            try:
                seconds = self.look()
            except errors.DatabaseError as error:
                log.warning("%s waits for the database: %s", self._name, error)
            except Exception:
                log.exception("%s failed and is repeated", self._name)
            wait = _LONGEST_SECONDS if seconds is None else seconds
            self._wake.wait(min(max(wait, _SHORTEST_SECONDS), _LONGEST_SECONDS))
