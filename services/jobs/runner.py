"""The runner: claims jobs, runs them in the engine, writes what happens.

One thread looks for work, one more runs each job. Every write carries the job's fencing token: a runner
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
from uuid import UUID

import pydantic
import sqlalchemy as sa
from sqlalchemy.orm import Session

from services import artifacts, disk, engine, errors, findings, operations, settings
from services.db.engine import Database
from services.jobs import baselines, destinations, pausing, repository, spec
from services.jobs.lease import Lease
from services.jobs.models import Artifact, JobError, JobRequest, Progress, Status
from services.jobs.report import Report
from services.jobs.service import JobService
from services.notifications import outbox
from services.retention.owner import Owner
from services.sources import SourceService
from services.storage import Storage

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_PROGRESS_SECONDS = 0.25
# At 2 GB/s a job writes 100 MB in between, less than the default floor under free disk space.
_DISK_SECONDS = 0.05


@dataclass(frozen=True)
class Claim:
    """A job that this runner holds.

    Attributes:
        origin: the job itself, or the one it is a retry of.
    """

    job_id: UUID
    origin: UUID
    token: int
    attempt: int
    request: JobRequest

    @property
    def prefix(self) -> str:
        """Where its files are stored."""
        return artifacts.storage_prefix(self.job_id, self.token)


@dataclass(frozen=True)
class Finished:
    """What the engine left."""

    outcome: dict[str, Any]
    progress: Progress
    report: Report


class Runner:
    """Runs jobs until it is stopped; safe beside other runners on the same database."""

    def __init__(
        self,
        database: Database,
        jobs: JobService,
        sources: SourceService,
        storage: Storage,
        files: artifacts.ArtifactService,
        config: settings.Settings,
        only: UUID | None = None,
    ) -> None:
        """Keep the parts; `start` begins.

        Args:
            only: run this job and no other, as a command in the foreground does.
        """
        self._database = database
        self._jobs = jobs
        self._sources = sources
        self._storage = storage
        self._files = files
        self._config = config
        self._only = only
        self._owner = Owner(database, storage)
        self._stop = threading.Event()
        self._threads: dict[int, threading.Thread] = {}
        self._loop: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        """True while it looks for work."""
        return self._loop is not None and self._loop.is_alive()

    def start(self) -> None:
        """Begin to look for work, in the background."""
        self._loop = threading.Thread(target=self._look, name="pravah-runner", daemon=True)
        self._loop.start()

    def stop(self) -> None:
        """Stop: running jobs become INTERRUPTED and wait for the next runner."""
        self._stop.set()
        self._jobs.submitted.set()
        # The loop first: it may be about to start one more job, which must be waited for too.
        if self._loop is not None:
            self._loop.join()
        for thread in list(self._threads.values()):
            thread.join()

    def _look(self) -> None:
        swept = False
        while not self._stop.is_set():
            self._jobs.submitted.clear()
            try:
                if self._recover() or not swept:
                    self._sweep()
                    swept = True
                while not self._stop.is_set() and self._claim():
                    pass
            except errors.DatabaseError as error:
                log.warning("the runner waits for the database: %s", error)
                self._revive()
            except Exception:
                log.exception("the runner's look for work failed")
            self._jobs.submitted.wait(_POLL_SECONDS)

    def _revive(self) -> None:
        try:
            self._database.revive()
        except errors.DatabaseError as error:
            log.warning("%s", error)

    def _sweep(self) -> None:
        """Remove the work of jobs that have ended, which a killed process left."""
        folders = list(self._config.work_dir.glob("*"))
        with self._database.transaction() as session:
            unfinished = repository.unfinished(session, [path.name for path in folders])
            destinations.settle_recent(session)
        for folder in (path for path in folders if path.name not in unfinished):
            shutil.rmtree(folder, ignore_errors=True)

    def _recover(self) -> bool:
        """Queue jobs without a runner again; return True when a runner died."""
        with self._database.transaction() as session:
            rows = repository.abandoned(session, self._threads.keys())
            for row in rows:
                log.warning("the runner of job %s died", row.id)
                repository.interrupt(session, row, "its runner died", died=True)
        with self._database.transaction() as session:
            repository.requeue(session)
        return bool(rows)

    def _claim(self) -> bool:
        self._threads = {token: thread for token, thread in self._threads.items() if thread.is_alive()}
        if len(self._threads) >= self._config.concurrency_limit:
            return False
        with self._database.transaction() as session:
            row = repository.claim(session, self._config.concurrency_limit, self._config.lease_seconds, self._only)
            if row is None or row.fencing_token is None:
                return False
            try:
                request = JobRequest.model_validate(row.request)
            except pydantic.ValidationError as error:
                message = f"this version does not understand the request: {error.errors()[0]['msg']}"
                failure = errors.InvalidOptionsError(message, remedy="Submit the job anew.")
                repository.end(session, row, Status.FAILED, message, JobError.of(failure))
                return True
            claim = Claim(row.id, row.retry_of or row.id, row.fencing_token, row.attempt, request)
        thread = threading.Thread(target=self._run, args=(claim,), name=f"pravah-job-{claim.job_id}", daemon=True)
        self._threads[claim.token] = thread
        thread.start()
        return True

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
                unfinished = repository.unfinished(session, [work.parent.name])
        except errors.DatabaseError:
            return
        if not unfinished:
            shutil.rmtree(work.parent, ignore_errors=True)
            return
        shutil.rmtree(work / "reference", ignore_errors=True)

    def _hold(self, claim: Claim, work: Path, lease: Lease) -> None:
        """Run the job and write its end; only a database that stays away is raised."""
        try:
            self._complete(claim, work / "out", self._execute(claim, work, lease), lease)
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
            self._end_failed(claim, lease, errors.InternalError(f"{type(error).__name__}: {error}"))

    def _execute(self, claim: Claim, work: Path, lease: Lease) -> Finished:
        self._make_work(work)
        request = claim.request
        access = self._sources.s3_access(request.source)
        source = request.source.os_path if access is None else None
        if source is not None:
            request = request.with_path(self._sources.resolve(source))
        request = spec.with_paths(request, lambda option: str(self._resolve(option, work, source)))
        shards = self._baselines(claim, work)
        document = spec.engine_spec(request, self._config, self._sources, work / "out", claim.origin, shards, access)
        lease.check()
        handle = engine.start(document, access.keys if access is not None else None)
        lease.when_over(handle.cancel)
        report = Report(self._database, claim.job_id, claim.token, handle, self._config)
        outcome = self._outcome(handle, report, lease)
        return Finished(json.loads(outcome), handle.progress(), report)

    def _outcome(self, handle: engine.Handle, report: Report, lease: Lease) -> bytes:
        """Wait for the engine's end; the lease and the disk may stop it.

        Raises:
            LimitExceededError: it was stopped before the disk is full.
            PravahError: what ended the job.
        """
        short: errors.PravahError | None = None
        report_at = time.monotonic() + _PROGRESS_SECONDS
        while not handle.wait(_DISK_SECONDS):
            short = short or self._shortage()
            if lease.is_over or short is not None:
                handle.cancel()
            elif time.monotonic() >= report_at:
                handle.renew()
                report.write()
                report_at = time.monotonic() + _PROGRESS_SECONDS
        try:
            return handle.result()
        except errors.CancelledError:
            if short is None or lease.is_over:
                raise
            raise short from None

    def _shortage(self) -> errors.PravahError | None:
        try:
            disk.check(self._config)
        except errors.PravahError as error:
            return error
        return None

    def _baselines(self, claim: Claim, work: Path) -> dict[str, list[Path]]:
        """Return the shards whose rows are taken over: of the job's baseline, and of its own earlier attempts."""
        found: dict[str, list[Path]] = {}
        baseline = claim.request.baseline
        for name in baselines.reusing(claim.request):
            if baseline is not None and self._jobs.exists(baseline):
                table = f"{name}.{operations.MAIN_TABLE}"
                found[name] = sorted(self._fetch_result(baseline, table, work).glob("*.parquet"))
            found[name] = found.get(name, []) + baselines.left_by_attempts(work, name)
        return found

    def _make_work(self, work: Path) -> None:
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.OutputError(f"the work folder cannot be made: {error}") from error
        disk.check(self._config)

    def _resolve(self, option: spec.PathOption, work: Path, source: str | None) -> Path:
        if option.is_destination:
            return self._sources.resolve_destination(option.value, source, option.field)
        if option.job_id is None:
            return self._sources.resolve_path(option.value)
        return self._fetch_result(option.job_id, f"{option.result_of}.{operations.MAIN_TABLE}", work)

    def _fetch_result(self, job_id: UUID, table: str, work: Path) -> Path:
        names = artifacts.shards_of(table, self._files.list(job_id))
        if not names:
            raise errors.ArtifactNotFoundError(f"job {job_id} has no table {table}")
        local = self._files.local_path(job_id, names[0])
        if local is not None:
            return local.parent
        folder = work / "reference"
        folder.mkdir()
        for name in names:
            with (folder / Path(name).name).open("wb") as copy:
                copy.writelines(self._files.open(job_id, name).chunks)
        return folder

    def _complete(self, claim: Claim, folder: Path, finished: Finished, lease: Lease) -> None:
        stored = []
        self._owner.mark()
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            lease.check()
            name = path.relative_to(folder).as_posix()
            stored.append(Artifact(name=name, media_type=artifacts.media_type(name), size_bytes=path.stat().st_size))
            self._storage.put(claim.prefix + name, path)
        issues = finished.progress.issues
        values = {
            "status": Status.COMPLETED,
            "outcome": finished.outcome,
            "progress": finished.progress.model_dump(mode="json"),
            "issues_count": issues,
            "finished_at": sa.func.clock_timestamp(),
            "lease_expires_at": None,
            "runner": None,
        }

        def write(session: Session) -> bool:
            # First of all, so that the row is ours and locked for what follows.
            row = repository.held_row(session, claim.job_id, claim.token)
            if row is None:
                return False
            finished.report.finish(session)
            repository.replace_artifacts(session, claim.job_id, stored)
            repository.fenced_update(session, claim.job_id, claim.token, **values)
            note = f"{issues:,} issues" if issues else "no issues"
            repository.add_event(session, claim.job_id, Status.COMPLETED, note)
            outbox.add_findings(session, row, findings.of(finished.outcome))
            return True

        if not lease.insist(write):
            log.warning("job %s lost its lease; its result is dropped", claim.job_id)
            self._discard(claim)
            return
        destinations.settle(claim.request, claim.origin)
        if claim.attempt > 1:
            self._discard_earlier(claim)

    def _discard(self, claim: Claim) -> None:
        """Remove what was stored of this attempt."""
        with contextlib.suppress(errors.StorageError):
            self._storage.delete(claim.prefix)

    def _discard_earlier(self, claim: Claim) -> None:
        """Remove what attempts before this one stored and could not remove."""
        with contextlib.suppress(errors.StorageError):
            keys = self._storage.list(f"jobs/{claim.job_id}/")
            for token in {key.split("/")[2] for key in keys} - {str(claim.token)}:
                self._storage.delete(artifacts.storage_prefix(claim.job_id, int(token)))

    def _end_cancelled(self, claim: Claim, lease: Lease) -> None:
        """End work that was cancelled: by the user, by a lost lease, or because this runner stops."""

        def write(session: Session) -> None:
            row = repository.held_row(session, claim.job_id, claim.token)
            if row is None:
                return
            if row.cancel_requested:
                repository.end(session, row, Status.CANCELLED, "cancelled")
            elif row.pause_requested:
                pausing.enter(session, row, "paused")
            else:
                repository.interrupt(session, row, "its runner was stopped", died=False)

        lease.insist(write)

    def _end_failed(self, claim: Claim, lease: Lease, error: errors.PravahError) -> None:
        failure = JobError.of(error)

        def write(session: Session) -> None:
            row = repository.held_row(session, claim.job_id, claim.token)
            if row is not None:
                repository.end(session, row, Status.FAILED, failure.message, failure)

        lease.insist(write)
