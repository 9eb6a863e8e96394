"""A job in the foreground: submitted like any other, watched until it ends, cancelled by Ctrl-C."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import UUID

from services.base import errors
from services.cli import interrupts, output
from services.cli.progress import Bar
from services.models import findings
from services.models.jobs import JobRequest, JobView, Status

if TYPE_CHECKING:
    from services.cli.parts import Services

_POLL_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 0.5
# Longer than a lease: a database that comes back finds the job as it is, or taken up again.
_AWAY_SECONDS = 60


def run(services: Services, request: JobRequest, *, quiet: bool) -> JobView:
    """Submit a job, run it here unless another worker is quicker, and return it when it has ended.

    Raises:
        InvalidOptionsError, SourceNotFoundError, SourceForbiddenError, JobConflictError: nothing was queued.
        DatabaseError: the database went away and did not come back.
    """
    with interrupts.Interrupts() as signals, Bar(quiet=quiet) as bar:
        view, _ = services.jobs.submit(request)
        if not view.is_final:
            services.start_worker(only=view.id)
        return _watch(services, view.id, bar, signals)


def wait(services: Services, job_id: UUID, *, quiet: bool) -> JobView:
    """Watch a job that runs elsewhere and return it when it has ended.

    Raises:
        JobNotFoundError: there is none.
        DatabaseError: the database went away and did not come back.
    """
    with Bar(quiet=quiet) as bar:
        return _watch(services, job_id, bar, None)


def _watch(services: Services, job_id: UUID, bar: Bar, signals: interrupts.Interrupts | None) -> JobView:
    begun = seen = time.monotonic()
    cancelled = False
    while True:
        try:
            if signals is not None and signals.asked and not cancelled:
                services.jobs.cancel(job_id)
                cancelled = True
            view = services.jobs.get(job_id)
            seen = time.monotonic()
        except (errors.DatabaseError, errors.ServerUnavailableError):
            if time.monotonic() - seen > _AWAY_SECONDS:
                raise
            time.sleep(_POLL_SECONDS)
            continue
        if view.is_final:
            return view
        bar.show(view)
        # A long job is asked less often: each question is a transaction, or a request to a server.
        time.sleep(min(_POLL_SECONDS + (time.monotonic() - begun) / 50, _LONGEST_POLL_SECONDS))


def exit_status(view: JobView, *, strict: bool) -> int:
    """Return the exit status of a job that has ended.

    1 means that the job did its work and found something: a verdict that is not good, that of a job which could not
    read everything included; or with `strict` any issue or a result that is partial.
    """
    if view.status == Status.CANCELLED:
        return errors.CancelledError.exit_status
    if view.status == Status.FAILED:
        return failure(view).exit_status
    summaries = [result["summary"] for result in (view.outcome or {}).get("results", [])]
    is_partial = any(summary.get("partial") is True for summary in summaries)
    return int(bool(findings.verdicts(view.outcome)) or (strict and (is_partial or view.issues_count > 0)))


def failure(view: JobView) -> errors.PravahError:
    """Return what ended a failed job."""
    if view.error is None:
        return errors.InternalError(f"job {view.id} failed without an error message")
    error = errors.of_code(view.error.code, view.error.message)
    error.remedy = view.error.remedy
    error.details = {"job_id": str(view.id)}
    return error


def report_end(view: JobView, *, as_json: bool) -> None:
    """Say on stderr why a job has no result."""
    if view.status == Status.FAILED:
        output.problem(failure(view), as_json=as_json)
    elif view.status == Status.CANCELLED:
        error = errors.CancelledError(f"job {view.id} was cancelled", job_id=str(view.id))
        error.remedy = f"`pravah jobs rerun {short(view.id)}` starts it again."
        output.problem(error, as_json=as_json)


def short(job_id: UUID) -> str:
    """Return the beginning of an id that people type."""
    return str(job_id)[:8]
