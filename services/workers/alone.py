"""Jobs on which several workers died: each runs in a worker of its own, with a memory limit.

The worker that finds one starts that process, waits for it, and says in the job's row why it died.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from services.base import errors, identity, settings, units
from services.db import recovery
from services.db.database import Database
from services.db.rows import JobRow
from services.models.jobs import JobError
from services.workers import children, memory

log = logging.getLogger(__name__)

_AGAIN_SECONDS = (5.0, 300.0)
"""Before a job is tried again whose process ended before it began: at first, and at most."""
_WRITE_SECONDS = 0.5
_LOOK_SECONDS = 0.02
_RAISE = "Raise PRAVAH_JOB_MEMORY_BYTES, or leave out the file or option that needs so much memory, and re-run the job."
_SHORT_OF_MEMORY = (
    "memory allocation of",
    "MemoryError",
    "(os error 11)",
    "(os error 12)",
    "can't start new thread",
    "cannot commit OS memory",
    "unable to allocate",
)
"""How a program says that it gets no more memory, also for the stack of a thread."""


class Alone:
    """Starts such jobs, from when they are found until the worker stops."""

    def __init__(self, database: Database, config: settings.Settings, failed: Callable[[UUID], None]) -> None:
        """Keep the parts.

        Args:
            failed: called when such a job has failed, to remove its files.
        """
        self._database = database
        self._config = config
        self._failed = failed
        self._limit_bytes = limit_bytes(config)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: dict[UUID, threading.Thread] = {}
        self._children: dict[UUID, children.Child] = {}
        self._not_before: dict[UUID, tuple[float, float]] = {}
        """When a job may be tried again, and how long that was put off."""

    def look(self, only: UUID | None = None) -> None:
        """Start the process of the next job that has to run alone, if there is one and if it may run now.

        Args:
            only: this job or none.

        Raises:
            DatabaseError: the server does not answer.
        """
        self._threads = {job_id: thread for job_id, thread in self._threads.items() if thread.is_alive()}
        now = time.monotonic()
        besides = {*self._threads, *(job_id for job_id, (at, _) in list(self._not_before.items()) if at > now)}
        with self._database.transaction() as session:
            job_id = recovery.next_alone(session, self._config.concurrency_limit, only, besides)
        if job_id is not None:
            least, most = _AGAIN_SECONDS
            delay = min(2 * self._not_before.get(job_id, (0, least / 2))[1], most)
            self._not_before[job_id] = now + delay, delay
            thread = threading.Thread(target=self._run, args=(job_id,), name=f"pravah-alone-{job_id}", daemon=True)
            self._threads[job_id] = thread
            thread.start()

    def stop(self) -> None:
        """Stop the processes: their jobs become INTERRUPTED."""
        with self._lock:
            self._stopping.set()
            stopped = list(self._children.items())
            for _, child in stopped:
                child.close()
        for job_id, child in stopped:
            self._threads[job_id].join(children.STOP_SECONDS)
            child.process.kill()
        for thread in self._threads.values():
            thread.join()

    def _run(self, job_id: UUID) -> None:
        log.warning("job %s runs alone, with at most %s", job_id, units.format_bytes(self._limit_bytes))
        try:
            with self._lock:
                if self._stopping.is_set():
                    return
                options = ["--supervised", "0", "--alone", str(job_id)]
                environment = {**settings.environment(self._config), **memory.ENVIRONMENT}
                child = children.Child(options, environment, self._config.lease_seconds, subprocess.PIPE)
                self._children[job_id] = child
        except OSError as error:
            log.error("the worker for job %s did not start: %s", job_id, error)
            return
        limit = memory.Limit(child.process.pid, self._limit_bytes)
        # Now: a process that has ended has no identity.
        worker = identity.of(child.process.pid)
        reader = _Reader(child)
        reader.start()
        while child.look(_LOOK_SECONDS):
            limit.look()
        reader.join()
        is_short = limit.is_reached or reader.is_short
        limit.close()
        with self._lock:
            del self._children[job_id]
            how = child.end()
        end = child.process.returncode
        if end == 0:
            # It had the job: if that was paused, or stopped, it may resume at once.
            self._not_before.pop(job_id, None)
        # A process that did not stop in time, and was killed for it, is not at fault.
        elif end != errors.JobConflictError.exit_status and not self._stopping.is_set():
            log.error("the worker for job %s ended: %s", job_id, how)
            self._tell(job_id, worker, how, is_short=is_short)

    def _tell(self, job_id: UUID, worker: str | None, how: str, *, is_short: bool) -> None:
        """Fail the job, if its process held it; one that had not begun yet is tried again, unless for its memory."""

        def error_of(row: JobRow) -> JobError:
            return self._error(row, how, is_short=is_short)

        while True:
            try:
                with self._database.transaction() as session:
                    is_failed = recovery.fail_alone(session, job_id, worker, error_of, is_begun=not is_short)
                break
            except errors.DatabaseError as error:
                log.warning("how job %s ended is not written yet: %s", job_id, error)
                # Whoever finds the job when its lease is over charges it with this death and runs it alone again.
                if self._stopping.wait(_WRITE_SECONDS):
                    return
        if is_failed:
            self._failed(job_id)

    def _error(self, row: JobRow, how: str, *, is_short: bool) -> JobError:
        where = "at its start"
        if row.progress is not None:
            where = f"in stage {row.progress['stage']!r}, after {row.progress['files_done']:,} files"
        limit = units.format_bytes(self._limit_bytes)
        if is_short:
            message = f"{_needs(row.operations, self._limit_bytes)}: its own worker ran out of memory {where}"
            return JobError(code=errors.LimitExceededError.code, message=message, remedy=_RAISE)
        names = ", ".join(row.operations)
        message = f"the job ({names}) crashes its worker: at last its own one {where}, {how}"
        remedy = (
            "If the kernel killed it because the machine ran out of memory, set PRAVAH_JOB_MEMORY_BYTES lower than the "
            f"free memory (now {limit}). Else report a bug, with the log."
        )
        return JobError(code=errors.InternalError.code, message=message, remedy=remedy)


class _Reader(threading.Thread):
    """Writes what a process says to our stderr, until it ends.

    Attributes:
        is_short: true once it said that it gets no more memory.
    """

    def __init__(self, child: children.Child) -> None:
        super().__init__(name="pravah-alone-log", daemon=True)
        self.is_short = False
        self._child = child

    def run(self) -> None:
        assert self._child.process.stderr is not None
        for raw in self._child.process.stderr:
            line = raw.decode(errors="backslashreplace")
            with contextlib.suppress(OSError, ValueError):  # nobody reads our log any more
                sys.stderr.write(line)
                sys.stderr.flush()
            self.is_short = self.is_short or _is_of_memory(line)


def _is_of_memory(text: str) -> bool:
    return any(words in text for words in _SHORT_OF_MEMORY)


def explained(error: errors.PravahError, names: Sequence[str], config: settings.Settings) -> errors.PravahError:
    """Return the error of a job that runs alone in this process: for lack of memory, it is the limit's."""
    if not _is_of_memory(error.message):
        return error
    return errors.LimitExceededError(
        f"{_needs(names, limit_bytes(config))}: its own worker ran out of memory ({error.message})", remedy=_RAISE
    )


def limit_bytes(config: settings.Settings) -> int:
    """Return how much memory a job may use that runs alone."""
    return config.job_memory_bytes or memory.default_bytes()


def _needs(names: Sequence[str], size_bytes: int) -> str:
    return f"the job ({', '.join(names)}) needs more than {units.format_bytes(size_bytes)} of memory"
