"""Submit, look at, cancel, retry and delete jobs."""

from __future__ import annotations

import urllib.parse
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response
from pydantic import Field

from services import operations
from services.api.http import access, bodies, problems
from services.base import errors
from services.models import findings, jobs

router = APIRouter(prefix="/jobs", tags=["jobs"])

_SOURCE_ERRORS = (errors.InvalidOptionsError, errors.SourceNotFoundError, errors.SourceForbiddenError)
_BODY_ERRORS = (problems.MalformedRequestError, errors.LimitExceededError)
_LOCATION = {"Location": {"description": "Path of the job.", "schema": {"type": "string"}}}
_CREATED: dict[int | str, dict[str, Any]] = {201: {"description": "A new job", "headers": _LOCATION}}
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": jobs.JobView, "description": "The job this key has already given", "headers": _LOCATION}
}
_IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="As `idempotency_key` of the body: the same key again gives the same job.",
    ),
]
_Fresh = Annotated[bool, Query(description="Trust nothing: read unchanged files as well.")]
_JobBody = Annotated[bodies.JobBody, Body(openapi_examples=bodies.EXAMPLES)]


class ListQuery(jobs.JobFilter):
    """Which jobs to list."""

    status: jobs.Status | None = Field(default=None, description="State.")
    operation: operations.Text | None = Field(default=None, description="Name of an operation that it has.")
    verdict: findings.Verdict | None = Field(default=None, description="What one of its operations says of the source.")
    text: operations.Text | None = Field(default=None, max_length=500, description="Part of name or source, any case.")
    cursor: operations.Text | None = Field(default=None, max_length=500, description="`next_cursor` of a page before.")
    limit: int = Field(default=50, ge=1, le=200, description="Most jobs of the page.")


class IssueQuery(jobs.Model):
    """Which issues to list."""

    after: int = Field(default=0, ge=0, le=2**62, description="Index of the last issue that is already known.")
    limit: int = Field(default=100, ge=1, le=1_000, description="Most issues of the page.")


def _at(request: Request, view: jobs.JobView) -> str:
    return f"{request.scope.get('root_path', '')}/jobs/{view.id}"


@router.post(
    "",
    status_code=201,
    responses={**_CREATED, **_KNOWN, **problems.responses(*_SOURCE_ERRORS, *_BODY_ERRORS, errors.JobConflictError)},
)
def submit(
    body: _JobBody,
    services: access.Services,
    request: Request,
    response: Response,
    idempotency_key: _IdempotencyKey = None,
) -> jobs.JobView:
    """Queue a job. An idempotency key makes it safe to send the same request again: 200 instead of 201."""
    if idempotency_key and body.idempotency_key and idempotency_key != body.idempotency_key:
        message = "the header Idempotency-Key and the body's idempotency_key differ"
        raise errors.InvalidOptionsError(message, field="body.idempotency_key", remedy="Send one of them.")
    view, is_new = services.jobs.submit(body.request(idempotency_key))
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = _at(request, view)
    return view


@router.post(
    "/preview", responses=problems.responses(*_SOURCE_ERRORS, *_BODY_ERRORS, errors.OutputError, errors.StorageError)
)
def preview(body: _JobBody, services: access.Services) -> jobs.Preview:
    """Count what a job would touch, for at most 1.5 seconds; no file is read and nothing is queued."""
    return services.jobs.preview(body.request())


@router.get("", responses=problems.responses(errors.InvalidOptionsError))
def list_jobs(
    query: Annotated[ListQuery, Query()], services: access.Services, request: Request, response: Response
) -> bodies.JobList:
    """List jobs, newest first. New jobs do not shift the pages: a cursor stands for a place in time."""
    wanted = jobs.JobFilter(status=query.status, operation=query.operation, verdict=query.verdict, text=query.text)
    page = services.jobs.list(wanted, query.cursor, query.limit)
    if page.next_cursor is not None:
        following = {**query.model_dump(mode="json", exclude_none=True), "cursor": page.next_cursor}
        path = request.scope["path"]
        response.headers["Link"] = f'<{urllib.parse.quote(path)}?{urllib.parse.urlencode(following)}>; rel="next"'
    return bodies.JobList(items=[bodies.JobSummary.of(view) for view in page.items], next_cursor=page.next_cursor)


@router.get("/{job_id:uuid}", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def get_job(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Return a job: its state, progress, history, and its outcome once it is completed."""
    return services.jobs.get(job_id)


@router.get("/{job_id:uuid}/issues", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def list_issues(
    job_id: access.JobId, query: Annotated[IssueQuery, Query()], services: access.Services
) -> bodies.IssueList:
    """List what could not be read, oldest first; while the job runs, of its first 1,000 issues."""
    items = services.results.issues(job_id, query.after, query.limit)
    more = len(items) == query.limit
    return bodies.IssueList(items=items, next_after=items[-1].index if more else None)


@router.post("/{job_id:uuid}/cancel", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def cancel(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Ask a job to stop. A waiting job is cancelled at once, a running one shortly, a finished one stays as it is."""
    return services.jobs.cancel(job_id)


_PAUSE_ERRORS = problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError, errors.JobConflictError)


@router.post("/{job_id:uuid}/pause", responses=_PAUSE_ERRORS)
def pause(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Ask a job to stop for now. A waiting job is paused at once, a running one shortly; what it has made is kept."""
    return services.jobs.pause(job_id)


@router.post("/{job_id:uuid}/resume", responses=_PAUSE_ERRORS)
def resume(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Queue a paused job again. It goes on from what it has made, where its operations can, else it begins anew."""
    return services.jobs.resume(job_id)


@router.post(
    "/{job_id:uuid}/retry",
    status_code=201,
    responses={
        **_CREATED,
        **problems.responses(errors.JobNotFoundError, *_SOURCE_ERRORS, errors.JobConflictError),
    },
)
def retry(
    job_id: access.JobId, services: access.Services, request: Request, response: Response, fresh: _Fresh = False
) -> jobs.JobView:
    """Queue a new job with the same request as one that has ended.

    What a completed one found is taken over for files that are unchanged since.
    """
    view = services.jobs.retry(job_id, fresh=fresh)
    response.headers["Location"] = _at(request, view)
    return view


@router.post("/{job_id:uuid}/keep", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def keep(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Keep a job from being deleted for its age, or because there are too many jobs or bytes."""
    return services.jobs.keep(job_id, kept=True)


@router.delete("/{job_id:uuid}/keep", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def stop_keeping(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Keep a job no longer: it goes when it is beyond a limit."""
    return services.jobs.keep(job_id, kept=False)


@router.delete(
    "/{job_id:uuid}",
    status_code=204,
    responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError, errors.JobConflictError),
)
def delete(job_id: access.JobId, services: access.Services) -> None:
    """Delete a job with its result, also a kept one; not one that runs, or whose result an unfinished job needs."""
    services.jobs.delete(job_id)
