"""Create, list, change, run and delete schedules."""

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
_LOCATION = {"Location": {"description": "Path of the new schedule or job.", "schema": {"type": "string"}}}
_CREATED: dict[int | str, dict[str, Any]] = {201: {"description": "Created", "headers": _LOCATION}}
_NOT_FOUND = (errors.ScheduleNotFoundError, errors.InvalidOptionsError)


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


@router.get("", responses=problems.responses())
def list_schedules(services: access.Services) -> schedule_bodies.ScheduleList:
    """List all schedules by name, with their next run and newest job."""
    return schedule_bodies.ScheduleList(items=services.schedules.list())


@router.post("", status_code=201, responses={**_CREATED, **problems.responses(*_SOURCE_ERRORS, *_BODY_ERRORS)})
def create_schedule(
    body: Annotated[schedule_bodies.ScheduleBody, Body(openapi_examples=schedule_bodies.EXAMPLES)],
    services: access.Services,
    request: Request,
    response: Response,
) -> ScheduleView:
    """Create a schedule. If runs were missed because no server was running, one run makes up for them.

    A run is skipped if the previous one has not ended. In responses, `webhook` contains only scheme and host.
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
    """Change the given fields. `enabled` pauses and resumes the schedule. A new rule applies from now on."""
    return services.schedules.change(schedule_id, body.change())


@router.delete("/{schedule_id:uuid}", status_code=204, responses=problems.responses(*_NOT_FOUND))
def delete_schedule(schedule_id: access.ScheduleId, services: access.Services) -> None:
    """Delete a schedule. Its jobs stay, also a running one."""
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
    """Start the job of a schedule now, also of a paused one.

    Fails with a conflict if the previous run has not ended.
    """
    view = services.schedules.run(schedule_id)
    response.headers["Location"] = f"{_root(request)}/jobs/{view.id}"
    return view
