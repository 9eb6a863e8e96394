"""How a route gets at the services."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request

from services import bootstrap


def _services(request: Request) -> bootstrap.Services:
    # The process's own ones are opened by the first request that needs them; a failure is that request's problem.
    given: bootstrap.Services | None = request.app.state.services
    return bootstrap.shared_services() if given is None else given


Services = Annotated[bootstrap.Services, Depends(_services)]
JobId = Annotated[UUID, Path(description="Id of a job.", examples=["5a1bb8a0-6c0e-4b5e-9b0c-0f9b6c3f1d2e"])]
