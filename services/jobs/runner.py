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
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services import artifacts, engine, errors, settings
from services.db.engine import Database
from services.jobs import repository, spec
from services.jobs.lease import Lease
from services.jobs.models import Artifact, JobRequest, Progress, RateSample, Status
from services.jobs.service import JobService
from services.sources import SourceService
from services.storage import Storage

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_PROGRESS_SECONDS = 0.25
_SAMPLES = 240


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
    ) -> None:
        """Keep the parts; `start` begins."""
        self._database = database
        self._jobs = jobs
        self._sources = sources
        self._storage = storage
        self._files = files
        self._config = config
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
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
        for thread in [self._loop, *self._threads]:
            if thread is not None:
                thread.join()

    def _look(self) -> None:
        while not self._stop.is_set():
            self._jobs.submitted.clear()
            try:
                self._recover()
                while not self._stop.is_set() and self._claim():
                    pass
            except errors.DatabaseError as error:
                log.warning("the runner waits for the database: %s", error)
            except Exception:
                log.exception("the runner's look for work failed")
            self._jobs.submitted.wait(_POLL_SECONDS)

    def _recover(self) -> None:
        with self._database.transaction() as session:
            for row in repository.expired(session):
                log.warning("job %s lost its runner and is queued again", row.id)
                repository.interrupt(session, row, "its runner stopped answering")

    def _claim(self) -> bool:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) >= self._config.concurrency_limit:
            return False
        with self._database.transaction() as session:
            row = repository.claim(session, self._config.concurrency_limit, self._config.lease_seconds)
            if row is None or row.fencing_token is None:
                return False
            claimed = (row.id, row.fencing_token, JobRequest.model_validate(row.request))
        thread = threading.Thread(target=self._run, args=claimed, name=f"pravah-job-{row.id}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return True

    def _run(self, job_id: UUID, token: int, request: JobRequest) -> None:
        work = self._config.work_dir / str(job_id) / str(token)
        lease = Lease(self._database, job_id, token, self._config)
        try:
            with lease:
                outcome, progress, issues = self._execute(job_id, token, request, work, lease)
                self._complete(job_id, token, work / "out", outcome, progress, issues, lease)
        except errors.CancelledError:
            self._end_cancelled(job_id, token, lease)
        except errors.DatabaseError as error:
            log.warning("job %s lost the database and will be taken up again: %s", job_id, error)
        except errors.PravahError as error:
            self._end(job_id, token, Status.FAILED, error)
        except Exception as error:
            log.exception("job %s failed", job_id)
            self._end(job_id, token, Status.FAILED, errors.InternalError(f"{type(error).__name__}: {error}"))
        finally:
            shutil.rmtree(work, ignore_errors=True)
            with contextlib.suppress(OSError):
                work.parent.rmdir()
            self._jobs.submitted.set()

    def _execute(
        self, job_id: UUID, token: int, request: JobRequest, work: Path, lease: Lease
    ) -> tuple[dict[str, Any], Progress, int]:
        work.mkdir(parents=True, exist_ok=True)
        self._check_disk()
        request = self._stage(request, work)
        overrides = self._resolve_references(request, work)
        document = spec.engine_spec(request, self._config, self._sources, work / "out", overrides)
        handle = engine.start(document)
        samples: list[RateSample] = []
        while not handle.wait(_PROGRESS_SECONDS):
            if self._stop.is_set() or lease.lost.is_set():
                handle.cancel()
                continue
            self._report(job_id, token, handle, samples, lease)
        outcome = json.loads(handle.result())
        progress = handle.progress()
        with self._database.transaction() as session:
            repository.add_issues(session, job_id, handle.new_issues(repository.ISSUES_WHILE_RUNNING))
            repository.add_shards(session, job_id, token, handle.new_shards())
        return outcome, progress, progress.issues

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._config.data_dir).free
        if free < self._config.min_free_disk_bytes:
            raise errors.LimitExceededError(
                f"only {free:,} bytes are free in the data directory, less than PRAVAH_MIN_FREE_DISK_BYTES",
                remedy="Free space or delete old jobs, then retry.",
            )

    def _stage(self, request: JobRequest, work: Path) -> JobRequest:
        if request.source.path is not None:
            return request.model_copy(
                update={"source": request.source.of_path(self._sources.resolve(request.source.os_path))}
            )
        staged = work / "source"
        staged.mkdir()
        self._sources.stage_s3(request.source.s3_uri or "", staged)
        return request.model_copy(update={"source": request.source.of_path(staged)})

    def _resolve_references(self, request: JobRequest, work: Path) -> dict[str, Any]:
        overrides: dict[str, Any] = {}
        for name, value in spec.path_options(request).items():
            if value.startswith(spec.JOB_REFERENCE):
                overrides[name] = str(self._fetch_result(value.removeprefix(spec.JOB_REFERENCE), work))
            else:
                overrides[name] = str(self._sources.resolve_path(value))
        return overrides

    def _fetch_result(self, text: str, work: Path) -> Path:
        try:
            job_id = UUID(text)
        except ValueError:
            raise errors.InvalidOptionsError(f"job:{text} names no job") from None
        names = [a.name for a in self._files.list(job_id) if a.name.startswith("result/")]
        if not names:
            raise errors.ArtifactNotFoundError(f"job {job_id} has no result")
        local = self._files.local_path(job_id, names[0])
        if local is not None:
            return local.parent
        folder = work / "reference"
        folder.mkdir()
        for name in names:
            with (folder / Path(name).name).open("wb") as copy:
                copy.writelines(self._files.open(job_id, name).chunks)
        return folder

    def _report(self, job_id: UUID, token: int, handle: engine.Handle, samples: list[RateSample], lease: Lease) -> None:
        progress = handle.progress()
        samples.append(
            RateSample(
                elapsed_seconds=round(progress.elapsed_seconds, 3),
                files_done=progress.files_done,
                bytes_done=progress.bytes_done,
            )
        )
        if len(samples) > _SAMPLES:
            del samples[1:-1:2]  # every second one: the chart keeps its shape at half the density
        values = {
            "progress": progress.model_dump(mode="json"),
            "samples": [sample.model_dump(mode="json") for sample in samples],
            "issues_count": progress.issues,
        }
        with self._database.transaction() as session:
            if not repository.heartbeat(session, job_id, token, self._config.lease_seconds, **values):
                lease.lost.set()
                return
            repository.add_issues(session, job_id, handle.new_issues(repository.ISSUES_WHILE_RUNNING))
            repository.add_shards(session, job_id, token, handle.new_shards())
            if repository.is_cancel_requested(session, job_id):
                handle.cancel()

    def _complete(
        self,
        job_id: UUID,
        token: int,
        folder: Path,
        outcome: dict[str, Any],
        progress: Progress,
        issues: int,
        lease: Lease,
    ) -> None:
        prefix = artifacts.storage_prefix(job_id, token)
        stored = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if lease.lost.is_set():
                break
            name = path.relative_to(folder).as_posix()
            stored.append(Artifact(name=name, media_type=artifacts.media_type(name), size_bytes=path.stat().st_size))
            self._storage.put(prefix + name, path)
        values = {
            "status": Status.COMPLETED,
            "outcome": outcome,
            "progress": progress.model_dump(mode="json"),
            "issues_count": issues,
            "finished_at": sa.func.clock_timestamp(),
            "lease_expires_at": None,
        }
        with self._database.transaction() as session:
            written = not lease.lost.is_set() and repository.fenced_update(session, job_id, token, **values)
            if written:
                repository.replace_artifacts(session, job_id, stored)
                repository.add_event(session, job_id, Status.COMPLETED, f"{issues:,} issues" if issues else "no issues")
        if not written:
            log.warning("job %s lost its lease; its result is dropped", job_id)
            self._storage.delete(prefix)

    def _end_cancelled(self, job_id: UUID, token: int, lease: Lease) -> None:
        """End a job whose engine was cancelled: by the user, by a lost lease, or because this runner stops."""
        if lease.lost.is_set():
            return
        with self._database.transaction() as session:
            row = repository.get_row(session, job_id, lock=True)
            if row.fencing_token != token or row.status != Status.RUNNING:
                return
            if self._stop.is_set() and not row.cancel_requested:
                repository.interrupt(session, row, "its runner was stopped")
                return
        self._end(job_id, token, Status.CANCELLED, None)

    def _end(self, job_id: UUID, token: int, status: Status, error: errors.PravahError | None) -> None:
        values: dict[str, Any] = {
            "status": status,
            "finished_at": sa.func.clock_timestamp(),
            "lease_expires_at": None,
        }
        if error is not None:
            values["error"] = {"code": error.code, "message": error.message, "remedy": error.remedy}
        try:
            with self._database.transaction() as session:
                if repository.fenced_update(session, job_id, token, **values):
                    repository.add_event(session, job_id, status, error.message if error else "cancelled")
        except errors.DatabaseError as failure:
            log.warning("job %s ended %s, which could not be written: %s", job_id, status, failure)
