"""The thread of a server that sweeps at intervals."""

from __future__ import annotations

import logging
import threading
import time

from services.base import errors
from services.base.loops import Loop
from services.use_cases.retention import RetentionService

log = logging.getLogger(__name__)

_FIRST_SECONDS = 60
"""After the start: a server that is started again and again does not look through its storage each time."""


class Sweeper(Loop):
    """Sweeps until it is stopped; safe beside others on the same database."""

    def __init__(self, retention: RetentionService, every_seconds: float) -> None:
        """Keep what to call; `start` begins."""
        super().__init__("pravah-sweeper", threading.Event())
        self._retention = retention
        self._every_seconds = every_seconds
        self._due_at = 0.0

    def start(self) -> None:
        """Begin, in the background."""
        self._due_at = time.monotonic() + min(_FIRST_SECONDS, self._every_seconds)
        super().start()

    def look(self) -> float | None:
        """Sweep when it is time; return the seconds until the next time."""
        left = self._due_at - time.monotonic()
        if left > 0:
            return left
        try:
            sweep = self._retention.sweep(stopping=self.stopping)
        except errors.CancelledError:
            return None
        finally:
            self._due_at = time.monotonic() + self._every_seconds
        if sweep.jobs or sweep.orphans:
            log.info("%d jobs and %d orphans are gone", len(sweep.jobs), len(sweep.orphans))
        return self._every_seconds
