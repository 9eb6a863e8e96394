"""Connects the parts. No other module does."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from services import engine, storage
from services.base import errors, private, sample, settings, units
from services.base.loops import Loop
from services.base.once import made_once
from services.db import registry
from services.db.database import Database
from services.use_cases import sources
from services.use_cases.artifacts import ArtifactService
from services.use_cases.jobs import JobService
from services.workers import supervisor
from services.workers.background import Background

# Imported where they start: most commands run no worker.
if TYPE_CHECKING:
    from services.use_cases.comparisons import CompareService
    from services.use_cases.keys import KeyService
    from services.use_cases.presets import PresetService
    from services.use_cases.results import ResultService
    from services.use_cases.retention import RetentionService
    from services.use_cases.schedules import ScheduleService
    from services.workers.worker import Worker

# Results name every file of a source: they are for the user alone.
_PRIVATE = ("work", "results", "cache")
_OWN = frozenset(
    {*_PRIVATE, "manifests", "sample", "postgres", "postgres.lock", "postgres.users", "open.html", "lost+found"}
)
"""What is in a directory that is only Pravah's."""
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Health:
    """State of one part: a line about it, or what is wrong and what to do."""

    part: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, eq=False)
class Services:
    """Everything that dashboard, API and command line use."""

    settings: settings.Settings
    database: Database
    storage: storage.Storage
    jobs: JobService
    artifacts: ArtifactService
    sources: sources.SourceService
    background: Background = field(default_factory=Background)

    # Made when first used: a command imports and opens what it needs.
    @made_once
    def results(self) -> ResultService:
        """Answer questions to results."""
        from services.use_cases.results import ResultService

        return ResultService(self.artifacts, self.jobs, self.settings)

    @made_once
    def comparisons(self) -> CompareService:
        """Compare two results."""
        from services.use_cases.comparisons import CompareService

        return CompareService(self.results, self.jobs)

    @made_once
    def keys(self) -> KeyService:
        """Decide who may come in."""
        from services.use_cases.keys import KeyService

        return KeyService(self.database, self.settings)

    @made_once
    def presets(self) -> PresetService:
        """Make and list saved requests."""
        from services.use_cases.presets import PresetService

        return PresetService(self.database)

    @made_once
    def schedules(self) -> ScheduleService:
        """Make and change rules that start jobs."""
        from services.use_cases.schedules import ScheduleService

        return ScheduleService(self.database, self.jobs, self.settings)

    @made_once
    def retention(self) -> RetentionService:
        """Delete what is beyond the limits."""
        from services.use_cases.retention import RetentionService

        return RetentionService(self.database, self.storage, self.settings)

    @property
    def page_rows_limit(self) -> int:
        """Most rows in a page of a result."""
        return self.settings.page_rows_limit

    def start_worker(self, only: UUID | None = None, restarts: int = 0) -> Worker:
        """Run jobs in this process, start those that are due, and sweep; a second call gives the same worker.

        Args:
            only: run this job, unless another process takes it first, and no other; nothing else is started.
            restarts: how often the server of this worker had to restart it.
        """

        def made_worker() -> Worker:
            return self._made_worker(only=only, restarts=restarts)

        return self.background.start(made_worker, self._made_loops if only is None else None)

    def _made_worker(self, *, only: UUID | None, restarts: int = 0, is_alone: bool = False) -> Worker:
        from services.workers.claim import Assignment
        from services.workers.worker import Worker

        parts = (self.database, self.jobs, self.sources, self.storage, self.artifacts, self.settings)
        return Worker(*parts, Assignment(only, restarts, is_alone))

    def run_alone(self, job_id: UUID, stop: threading.Event) -> bool:
        """Run one job that has to run alone until it ends or `stop` is set; False when another process has taken it.

        Raises:
            DatabaseError: the server does not answer.
        """
        worker = self._made_worker(only=job_id, is_alone=True)
        is_begun = worker.start_one()
        while worker.is_busy and not stop.wait(_LOOK_SECONDS):
            pass
        worker.stop()
        return is_begun

    def supervise_worker(self) -> None:
        """Run jobs, schedules and sweeps in a child process; a second call does nothing.

        Whatever kills it, or if it hangs, this process goes on and starts another one.
        """
        wakes = {supervisor.JOBS: self.jobs.submitted, supervisor.SCHEDULES: self.schedules.changed}
        self.background.supervise(wakes, settings.environment(self.settings), self.settings.lease_seconds)

    def wake(self, words: bytes) -> None:
        """Look at once for what is new: the worker of a server is told so."""
        if supervisor.JOBS in words:
            self.jobs.submitted.set()
        if supervisor.SCHEDULES in words:
            self.schedules.changed.set()

    def _made_loops(self) -> list[Loop]:
        from services.workers.messenger import Messenger
        from services.workers.scheduler import Scheduler
        from services.workers.sweeper import Sweeper

        return [
            Scheduler(self.database, self.jobs, self.schedules),
            Messenger(self.database, self.jobs, self.settings),
            Sweeper(self.retention, self.settings.sweep_seconds),
        ]

    def close(self) -> None:
        """Stop the worker and what runs beside it, close the connections."""
        self.background.stop()
        if "results" in self.__dict__:
            self.results.close()
        self.database.close()

    @property
    def runs_schedules(self) -> bool:
        """True when this process starts what is due."""
        return bool(self.background.loops)

    def health(self) -> list[Health]:
        """Look at every part; an error becomes a line, never an exception."""
        return [
            look("engine", lambda: f"version {engine.version()}"),
            look("database", self._database_line),
            look("storage", self.storage.check),
            look("disk", self._disk_line),
            self._worker_line(),
            self._schedules_line(),
        ]

    def _worker_line(self) -> Health:
        ok, here = self.background.worker_state()

        def say() -> str:
            with self.database.transaction() as session:
                count = registry.count(session, self.settings.lease_seconds)
            return f"{here}, {count:,} in all" if count > 1 else here

        line = look("worker", say)
        remedy = (
            "" if ok else "See the log of the server: it says why the worker ended. A worker that hangs is restarted."
        )
        return Health("worker", ok, line.detail if line.ok else here, remedy)

    def _schedules_line(self) -> Health:
        if self.background.supervisor is not None:
            return Health("schedules", True, "running in the worker")
        ok = all(loop.is_alive for loop in self.background.loops)
        return Health("schedules", ok, "running here" if self.background.loops else "not in this process")

    def _disk_line(self) -> str:
        try:
            free = shutil.disk_usage(self.settings.data_dir).free
        except OSError as error:
            raise errors.OutputError(f"the data directory does not exist: {error.strerror}") from error
        if free < self.settings.min_free_disk_bytes:
            raise errors.LimitExceededError(
                f"only {units.format_bytes(free)} free; no job can start", remedy="Free space or delete old jobs."
            )
        return f"{units.format_bytes(free)} free"

    def _database_line(self) -> str:
        return f"PostgreSQL {self.database.version()}, {'embedded' if self.database.embedded else self.database.url}"


