"""The worker: claims jobs, runs them in the engine, writes what happens.

One thread looks for work, one more runs each job. Every write carries the job's fencing token: a worker
that lost its lease finds that it can write nothing, stops the engine and forgets the job.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services import engine
from services.base import disk, errors, private, settings
from services.db import job_files, job_rows, outbox, pausing, recovery, registry
from services.db.database import Database, Session
from services.engine import spec
from services.models import findings, stored_files, versions
from services.models.jobs import Artifact, JobError, Progress, Status
from services.storage import Storage
from services.use_cases import artifacts, orphans
from services.use_cases.jobs import JobService
from services.use_cases.owner import Owner
from services.use_cases.sources import SourceService
from services.workers import destinations, inputs, watching
from services.workers.alone import Alone, explained
from services.workers.claim import ANY_JOB, Assignment, Claim
from services.workers.lease import Lease
from services.workers.report import Report, Shared
from services.workers.sharing import Sharing, Signals, is_possible
from services.workers.split_worker import SplitWorker

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_SPLITS_AT_ONCE = 2
"""While one is stored, another one is read."""


@dataclass(frozen=True)
class Finished:
    """What the engine left."""

    outcome: dict[str, Any]
    progress: Progress
    report: Report


class Worker:
    """Runs jobs until it is stopped; safe beside other workers on the same database."""

    def __init__(
        self,
        database: Database,
        jobs: JobService,
        sources: SourceService,
        storage: Storage,
        files: artifacts.ArtifactService,
        config: settings.Settings,
        assignment: Assignment = ANY_JOB,
    ) -> None:
        """Keep the parts; `start` begins.

        Args:
            assignment: which jobs it is for.
        """
        self._database = database
        self._jobs = jobs
        self._storage = storage
        self._config = config
        self._only = assignment.only
        self._restarts = assignment.restarts
        self._is_alone = assignment.is_alone
        self._owner = Owner(database, storage)
        self._is_swept = False
        self._stop = threading.Event()
        self._inputs = inputs.Inputs(jobs, sources, files, config)
        self._id = uuid4()
        self._strange: set[UUID] = set()
        """Jobs that this version does not understand."""
        self._split_worker = SplitWorker(database, self._inputs, storage, config, self._stop)
        signals = Signals(work_there=jobs.submitted, moved=self._split_worker.moved)
        self._sharing = Sharing(database, self._inputs, storage, self._owner, config, self._id, signals)
        self._alone = Alone(database, config, self._clean)
        self._announce_at = 0.0
        self._threads: dict[int, threading.Thread] = {}
        self._split_threads: list[threading.Thread] = []
        self._loop: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        """True while it looks for work."""
        return self._loop is not None and self._loop.is_alive()

    @property
    def is_busy(self) -> bool:
        """True while a job runs."""
        return any(thread.is_alive() for thread in self._threads.values())

    def start(self) -> None:
        """Begin to look for work, in the background."""
        self._loop = threading.Thread(target=self._look, name="pravah-worker", daemon=True)
        self._loop.start()

    def start_one(self) -> bool:
        """Begin with one job, in the background, and look for no other; False when it cannot be had.

        Raises:
            DatabaseError: the server does not answer.
        """
        self._claim()
        return bool(self._threads)

    def stop(self) -> None:
        """Stop: running jobs become INTERRUPTED and wait for the next worker."""
        self._stop.set()
        self._jobs.submitted.set()
        # The loop first: it may be about to start one more job, which must be waited for too.
        if self._loop is not None:
            self._loop.join()
        self._alone.stop()
        for thread in [*self._threads.values(), *self._split_threads]:
            thread.join()
        with contextlib.suppress(errors.DatabaseError), self._database.transaction() as session:
            registry.leave(session, self._id)

    def _look(self) -> None:
        while not self._stop.is_set():
            self._jobs.submitted.clear()
            try:
                if self._recover() or not self._is_swept:
                    self._is_swept = True
                    self._sweep()
                self._announce()
                while not self._stop.is_set() and self._claim():
                    pass
                self._alone.look(self._only)
                self._take_splits()
            except errors.DatabaseError as error:
                self._is_swept = False
                self._revive(error)
            except Exception:
                log.exception("the worker could not look for jobs")
            self._jobs.submitted.wait(_POLL_SECONDS)

    def _revive(self, error: errors.DatabaseError) -> None:
        log.warning("the worker waits for the database: %s", error)
        try:
            self._database.revive()
        except errors.DatabaseError as another:
            log.warning("%s", another)

    def _sweep(self) -> None:
        """Remove the work of jobs that have ended, which a killed process left."""
        folders = list(self._config.work_dir.glob("*"))
        with self._database.transaction() as session:
            unfinished = job_rows.unfinished(session, [path.name for path in folders])
            destinations.settle_recent(session)
        for folder in (path for path in folders if path.name not in unfinished):
            shutil.rmtree(folder, ignore_errors=True)

    def _recover(self) -> bool:
        """Queue jobs without a worker again; return True when a worker died."""
        with self._database.transaction() as session:
            rows = recovery.abandoned(session, self._threads.keys())
            for row in rows:
                log.warning("the worker of job %s crashed", row.id)
                recovery.interrupt(session, row.id, "its worker crashed", died=True)
            recovery.requeue(session)
        return bool(rows)

    def _claim(self) -> bool:
        self._threads = {token: thread for token, thread in self._threads.items() if thread.is_alive()}
        if len(self._threads) >= self._config.concurrency_limit:
            return False
        limit, lease_seconds = self._config.concurrency_limit, self._config.lease_seconds
        try:
            with self._database.transaction() as session:
                row = job_rows.claim(session, limit, lease_seconds, self._only, self._strange, alone=self._is_alone)
                if row is None or row.fencing_token is None:
                    return False
                request = versions.read(row.id, row.request)
                claim = Claim(row.id, row.rerun_of or row.id, row.fencing_token, row.attempt, request)
        except versions.StrangeJobError as error:
            self._leave(error)
            return True
        thread = threading.Thread(target=self._run, args=(claim,), name=f"pravah-job-{claim.job_id}", daemon=True)
        self._threads[claim.token] = thread
        thread.start()
        return True

    def _leave(self, strange: versions.StrangeJobError) -> None:
        """Leave a job to a worker of the version that it was submitted to."""
        self._strange.add(strange.job_id)
        log.warning("this worker leaves a job that its version does not understand to others: %s", strange)
        with self._database.transaction() as session:
            job_rows.note_strange(session, strange, engine.version())

    def _announce(self) -> None:
        """Tell the others that there is one more to share with; a worker of one job is none."""
        if self._only is None and time.monotonic() >= self._announce_at:
            with self._database.transaction() as session:
                registry.forget_dead(session)
                registry.announce(session, self._id, self._config.lease_seconds, self._restarts)
            self._announce_at = time.monotonic() + self._config.heartbeat_seconds

    def _take_splits(self) -> None:
        """Take splits, of jobs of this worker or of others, as long as there are any."""
        self._split_threads = [thread for thread in self._split_threads if thread.is_alive()]
        while (
            self._config.executor == "local" and len(self._split_threads) < _SPLITS_AT_ONCE and not self._stop.is_set()
        ):
            if not self._split_worker.is_wanted(self._only):
                return
            work = (self._only,)
            thread = threading.Thread(target=self._split_worker.work, args=work, name="pravah-split", daemon=True)
            self._split_threads.append(thread)
            thread.start()

    def _run(self, claim: Claim) -> None:
        work = self._config.work_dir / str(claim.job_id) / str(claim.token)
        try:
            with Lease(self._database, claim.job_id, claim.token, self._config, self._stop) as lease:
                self._hold(claim, work, lease)
        except errors.DatabaseError as error:
            log.warning("job %s lost the database and will be taken up again: %s", claim.job_id, error)
        finally:
            self._clear(work)
            self._jobs.submitted.set()
            self._jobs.ended.set()

    def _clear(self, work: Path) -> None:
        """Remove the work of a job that has ended; an attempt that was interrupted leaves its shards to the next."""
        try:
            with self._database.transaction() as session:
                unfinished = job_rows.unfinished(session, [work.parent.name])
        except errors.DatabaseError:
            self._is_swept = False
            return
        if not unfinished:
            shutil.rmtree(work.parent, ignore_errors=True)
            with contextlib.suppress(errors.DatabaseError):
                self._sharing.end(UUID(work.parent.name))
            return
        shutil.rmtree(work / inputs.COPIES, ignore_errors=True)

    def _clean(self, job_id: UUID) -> None:
        """Remove the files of a job whose own process died."""
        self._clear(self._config.work_dir / str(job_id) / "out")
        try:
            self._discard_others(job_id)
        except errors.PravahError as error:
            log.warning("a sweep will remove the files of job %s: %s", job_id, error)

    def _hold(self, claim: Claim, work: Path, lease: Lease) -> None:
        """Run the job and write its end; only a database that stays away is raised."""
        is_completed = False
        try:
            is_completed = self._complete(claim, work / "out", self._execute(claim, work, lease), lease)
        except errors.DatabaseError:
            raise
        except errors.CancelledError:
            self._discard(claim)
            self._end_cancelled(claim, lease)
        except errors.PravahError as error:
            self._discard(claim)
            self._end_failed(claim, lease, error)
        except Exception as error:
            log.exception("job %s failed", claim.job_id)
            self._discard(claim)
            self._end_failed(claim, lease, errors.of_unexpected(error))
        self._tidy(claim, is_completed=is_completed)

    def _tidy(self, claim: Claim, *, is_completed: bool) -> None:
        """Remove what a job that has ended leaves outside its work folder."""
        # Whatever goes wrong here, the job has ended as its row says: its result stays, and a sweep removes the rest.
        try:
            if is_completed:
                destinations.settle(claim.request, claim.origin)
            if claim.attempt > 1 or is_possible(claim.request):
                self._discard_others(claim.job_id)
        except Exception:
            log.exception("job %s has ended, and not all of its temporary files could be removed", claim.job_id)

    def _execute(self, claim: Claim, work: Path, lease: Lease) -> Finished:
        self._make_work(work)
        ready = self._inputs.ready(claim.request, work)
        known = self._inputs.baselines(claim.request, work)
        shared = Shared() if self._is_alone else self._sharing.share(claim, ready, known, work, lease)
        document = self._inputs.document(ready, work / "out", claim.origin, spec.Parts(known, shared.shards))
        lease.check()
        handle = engine.start(document, ready.keys)
        lease.when_over(handle.cancel)
        report = Report(self._database, claim.job_id, claim.token, handle, self._config, shared)
        outcome = watching.outcome(handle, self._config, lease, report.write)
        return Finished(json.loads(outcome), report.progress(), report)

    def _make_work(self, work: Path) -> None:
        try:
            private.make_directory(work)
        except OSError as error:
            raise errors.OutputError(f"cannot create the work folder: {error}") from error
        disk.check(self._config)

    def _complete(self, claim: Claim, folder: Path, finished: Finished, lease: Lease) -> bool:
        """Store the result and complete the job; False when another worker holds it by now."""
        stored = []
        lease.store(self._owner.mark)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            stored.append(Artifact(name=name, media_type=stored_files.media_type(name), size_bytes=path.stat().st_size))
            lease.store(self._storage.put, claim.prefix + name, path)

        def write(session: Session) -> bool:
            # First of all, so that the row is ours and locked for what follows.
            row = job_rows.held_row(session, claim.job_id, claim.token)
            if row is None:
                return job_rows.has_completed(session, claim.job_id, claim.token)
            finished.report.finish(session)
            job_files.replace_artifacts(session, claim.job_id, stored)
            progress = finished.progress.model_dump(mode="json")
            issues = finished.progress.issues
            job_rows.complete(session, claim.job_id, claim.token, finished.outcome, progress, issues)
            outbox.add_findings(session, row, findings.of(finished.outcome))
            return True

        if not lease.insist(write):
            log.warning("job %s lost its lease; its result is dropped", claim.job_id)
            self._discard(claim)
            return False
        return True

    def _discard(self, claim: Claim) -> None:
        """Remove what was stored of this attempt."""
        with contextlib.suppress(errors.StorageError):
            self._storage.delete(claim.prefix)

    def _discard_others(self, job_id: UUID) -> None:
        """Remove what workers that died have stored of a job that has ended; its result stays."""
        with self._database.transaction() as session:
            row = job_rows.ended_row(session, job_id)
        if row is None:
            return
        entries = (
            entry for found in (self._storage.entries, self._storage.unfinished) for entry in found(f"jobs/{job_id}/")
        )
        # Also a directory in which nothing is yet: its worker died before it stored the first file.
        places = {at for entry in entries if (at := orphans.place(entry)) is not None}
        for token in {at.token for at in places} - {None, row.fencing_token}:
            self._storage.delete(stored_files.storage_prefix(job_id, token or 0))

    def _end_cancelled(self, claim: Claim, lease: Lease) -> None:
        """End work that was cancelled: by the user, by a lost lease, or because this worker stops."""

        def write(session: Session) -> None:
            row = job_rows.held_row(session, claim.job_id, claim.token)
            if row is None:
                return
            if row.cancel_requested:
                job_rows.end(session, row.id, Status.CANCELLED, "cancelled")
            elif row.pause_requested:
                pausing.enter(session, row.id, "paused")
            else:
                recovery.interrupt(session, row.id, "its worker was stopped", died=False)

        lease.insist(write)

    def _end_failed(self, claim: Claim, lease: Lease, error: errors.PravahError) -> None:
        failure = JobError.of(explained(error, claim.request.names, self._config) if self._is_alone else error)

        def write(session: Session) -> None:
            row = job_rows.held_row(session, claim.job_id, claim.token)
            if row is not None:
                job_rows.end(session, row.id, Status.FAILED, failure.message, failure)

        lease.insist(write)
