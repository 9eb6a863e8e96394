"""Use cases on jobs; one public method is one transaction."""

from __future__ import annotations

import builtins
import logging
import os
import shutil
import threading
import time
import uuid
from uuid import UUID

from services import engine
from services.base import errors, paths, settings
from services.db import baselines, job_rows, job_views, pausing, recovery, removals, sums, waiting
from services.db import job_files as file_rows
from services.db.database import ConstraintError, Database, Session
from services.db.rows import JobRow
from services.engine import spec
from services.models import request_paths
from services.models.jobs import FINAL, LATEST, IssueView, JobFilter, JobPage, JobRequest, JobView, Status, id_digits
from services.models.previews import Preview, RecordsPreview
from services.storage import Storage
from services.use_cases import job_files
from services.use_cases.sources import SourceService

log = logging.getLogger(__name__)

_PREVIEW_FILES = 200_000
_PREVIEW_SECONDS = 1.5


class JobService:
    """Submit, list, pause, cancel, re-run and delete jobs."""

    def __init__(self, database: Database, sources: SourceService, storage: Storage, config: settings.Settings) -> None:
        """Keep the parts; nothing is opened."""
        self._database = database
        self._sources = sources
        self._storage = storage
        self._config = config
        self.submitted = threading.Event()
        """Set by every submit: a worker in this process starts at once."""
        self.ended = threading.Event()
        """Set when a worker of this process has ended a job: who is to be told of it hears at once."""

    def submit(self, request: JobRequest, *, rerun_of: UUID | None = None) -> tuple[JobView, bool]:
        """Queue a job.

        Returns:
            The job, and whether it is new: the same idempotency key with the same request gives the old one.

        Raises:
            InvalidOptionsError, SourceNotFoundError, SourceForbiddenError: nothing was queued.
            JobConflictError: the key was used for another request.
            QueueFullError: too many jobs wait.
        """
        earlier = self._known(request)
        if earlier is not None:
            return earlier, False
        request = self.check(request)
        try:
            with self._database.transaction() as session:
                self._hold(session, request, rerun_of)
                if waiting.are_at_least(session, self._config.queued_jobs_limit):
                    limit = f"{self._config.queued_jobs_limit:,}"
                    raise errors.QueueFullError(f"{limit} jobs are in the queue already; the limit is {limit}")
                row = job_rows.insert_job(session, uuid.uuid4(), request, rerun_of)
                position = job_rows.queue_positions(session, [row.id]).get(row.id)
                view = job_views.to_view(row, position)
        except ConstraintError:
            # Two submits with one key at once: the other one was first.
            return self._known(request) or errors_missing(), False
        self.submitted.set()
        return view, True

    def _known(self, request: JobRequest) -> JobView | None:
        # Before the source is looked at: a repeated submit gives its job also when the source is gone by now.
        if not request.idempotency_key:
            return None
        with self._database.transaction() as session:
            row = job_rows.find_by_key(session, request.idempotency_key)
            if row is None:
                return None
            request = request_paths.with_paths(request.validated(), _as_stored)
            if request.source.path is not None:
                request = request.with_path(os.path.realpath(os.path.expanduser(request.source.os_path)))
            return job_views.to_view(self._same(row, request))

    def check(self, request: JobRequest) -> JobRequest:
        """Return a request as it is stored: options completed, paths resolved.

        Raises:
            InvalidOptionsError, SourceNotFoundError, SourceForbiddenError: as for `submit`.
        """
        request = request.validated()
        if request.source.path is not None:
            request = request.with_path(self._sources.resolve(request.source.os_path))
        else:
            self._sources.check_s3(request.source.s3_uri or "")
        request = request_paths.with_paths(request, lambda option: self._placed(option, request))
        for option in request_paths.path_options(request):
            if option.is_destination:
                continue
            if option.job_id is None:
                self._sources.resolve_path(option.value, option.field)
            else:
                self._check_reference(option, option.job_id)
        with self._database.transaction() as session:
            baselines.check(session, request)
        engine.check(spec.checked_spec(request, self._config, self._sources))
        return request

    def _hold(self, session: Session, request: JobRequest, rerun_of: UUID | None) -> None:
        """Keep the jobs that a new one names from being deleted until it is there to be seen."""
        named = request_paths.job_references(request.model_dump(mode="json"))
        there = removals.hold(session, named | ({rerun_of} if rerun_of else set()))
        gone = sorted(named - there)
        if gone:
            message = f"job {gone[0]} was deleted in the meantime"
            raise errors.InvalidOptionsError(message, remedy="Choose a completed job.", field="operations")

    def _placed(self, option: request_paths.PathOption, request: JobRequest) -> str:
        if not option.is_destination:
            return option.value
        source = request.source.os_path if request.source.path is not None else None
        return os.fspath(self._sources.resolve_destination(option.value, source, option.field))

    def _check_reference(self, option: request_paths.PathOption, job_id: UUID) -> None:
        with self._database.transaction() as session:
            found = job_rows.status_of(session, job_id)
        state = "the job does not exist"
        if found is not None:
            status, operations = found
            if status == Status.COMPLETED and option.result_of in operations:
                return
            state = f"it is {status}, of {', '.join(operations)}"
        message = f"job {job_id} has no result of {option.result_of}: {state}"
        raise errors.InvalidOptionsError(
            message, remedy="Choose a completed job with this operation.", field=option.field
        )

    def _same(self, row: JobRow, request: JobRequest) -> JobRow:
        if row.request != request.model_dump(mode="json", exclude={"idempotency_key"}):
            raise errors.JobConflictError(
                f"the idempotency key {row.idempotency_key!r} was used for another request",
                remedy="Use a new key for a new request.",
                job_id=str(row.id),
            )
        return row

    def preview(self, request: JobRequest) -> Preview:
        """Count what a job would touch, for at most 1.5 s; no file is read.

        Raises:
            InvalidOptionsError, SourceNotFoundError, SourceForbiddenError: as for `submit`.
        """
        document, keys = self._previewed(request)
        return Preview.model_validate_json(engine.preview(document, _PREVIEW_FILES, _PREVIEW_SECONDS, keys))

    def preview_records(self, request: JobRequest, path: str) -> RecordsPreview:
        """Read the beginning of a file of records as a job would read it: its lines, records, and what was found.

        Args:
            path: relative to the source, in its shown form.

        Raises:
            InvalidOptionsError, SourceNotFoundError, SourceForbiddenError: as for `submit`, and of this file.
        """
        document, keys = self._previewed(request)
        return RecordsPreview.model_validate_json(engine.preview_records(document, paths.unescape(path), keys))

    def _previewed(self, request: JobRequest) -> tuple[bytes, bytes | None]:
        request = self.check(request.model_copy(update={"idempotency_key": None}))
        access = self._sources.s3_access(request.source)
        work = self._config.work_dir / "preview"
        document = spec.engine_spec(request, self._config, self._sources, work, access=access)
        return document, access.keys() if access is not None else None

    def get(self, job_id: UUID) -> JobView:
        """Return a job.

        Raises:
            JobNotFoundError: there is none.
        """
        with self._database.transaction() as session:
            row = job_rows.get_row(session, job_id)
            waiting = row.status == Status.PENDING
            position = job_rows.queue_positions(session, [job_id]).get(job_id) if waiting else None
            return job_views.to_view(row, position, job_rows.events(session, job_id))

    def find(self, text: str) -> UUID:
        """Return the job that a text names: an id, its first four or more digits, or ``latest``.

        Raises:
            JobNotFoundError: there is none.
            InvalidOptionsError: it is no id, or the beginning of several.
        """
        if text == LATEST:
            newest = self.list(limit=1).items
            if not newest:
                raise errors.JobNotFoundError("there are no jobs yet", remedy="Start one: `pravah run --help`.")
            return newest[0].id
        digits = id_digits(text)
        with self._database.transaction() as session:
            found = job_rows.find_ids(session, digits, 6)
        if not found:
            raise errors.JobNotFoundError(f"job {text} does not exist")
        if len(found) > 1:
            several = ", ".join(str(job_id) for job_id in found[:5]) + (", …" if len(found) > 5 else "")
            message = f"several jobs start with {text}: {several}"
            raise errors.InvalidOptionsError(message, remedy="Use more digits.", field="id")
        return found[0]

    def exists(self, job_id: UUID) -> bool:
        """Return whether there is such a job; cheaper than `get`."""
        with self._database.transaction() as session:
            return job_rows.exists(session, job_id)

    def list(self, wanted: JobFilter | None = None, cursor: str | None = None, limit: int = 50) -> JobPage:
        """Return jobs, newest first.

        Raises:
            InvalidOptionsError: the the cursor is invalid; use `next_cursor` of a previous page.
        """
        with self._database.transaction() as session:
            rows, following = job_rows.list_rows(session, wanted or JobFilter(), cursor, limit)
            waiting = [row.id for row in rows if row.status == Status.PENDING]
            positions = job_rows.queue_positions(session, waiting) if waiting else {}
            views = [job_views.to_view(row, positions.get(row.id)) for row in rows]
        return JobPage(items=views, next_cursor=following)

    def counts(self) -> dict[Status, int]:
        """Return how many jobs there are in each state."""
        with self._database.transaction() as session:
            return sums.counts(session)

    def totals(self) -> dict[str, tuple[int, int]]:
        """Return the files and bytes that the jobs of each operation have processed so far."""
        with self._database.transaction() as session:
            return sums.totals(session)

    def cancel(self, job_id: UUID) -> JobView:
        """Ask a job to stop; one that waits, or whose worker died, is cancelled at once; a finished one stays as it is.

        Raises:
            JobNotFoundError: there is none.
        """
        with self._database.transaction() as session:
            row = job_rows.get_row(session, job_id, lock=True)
            if row.status not in FINAL:
                row = job_rows.request_cancel(session, job_id)
            if row.status in {Status.PENDING, Status.INTERRUPTED, Status.PAUSED}:
                row = job_rows.end(session, job_id, Status.CANCELLED, "cancelled while queued")
            elif recovery.is_abandoned(session, row):
                row = job_rows.end(session, job_id, Status.CANCELLED, "cancelled; its worker had crashed")
            view = job_views.to_view(row, history=job_rows.events(session, job_id))
        if view.is_final:
            self._remove_work(job_id)
        return view

    def pause(self, job_id: UUID) -> JobView:
        """Ask a job to stop for now; its finished parts are reused when it resumes. A job that waits is paused at once.

        Raises:
            JobNotFoundError: there is none.
            JobConflictError: it has ended, or is being cancelled.
        """
        with self._database.transaction() as session:
            row = pausing.ask(session, job_id)
            return job_views.to_view(row, history=job_rows.events(session, job_id))

    def resume(self, job_id: UUID) -> JobView:
        """Queue a paused job again; it reuses its finished parts, if its operations can.

        Raises:
            JobNotFoundError: there is none.
            JobConflictError: it has ended.
        """
        with self._database.transaction() as session:
            row = pausing.resume(session, job_id)
            position = job_rows.queue_positions(session, [job_id]).get(job_id)
            view = job_views.to_view(row, position, job_rows.events(session, job_id))
        self.submitted.set()
        return view

    def rerun(self, job_id: UUID, *, from_scratch: bool = False) -> JobView:
        """Queue a new job with the same request; files that are unchanged since a completed one are not read again.

        Args:
            from_scratch: read all files again, also unchanged ones.

        Raises:
            JobNotFoundError: there is none.
            JobConflictError: it has not ended yet.
        """
        view = self.get(job_id)
        if not view.is_final:
            raise errors.JobConflictError(f"job {job_id} is {view.status}", remedy="Wait until it ends, or cancel it.")
        # Of several retries the first job: by it a job knows what an earlier one left at a destination.
        baseline = job_id if view.status == Status.COMPLETED and not from_scratch else None
        request = view.request.model_copy(update={"baseline": baseline})
        return self.submit(request, rerun_of=view.rerun_of or job_id)[0]

    def pin(self, job_id: UUID, *, pinned: bool) -> JobView:
        """Pin a job, so that no sweep deletes it, or unpin it.

        Raises:
            JobNotFoundError: there is none.
        """
        with self._database.transaction() as session:
            row = job_rows.pin(session, job_id, pinned=pinned)
            position = job_rows.queue_positions(session, [job_id]).get(job_id)
            return job_views.to_view(row, position, job_rows.events(session, job_id))

    def delete(self, job_id: UUID) -> None:
        """Delete a job with its result, also a pinned one; files that cannot be removed now are left to the next sweep.

        Raises:
            JobNotFoundError: there is none.
            JobConflictError: it is running, or a job that has not ended needs its result.
        """
        with self._database.transaction() as session:
            row = job_rows.get_row(session, job_id, lock=True)
            if row.status == Status.RUNNING:
                raise errors.JobConflictError(f"job {job_id} is running", remedy="Cancel it first.")
            user = removals.referred(session).get(job_id)
            if user is not None:
                message = f"job {user}, which is not finished, needs the result of job {job_id}"
                raise errors.JobConflictError(message, remedy="Wait until it ends, or cancel it.")
            removals.delete_row(session, job_id)
        try:
            job_files.remove(self._database, self._storage, self._config, job_id)
        except errors.StorageError as error:
            log.warning("the files of job %s are left to the next sweep: %s", job_id, error)

    def _remove_work(self, job_id: UUID) -> None:
        """Remove what attempts have left for the next one; there will be none."""
        shutil.rmtree(self._config.work_dir / str(job_id), ignore_errors=True)

    def wait(self, job_id: UUID, timeout_seconds: float | None = None) -> JobView:
        """Poll until the job has ended or the time is over; return it as it then is."""
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            view = self.get(job_id)
            if view.is_final or (end is not None and time.monotonic() >= end):
                return view
            time.sleep(0.05)

    def first_issues(self, job_id: UUID, after: int, limit: int) -> builtins.list[IssueView]:
        """Return issues with index > `after` as the worker wrote them: at most the first 1,000 of a job."""
        with self._database.transaction() as session:
            return file_rows.issues(session, job_id, after, limit)


def _as_stored(option: request_paths.PathOption) -> str:
    return os.path.realpath(os.path.expanduser(option.value)) if option.is_destination else option.value


def errors_missing() -> JobView:
    """Raise for a row that a unique constraint has just seen."""
    raise errors.JobConflictError(
        "the job with this idempotency key was deleted in the meantime", remedy="Submit the request again."
    )
