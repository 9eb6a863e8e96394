"""The thread of a server that sweeps from time to time."""

from __future__ import annotations

import logging
import threading

from services import errors
from services.retention.service import RetentionService

log = logging.getLogger(__name__)

_FIRST_SECONDS = 60
"""After the start: a server that is started again and again does not look through its storage each time."""


class Sweeper:
    """Sweeps until it is stopped; safe beside others on the same database."""

    def __init__(self, retention: RetentionService, every_seconds: float) -> None:
        """Keep what to call; `start` begins."""
        self._retention = retention
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pravah-sweeper", daemon=True)

    @property
    def is_alive(self) -> bool:
        """True from start to stop."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End, within the time of one removal or one answer of the storage."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        wait_seconds = min(_FIRST_SECONDS, self._every_seconds)
        while not self._stopping.wait(wait_seconds):
            wait_seconds = self._every_seconds
            try:
                sweep = self._retention.sweep(stopping=self._stopping)
            except errors.CancelledError:
                return
            except errors.DatabaseError as error:
                log.warning("the sweep waits for the database: %s", error)
            except Exception:
                log.exception("a sweep failed")
            else:
                if sweep.jobs or sweep.orphans:
                    log.info("%d jobs and %d orphans are gone", len(sweep.jobs), len(sweep.orphans))
