"""One job shared by several workers: planned into splits, done by all workers, put together by its own.

What the splits have found is a baseline of the job (decision 0016): its own run takes it over, walks the source once
more and computes what is missing. So a split that nobody could do costs time and never a row.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services import engine, operations
from services.base import errors, private, settings
from services.db import job_rows, registry, splits
from services.db.database import Database, Session
from services.engine import spec
from services.models.jobs import JobRequest, Progress, RateSample
from services.storage import Storage
from services.use_cases.owner import Owner
from services.workers import watching
from services.workers.inputs import COPIES, Inputs, Ready
from services.workers.lease import Lease
from services.workers.report import Shared, add_sample

if TYPE_CHECKING:
    from services.workers.claim import Claim
    from services.workers.ray_cluster import RayCluster

log = logging.getLogger(__name__)

_LAST = 4
"""So few splits may be done at any moment."""


def is_possible(request: JobRequest) -> bool:
    """Return whether every operation of a request finds of each file what no other file changes."""
    return all(operations.get(name).splits for name in request.names)


@dataclass(frozen=True)
class Signals:
    """Between the threads of a worker, so that none waits for the other's next look.

    Attributes:
        work_there: set once there are splits.
        moved: set whenever this process has done one.
    """

    work_there: threading.Event
    moved: threading.Event


class Sharing:
    """The side of the worker that holds the job."""

    def __init__(
        self,
        database: Database,
        inputs: Inputs,
        storage: Storage,
        owner: Owner,
        config: settings.Settings,
        worker: UUID,
        signals: Signals,
    ) -> None:
        """Keep the parts.

        Args:
            worker: who does not count as somebody to share with.
        """
        self._database = database
        self._inputs = inputs
        self._storage = storage
        self._owner = owner
        self._config = config
        self._worker = worker
        self._signals = signals
        self._cluster: RayCluster | None = None
        if config.executor == "ray":
            from services.workers.ray_cluster import RayCluster

            self._cluster = RayCluster(config)

    def share(self, claim: Claim, ready: Ready, known: dict[str, list[Path]], work: Path, lease: Lease) -> Shared:
        """Have the files of a job done by all who are there, as far as that pays; return what they found.

        Args:
            known: by operation: shards of earlier attempts and of the baseline; their files are in no split.

        Raises:
            CancelledError: the lease is over.
            PravahError: the source cannot be walked, or the splits cannot be stored.
        """
        if not is_possible(claim.request):
            return Shared()
        planned = lease.insist(lambda session: splits.standing(session, claim.job_id).splits)
        if not planned and not self._plan(claim, ready, known, work, lease):
            return Shared()
        shared = self._wait(claim, lease)
        shared.shards = self._collect(claim, work, lease)
        return shared

    def _plan(self, claim: Claim, ready: Ready, known: dict[str, list[Path]], work: Path, lease: Lease) -> bool:
        """Walk, cut, store the lists, record the splits; False when there is nobody to share with, or too little."""
        lease_seconds = self._config.lease_seconds
        if self._cluster is not None:
            workers = self._cluster.room()
        else:
            workers = 1 + lease.insist(lambda session: registry.count(session, lease_seconds, self._worker))
            if workers == 1:
                return False
        folder = work / "splits"
        private.make_directory(folder)
        document = self._inputs.document(ready, work / "out", claim.origin, spec.Parts(known))
        least = (self._config.split_files, self._config.split_bytes)
        handle = engine.plan(document, folder, *least, workers, ready.keys)
        lease.when_over(handle.cancel)
        planned: list[dict[str, Any]] = json.loads(
            watching.outcome(handle, self._config, lease, lambda: self._write(claim, handle.progress(), []))
        )["splits"]
        if len(planned) < 2:
            return False
        lease.store(self._owner.mark)
        for number, split in enumerate(planned):
            key = splits.list_key(claim.job_id, claim.token, number)
            lease.store(self._storage.put, key, folder / split["list"])

        def write(session: Session) -> None:
            if job_rows.held_row(session, claim.job_id, claim.token) is not None:
                splits.add(session, claim.job_id, claim.token, planned)

        lease.insist(write)
        self._signals.work_there.set()
        log.info("job %s is shared in %d splits", claim.job_id, len(planned))
        return True

    def _wait(self, claim: Claim, lease: Lease) -> Shared:
        """Wait until no split is open, and tell meanwhile how far they are."""
        shared = Shared(stages=1)
        started = time.monotonic()
        told: splits.Standing | None = None
        lease.when_over(lambda: None)
        while True:
            lease.check()
            try:
                with self._database.transaction() as session:
                    splits.free_dead(session, claim.job_id)
                    standing = splits.standing(session, claim.job_id)
            except errors.DatabaseError as error:
                log.warning("the splits of job %s are not looked at: %s", claim.job_id, error)
                lease.lost.wait(watching.REPORT_SECONDS)
                continue
            if self._cluster is not None and standing.waiting:
                self._cluster.see_to(claim.job_id, standing.waiting)
            shared.seconds = time.monotonic() - started
            if standing.left == 0:
                return shared
            if standing != told:
                told, progress = standing, _progress(standing, shared.seconds)
                add_sample(shared.samples, progress)
                self._write(claim, progress, shared.samples)
            self._signals.moved.wait(watching.SPLIT_SECONDS if standing.left > _LAST else watching.REPORT_SECONDS)
            self._signals.moved.clear()

    def _write(self, claim: Claim, progress: Progress, samples: list[RateSample]) -> None:
        try:
            with self._database.transaction() as session:
                job_rows.heartbeat(
                    session,
                    claim.job_id,
                    claim.token,
                    self._config.lease_seconds,
                    progress=progress.model_dump(mode="json"),
                    samples=[sample.model_dump(mode="json") for sample in samples],
                )
        except errors.DatabaseError as error:
            log.warning("progress of job %s is not written: %s", claim.job_id, error)

    def _collect(self, claim: Claim, work: Path, lease: Lease) -> dict[str, list[Path]]:
        """Return paths of the shards that the splits stored, by operation."""
        stored = lease.insist(lambda session: splits.stored(session, claim.job_id))
        found: dict[str, list[Path]] = {}
        for prefix, names in stored.items():
            for name in names:
                lease.check()
                operation = name.partition("/")[0]
                try:
                    found.setdefault(operation, []).append(self._local(prefix, name, work))
                except errors.ArtifactNotFoundError as error:
                    log.warning("job %s computes a part of a split again: %s", claim.job_id, error)
        return found

    def _local(self, prefix: str, name: str, work: Path) -> Path:
        path = self._storage.local_path(prefix + name)
        if path is not None:
            return path
        copy = work / COPIES / prefix / name
        private.make_directory(copy.parent)
        with private.open_file(copy) as file:
            file.writelines(self._storage.open(prefix + name))
        return copy

    def end(self, job_id: UUID) -> None:
        """Remove what the splits of a job have stored, if it has ended; none is fine.

        Raises:
            DatabaseError: the server does not answer.
        """
        if self._cluster is not None:
            self._cluster.forget(job_id)
        with self._database.transaction() as session:
            prefixes = splits.forget(session, job_id)
        try:
            for prefix in prefixes:
                self._storage.delete(prefix)
        except errors.StorageError as error:
            log.warning("a sweep will remove the splits of job %s: %s", job_id, error)


def _progress(standing: splits.Standing, seconds: float) -> Progress:
    by = f"by {standing.workers:,} workers" if standing.workers > 1 else "by one worker"
    done = standing.splits - standing.left
    return Progress(
        stage=f"{done:,} of {standing.splits:,} splits done, {by}",
        stage_index=0,
        stage_count=2,
        files_done=standing.files_done,
        files_total=standing.files,
        bytes_done=standing.bytes_done,
        bytes_total=standing.bytes,
        issues=0,
        bytes_per_second=standing.bytes_done / seconds if seconds > 0 else None,
        elapsed_seconds=seconds,
    )
