"""A worker's lease of a job. A thread of its own renews it, also while files are stored."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar
from uuid import UUID

from services.base import errors, settings
from services.db import job_rows
from services.db.database import Database, Session

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
_AGAIN_SECONDS = 0.5
_PATIENCE_LEASES = 6
"""For how long a storage that is away is asked again: hours of work wait for it."""
_GRACE_LOOKS = 5
"""For how many looks a lease may be over by our clock: a process that slept wakes so, and may still hold its job."""

T = TypeVar("T")
P = ParamSpec("P")


class Lease:
    """Heartbeats, and a look at the cancel flag, from enter to exit.

    Attributes:
        lost: set once the database refused a heartbeat, or none was answered for a whole lease.
        cancelled: set once somebody asked to cancel, or to pause.
        stopping: set by the worker when it stops.
        ask_seconds: how soon a cancel is seen.
    """

    ask_seconds = _LOOK_SECONDS

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
        self._held_until = 0.0
        # Two: a question that the database does not answer must not keep anybody from seeing how late it is.
        self._threads = [
            threading.Thread(target=work, name=f"pravah-{what}-{job_id}", daemon=True)
            for what, work in (("lease", self._watch), ("lease-end", self._expire))
        ]

    def __enter__(self) -> Lease:
        """Start the heartbeats."""
        self._held_until = time.monotonic() + self._config.lease_seconds
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the heartbeats."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def is_over(self) -> bool:
        """True when the work shall end."""
        return self.lost.is_set() or self.cancelled.is_set() or self.stopping.is_set()

    def check(self) -> None:
        """Return while the work shall go on.

        Raises:
            CancelledError: it is lost or cancelled, or the worker stops.
        """
        if self.is_over:
            raise errors.CancelledError(f"job {self._job_id} was cancelled")

    def when_over(self, stop_work: Callable[[], None]) -> None:
        """Have `stop_work` called, possibly more than once, from when the work shall end."""
        self._stop_work = stop_work

    def insist(self, write: Callable[[Session], T]) -> T:
        """Run a transaction, again while the database is away and the lease may still be held, and once more then.

        A commit may have happened though its answer was lost: `write` has to see that it has.

        Raises:
            DatabaseError: the database did not come back in time.
        """
        while True:
            is_last = self.stopping.is_set() or self.lost.is_set()
            try:
                with self._database.transaction() as session:
                    return write(session)
            except errors.DatabaseError:
                if is_last:
                    raise
                self.lost.wait(_AGAIN_SECONDS)

    def store(self, put: Callable[P, object], *given: P.args, **named: P.kwargs) -> None:
        """Have something stored, again while the storage is away and the work shall go on.

        Raises:
            CancelledError: it shall not.
            StorageError: the storage refused, or did not come back in time.
        """
        give_up_at = time.monotonic() + _PATIENCE_LEASES * self._config.lease_seconds
        while True:
            self.check()
            try:
                put(*given, **named)
                return
            except errors.StorageError as error:
                if not error.is_passing or time.monotonic() >= give_up_at:
                    raise
                log.warning("job %s waits for the storage: %s", self._job_id, error)
            self.lost.wait(_AGAIN_SECONDS)

    def _watch(self) -> None:
        asked_at = -math.inf
        beaten_at = time.monotonic()
        while not self._ended.wait(_LOOK_SECONDS):
            now = time.monotonic()
            if _is_due(asked_at, self.ask_seconds, now):
                asked_at = now
                beat = _is_due(beaten_at, self._config.heartbeat_seconds, now)
                if self._is_answered(beat=beat) and beat:
                    self._held_until = now + self._config.lease_seconds
                    beaten_at = now
            if self.is_over:
                self._stop_work()
            if self.lost.is_set():
                return

    def _is_answered(self, *, beat: bool) -> bool:
        try:
            with self._database.transaction() as session:
                hold = self._ask(session, beat=beat)
        except errors.DatabaseError as error:
            log.warning("no heartbeat for job %s: %s", self._job_id, error)
            return False
        if hold is job_rows.Hold.LOST:
            self.lost.set()
        elif hold is job_rows.Hold.STOP:
            self.cancelled.set()
        return True

    def _expire(self) -> None:
        """Give the job up when a whole lease has passed without a heartbeat that was answered."""
        late = 0
        while late <= _GRACE_LOOKS:
            if self._ended.wait(_LOOK_SECONDS) or self.lost.is_set():
                return
            late = late + 1 if time.monotonic() >= self._held_until else 0
        log.warning("job %s is given up: no response to heartbeats for a whole lease", self._job_id)
        self.lost.set()
        self._stop_work()

    def _ask(self, session: Session, *, beat: bool) -> job_rows.Hold:
        if beat:
            return job_rows.heartbeat(session, self._job_id, self._token, self._config.lease_seconds)
        return job_rows.look(session, self._job_id, self._token)


def _is_due(since: float, seconds: float, now: float) -> bool:
    """Return whether some seconds have passed; a clock that was set back must not put off a heartbeat."""
    return not 0 <= now - since < seconds