def look(part: str, check: Callable[[], str]) -> Health:
    """Return what a check of a part says; an error becomes a line, never an exception."""
    try:
        return Health(part, True, check())
    except errors.PravahError as error:
        return Health(part, False, error.message, error.remedy)
    except Exception as error:  # a health page must never be what breaks
        return Health(part, False, f"{type(error).__name__}: {error}", "See the log.")


def create_services(config: settings.Settings) -> Services:
    """Open database and storage.

    Raises:
        DatabaseError, StorageError, OutputError: a part cannot be opened.
    """
    with _writing(config):
        private.make_directory(config.data_dir)
        for name in _PRIVATE:
            private.make_directory(config.data_dir / name)
        _close_to_others(config.data_dir)
    store = storage.open_storage(config)
    database = Database(config)
    source_service = sources.SourceService(config, database)
    jobs = JobService(database, source_service, store, config)
    files = ArtifactService(database, store)
    return Services(
        settings=config,
        database=database,
        storage=store,
        jobs=jobs,
        artifacts=files,
        sources=source_service,
    )


def _close_to_others(data_dir: Path) -> None:
    """Close the data directory as an earlier version or somebody else has made it.

    Where it holds other things, as a home does, or /tmp, it stays open, and what is Pravah's in it is closed.
    """
    if {path.name for path in data_dir.iterdir()} <= _OWN:
        private.close(data_dir)
    for name in _OWN - {"postgres", "lost+found"}:
        if (data_dir / name).exists():
            private.close(data_dir / name)


@contextlib.contextmanager
def _writing(config: settings.Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.OutputError(f"cannot write to the data directory {config.data_dir}: {error}") from error


def version() -> str:
    """Return Pravah's version; the engine carries it."""
    return engine.version()


@contextlib.contextmanager
def open_services(config: settings.Settings) -> Iterator[Services]:
    """Yield services that are closed at the end.

    Raises:
        DatabaseError, StorageError, OutputError: a part cannot be opened.
    """
    opened = create_services(config)
    try:
        yield opened
    finally:
        opened.close()


_shared: Services | None = None
_shared_lock = threading.Lock()


def shared_services() -> Services:
    """Return this process's one set of services, opened on first use; dashboard and API share it.

    Makes the sample directory, which the dashboard offers.
    """
    global _shared
    with _shared_lock:
        if _shared is None:
            config = settings.load_settings()
            with _writing(config):
                sample.make(config.sample_dir)
            _shared = create_services(config)
        return _shared


def close_shared_services() -> None:
    """Close what `shared_services` opened."""
    global _shared
    with _shared_lock:
        if _shared is not None:
            _shared.close()
            _shared = None
