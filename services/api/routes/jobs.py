"""Submit, list, pause, cancel, re-run and delete jobs."""

from __future__ import annotations

import urllib.parse
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from pydantic import Field

from services import operations
from services.api.http import access, bodies, problems
from services.base import errors
from services.models import findings, jobs, previews

router = APIRouter(prefix="/jobs", tags=["jobs"])

_SOURCE_ERRORS = (errors.InvalidOptionsError, errors.SourceNotFoundError, errors.SourceForbiddenError)
_SUBMIT_ERRORS = (*_SOURCE_ERRORS, errors.JobConflictError, errors.QueueFullError)
_BODY_ERRORS = (problems.MalformedRequestError, errors.LimitExceededError)
_LOCATION = {"Location": {"description": "Path of the job.", "schema": {"type": "string"}}}
_CREATED: dict[int | str, dict[str, Any]] = {201: {"description": "A new job", "headers": _LOCATION}}
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": jobs.JobView, "description": "The existing job with this key", "headers": _LOCATION}
}
_IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Same as `idempotency_key` in the body. A second request with the same key returns the first job.",
    ),
]
_FromScratch = Annotated[bool, Query(description="Read all files again, also unchanged ones.")]
_JobBody = Annotated[bodies.JobBody, Body(openapi_examples=bodies.EXAMPLES)]


class ListQuery(jobs.JobFilter):
    """Which jobs to list."""

    status: jobs.Status | None = Field(default=None, description="Job status.")
    operation: operations.Text | None = Field(default=None, description="Only jobs with this operation.")
    verdict: findings.Verdict | None = Field(default=None, description="Only jobs with this verdict.")
    text: operations.Text | None = Field(
        default=None, max_length=500, description="Only jobs with this text in name or source, case-insensitive."
    )
    cursor: operations.Text | None = Field(
        default=None, max_length=500, description="`next_cursor` of the previous page."
    )
    limit: int = Field(default=50, ge=1, le=200, description="Maximum number of jobs.")
    details: bool = Field(default=False, description="Return each job with its outcome.")


class IssueQuery(jobs.Model):
    """Which issues to list."""

    after: int = Field(default=0, ge=0, le=2**62, description="Index of the last issue of the previous page.")
    limit: int = Field(default=100, ge=1, le=1_000, description="Maximum number of issues.")


def _at(request: Request, view: jobs.JobView) -> str:
    return f"{request.scope.get('root_path', '')}/jobs/{view.id}"


@router.post(
    "",
    status_code=201,
    responses={**_CREATED, **_KNOWN, **problems.responses(*_SUBMIT_ERRORS, *_BODY_ERRORS)},
)
def submit(
    body: _JobBody,
    services: access.Services,
    request: Request,
    response: Response,
    idempotency_key: _IdempotencyKey = None,
) -> jobs.JobView:
    """Queue a job. With an idempotency key, a repeated request returns the first job (200 instead of 201)."""
    if idempotency_key and body.idempotency_key and idempotency_key != body.idempotency_key:
        message = "the header Idempotency-Key and idempotency_key in the body are different"
        raise errors.InvalidOptionsError(message, field="body.idempotency_key", remedy="Send only one of them.")
    view, is_new = services.jobs.submit(body.request(idempotency_key))
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = _at(request, view)
    return view


@router.post(
    "/preview", responses=problems.responses(*_SOURCE_ERRORS, *_BODY_ERRORS, errors.OutputError, errors.StorageError)
)
def preview(body: _JobBody, services: access.Services) -> previews.Preview:
    """Count the files that a job would include, for at most 1.5 seconds. No file is read and no job is queued."""
    return services.jobs.preview(body.request())


@router.post(
    "/preview/records",
    responses=problems.responses(*_SOURCE_ERRORS, *_BODY_ERRORS, errors.OutputError, errors.StorageError),
)
def preview_records(
    body: _JobBody,
    services: access.Services,
    path: Annotated[str, Query(min_length=1, max_length=4096, description="Path of the file relative to the source.")],
) -> previews.RecordsPreview:
    """Read the beginning of one file as profile, validate or convert would read it. No job is queued.

    The answer has the first 20 lines and records, what was found (encoding, delimiter, header), and why.
    """
    return services.jobs.preview_records(body.request(), path)


