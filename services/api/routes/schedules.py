"""Make, look at, change, delete schedules, and start one at once."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from services.api.http import access, problems, schedule_bodies
from services.base import errors
from services.models import jobs
from services.models.schedules import ScheduleView

router = APIRouter(prefix="/schedules", tags=["schedules"])

_SOURCE_ERRORS = (errors.InvalidOptionsError, errors.SourceNotFoundError, errors.SourceForbiddenError)
_BODY_ERRORS = (problems.MalformedRequestError, errors.LimitExceededError)
_LOCATION = {"Location": {"description": "Path of what was made.", "schema": {"type": "string"}}}
_CREATED: dict[int | str, dict[str, Any]] = {201: {"description": "Made", "headers": _LOCATION}}
_NOT_FOUND = (errors.ScheduleNotFoundError, errors.InvalidOptionsError)


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


@router.get("", responses=problems.responses())
def list_schedules(services: access.Services) -> schedule_bodies.ScheduleList:
    """List all schedules by name, each with its next run and its newest job."""
    return schedule_bodies.ScheduleList(items=services.schedules.list())


@router.post("", status_code=201, responses={**_CREATED, **problems.responses(*_SOURCE_ERRORS, *_BODY_ERRORS)})
def create_schedule(
    body: Annotated[schedule_bodies.ScheduleBody, Body(openapi_examples=schedule_bodies.EXAMPLES)],
    services: access.Services,
    request: Request,
    response: Response,
) -> ScheduleView:
    """Start a job by the clock. Runs that are missed while no server runs are caught up once.

    A run is skipped while the one before has not ended. `webhook` of the answer shows scheme and host only.
    """
    view = services.schedules.create(body.request())
    response.headers["Location"] = f"{_root(request)}/schedules/{view.id}"
    return view


@router.get("/{schedule_id:uuid}", responses=problems.responses(*_NOT_FOUND))
def get_schedule(schedule_id: access.ScheduleId, services: access.Services) -> ScheduleView:
    """Return a schedule with its next run and its newest job."""
    return services.schedules.get(schedule_id)


@router.patch(
    "/{schedule_id:uuid}",
    responses=problems.responses(errors.ScheduleNotFoundError, *_SOURCE_ERRORS, *_BODY_ERRORS),
)
def change_schedule(
    schedule_id: access.ScheduleId, body: schedule_bodies.ScheduleChangeBody, services: access.Services
) -> ScheduleView:
    """Change what is given. `enabled` pauses and resumes; another rule counts from now on."""
    return services.schedules.change(schedule_id, body.change())


@router.delete("/{schedule_id:uuid}", status_code=204, responses=problems.responses(*_NOT_FOUND))
def delete_schedule(schedule_id: access.ScheduleId, services: access.Services) -> None:
    """Delete a schedule; its jobs stay, also one that runs."""
    services.schedules.delete(schedule_id)


@router.post(
    "/{schedule_id:uuid}/run",
    status_code=201,
    responses={
        **_CREATED,
        **problems.responses(errors.ScheduleNotFoundError, *_SOURCE_ERRORS, errors.JobConflictError),
    },
)
def run_schedule(
    schedule_id: access.ScheduleId, services: access.Services, request: Request, response: Response
) -> jobs.JobView:
    """Start the job of a schedule at once, also of a paused one; a conflict while the run before has not ended."""
    view = services.schedules.run(schedule_id)
    response.headers["Location"] = f"{_root(request)}/jobs/{view.id}"
    return view
