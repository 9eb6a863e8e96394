"""Splits on a Ray cluster: its tasks take them as workers do, from the database, and store what they find.

Ray only gives processes. Who has which split, and what is done, PostgreSQL says: a task or a node that dies is a worker
that dies.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from services import storage
from services.base import errors, settings
from services.db.database import Database
from services.use_cases import artifacts, sources
from services.use_cases.jobs import JobService
from services.workers.inputs import Inputs
from services.workers.split_worker import SplitWorker

log = logging.getLogger(__name__)

_START = threading.Lock()


class RayCluster:
    """The cluster of the settings; nothing is started before the first job is shared."""

    def __init__(self, config: settings.Settings) -> None:
        """Look whether Ray is there.

        Raises:
            InvalidOptionsError: it is not installed.
        """
        # Its own handler of signals prints a stack and ends a server that is only asked to stop.
        os.environ.setdefault("RAY_DISABLE_FAILURE_SIGNAL_HANDLER", "1")
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError:
            raise errors.InvalidOptionsError(
                "PRAVAH_EXECUTOR: ray is not installed", remedy="Install it: pip install 'pravah[ray]'."
            ) from None
        self._config = config
        self._threads = config.engine_threads or 1
        self._tasks: dict[UUID, list[Any]] = {}

    def room(self) -> int:
        """Return how many tasks fit on the cluster.

        Raises:
            LimitExceededError: it has fewer CPUs than a task takes.
            StorageError: it does not answer.
        """
        with self._answering():
            self._connect()
            room = int(self._ray.cluster_resources().get("CPU", 0)) // self._threads
        if room == 0:
            raise errors.LimitExceededError(
                f"the Ray cluster has fewer than {self._threads} CPUs",
                remedy="Lower PRAVAH_ENGINE_THREADS, or add nodes to the cluster.",
            )
        return room

    def see_to(self, job_id: UUID, waiting: int) -> None:
        """Have as many tasks at a job's splits as the cluster has room for; called again and again until all are done.

        Args:
            waiting: splits that nobody has.

        Raises:
            LimitExceededError, StorageError: as `room`.
        """
        config = self._config.model_copy(update={"engine_threads": self._threads, "executor": "local"})
        room = self.room()
        with self._answering():
            tasks = self._tasks.get(job_id, [])
            running = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)[1] if tasks else []
            work = self._ray.remote(num_cpus=self._threads, max_retries=0)(work_on)
            added = [work.remote(config, job_id) for _ in range(min(waiting, room - len(running)))]
        self._tasks[job_id] = running + added

    def forget(self, job_id: UUID) -> None:
        """Drop what is known of a job that has ended; a task that is still at it finds that there is nothing to do."""
        self._tasks.pop(job_id, None)

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (self._ray.exceptions.RayError, ConnectionError, RuntimeError) as error:
            raise errors.StorageError(
                f"the Ray cluster does not respond: {error}", remedy="Check PRAVAH_RAY_ADDRESS, then re-run the job."
            ) from error

    def _connect(self) -> None:
        with _START:
            if self._ray.is_initialized():
                return
            # Its own address setting wins, as everywhere with Ray; without one a cluster of this machine is started.
            self._ray.init(
                address=self._config.ray_address,
                namespace="pravah",
                log_to_driver=False,
                configure_logging=False,
                include_dashboard=None if self._config.ray_address else False,
            )


def work_on(config: settings.Settings, job_id: UUID) -> int:
    """Run splits of a job until none is left; return how many this process did.

    Raises:
        DatabaseError, StorageError: a part cannot be opened from this node.
    """
    database = Database(config)
    try:
        store = storage.open_storage(config)
        source_service = sources.SourceService(config, database)
        files = artifacts.ArtifactService(database, store)
        jobs = JobService(database, source_service, store, config)
        split_worker = SplitWorker(
            database, Inputs(jobs, source_service, files, config), store, config, threading.Event()
        )
        return split_worker.work(job_id)
    finally:
        database.close()
