"""A runner's hold on a job, kept alive by a thread of its own: also while files are staged or stored."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from uuid import UUID

from services import errors, settings
from services.db.engine import Database
from services.jobs import repository

log = logging.getLogger(__name__)


class Lease:
    """Heartbeats from enter to exit.

    Attributes:
        lost: set once the database refused a heartbeat, or did not answer for a whole lease.
    """

    def __init__(self, database: Database, job_id: UUID, token: int, config: settings.Settings) -> None:
        """Keep what a heartbeat needs."""
        self.lost = threading.Event()
        self._database = database
        self._job_id = job_id
        self._token = token
        self._config = config
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"pravah-lease-{job_id}", daemon=True)

    def __enter__(self) -> Lease:
        """Start the heartbeats."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the heartbeats."""
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        held_until = time.monotonic() + self._config.lease_seconds
        while not self._ended.wait(self._config.heartbeat_seconds):
            asked = time.monotonic()
            try:
                with self._database.transaction() as session:
                    kept = repository.heartbeat(session, self._job_id, self._token, self._config.lease_seconds)
            except errors.DatabaseError as error:
                log.warning("no heartbeat for job %s: %s", self._job_id, error)
                kept = time.monotonic() < held_until
            else:
                held_until = asked + self._config.lease_seconds
            if not kept:
                self.lost.set()
                return