@router.get("", response_model=bodies.JobList | jobs.JobPage, responses=problems.responses(errors.InvalidOptionsError))
def list_jobs(
    query: Annotated[ListQuery, Query()], services: access.Services, request: Request, response: Response
) -> Any:
    """List jobs, newest first. Pages do not shift when new jobs start: a cursor marks a point in time."""
    wanted = jobs.JobFilter(status=query.status, operation=query.operation, verdict=query.verdict, text=query.text)
    page = services.jobs.list(wanted, query.cursor, query.limit)
    if page.next_cursor is not None:
        following = {**query.model_dump(mode="json", exclude_none=True), "cursor": page.next_cursor}
        path = request.scope["path"]
        response.headers["Link"] = f'<{urllib.parse.quote(path)}?{urllib.parse.urlencode(following)}>; rel="next"'
    if query.details:
        return page
    return bodies.JobList(items=[bodies.JobSummary.of(view) for view in page.items], next_cursor=page.next_cursor)


@router.get("/{job_id:uuid}", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def get_job(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Return a job: status, progress, history and, when completed, its outcome."""
    return services.jobs.get(job_id)


@router.get("/named/{text}", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def get_named_job(
    text: Annotated[
        str,
        Path(
            pattern="^(latest|([0-9A-Fa-f]-?){4,32})$",
            description="Job ID, at least its first four digits, or `latest`.",
        ),
    ],
    services: access.Services,
) -> jobs.JobView:
    """Return the job that the first digits of its ID name, or the newest one."""
    return services.jobs.get(services.jobs.find(text))


@router.get("/{job_id:uuid}/issues", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def list_issues(
    job_id: access.JobId, query: Annotated[IssueQuery, Query()], services: access.Services
) -> bodies.IssueList:
    """List the issues of a job, oldest first. While the job runs, only the first 1,000 are available."""
    items = services.results.issues(job_id, query.after, query.limit)
    more = len(items) == query.limit
    return bodies.IssueList(items=items, next_after=items[-1].index if more else None)


@router.post("/{job_id:uuid}/cancel", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def cancel(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Cancel a job. A queued job is cancelled immediately, a running one soon. A finished job is not changed."""
    return services.jobs.cancel(job_id)


_PAUSE_ERRORS = problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError, errors.JobConflictError)


@router.post("/{job_id:uuid}/pause", responses=_PAUSE_ERRORS)
def pause(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Pause a job. A queued job is paused immediately, a running one soon. Its finished parts are preserved."""
    return services.jobs.pause(job_id)


@router.post("/{job_id:uuid}/resume", responses=_PAUSE_ERRORS)
def resume(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Resume a paused job. It continues from its finished parts; operations that cannot resume start again."""
    return services.jobs.resume(job_id)


@router.post(
    "/{job_id:uuid}/rerun",
    status_code=201,
    responses={
        **_CREATED,
        **problems.responses(errors.JobNotFoundError, *_SUBMIT_ERRORS),
    },
)
def rerun(
    job_id: access.JobId,
    services: access.Services,
    request: Request,
    response: Response,
    from_scratch: _FromScratch = False,
) -> jobs.JobView:
    """Start a new job with the request of a finished one.

    Results of a completed job are reused for files that have not changed since.
    """
    view = services.jobs.rerun(job_id, from_scratch=from_scratch)
    response.headers["Location"] = _at(request, view)
    return view


@router.post("/{job_id:uuid}/pin", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def pin(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Pin a job: it is never deleted automatically."""
    return services.jobs.pin(job_id, pinned=True)


@router.delete("/{job_id:uuid}/pin", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def unpin(job_id: access.JobId, services: access.Services) -> jobs.JobView:
    """Unpin a job: it is deleted when it exceeds a retention limit."""
    return services.jobs.pin(job_id, pinned=False)


@router.delete(
    "/{job_id:uuid}",
    status_code=204,
    responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError, errors.JobConflictError),
)
def delete(job_id: access.JobId, services: access.Services) -> None:
    """Delete a job and its result, also a pinned one.

    Running jobs, and results that an unfinished job needs, cannot be deleted.
    """
    services.jobs.delete(job_id)
