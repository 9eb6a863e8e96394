"""A runner's hold on a job, kept alive by a thread of its own: also while files are stored."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from services import errors, settings
from services.db.engine import Database
from services.jobs import repository

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
"""How soon a cancel is seen."""
_AGAIN_SECONDS = 0.5

T = TypeVar("T")


class Lease:
    """Heartbeats, and a look at the cancel flag, from enter to exit.

    Attributes:
        lost: set once the database refused a heartbeat, or did not answer for a whole lease.
        cancelled: set once somebody asked to cancel, or to pause.
        stopping: set by the runner when it stops.
    """

    def __init__(
        self, database: Database, job_id: UUID, token: int, config: settings.Settings, stopping: threading.Event
    ) -> None:
        """Keep what a heartbeat needs."""
        self.lost = threading.Event()
        self.cancelled = threading.Event()
        self.stopping = stopping
        self._database = database
        self._job_id = job_id
        self._token = token
        self._config = config
        self._ended = threading.Event()
        self._stop_work: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._watch, name=f"pravah-lease-{job_id}", daemon=True)

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

    @property
    def is_over(self) -> bool:
        """True when the work shall end."""
        return self.lost.is_set() or self.cancelled.is_set() or self.stopping.is_set()

    def check(self) -> None:
        """Return while the work shall go on.

        Raises:
            CancelledError: it is lost or cancelled, or the runner stops.
        """
        if self.is_over:
            raise errors.CancelledError(f"job {self._job_id} was cancelled")

    def when_over(self, stop_work: Callable[[], None]) -> None:
        """Have `stop_work` called, possibly more than once, from when the work shall end."""
        self._stop_work = stop_work

    def insist(self, write: Callable[[Session], T]) -> T:
        """Run a transaction, again while the database is away and the lease may still be held.

        Raises:
            DatabaseError: the database did not come back in time.
        """
        while True:
            try:
                with self._database.transaction() as session:
                    return write(session)
            except errors.DatabaseError:
                if self.stopping.is_set() or self.lost.wait(_AGAIN_SECONDS):
                    raise

    def _watch(self) -> None:
        held_until = time.monotonic() + self._config.lease_seconds
        beat_at = time.monotonic() + self._config.heartbeat_seconds
        while not self._ended.wait(_LOOK_SECONDS):
            asked = time.monotonic()
            try:
                hold = self._ask(beat=asked >= beat_at)
                if asked >= beat_at:
                    held_until, beat_at = asked + self._config.lease_seconds, asked + self._config.heartbeat_seconds
            except errors.DatabaseError as error:
                log.warning("no heartbeat for job %s: %s", self._job_id, error)
                hold = repository.Hold.LOST if time.monotonic() >= held_until else repository.Hold.HELD
            if hold is repository.Hold.LOST:
                self.lost.set()
            elif hold is repository.Hold.STOP:
                self.cancelled.set()
            if self.is_over:
                self._stop_work()
            if self.lost.is_set():
                return

    def _ask(self, *, beat: bool) -> repository.Hold:
        with self._database.transaction() as session:
            if beat:
                return repository.heartbeat(session, self._job_id, self._token, self._config.lease_seconds)
            return repository.look(session, self._job_id, self._token)
