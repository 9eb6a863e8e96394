"""How a route gets the services."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Path, Request

from services import bootstrap


def services_of(app: FastAPI) -> bootstrap.Services:
    """Return what `app` serves; the process's own services are opened by the first request that needs them.

    Raises:
        DatabaseError, StorageError, OutputError: they cannot be opened; the next request tries again.
    """
    given: bootstrap.Services | None = app.state.services
    return bootstrap.shared_services() if given is None else given


def _services(request: Request) -> bootstrap.Services:
    return services_of(request.app)


Services = Annotated[bootstrap.Services, Depends(_services)]
JobId = Annotated[UUID, Path(description="Job ID.", examples=["5a1bb8a0-6c0e-4b5e-9b0c-0f9b6c3f1d2e"])]
ScheduleId = Annotated[UUID, Path(description="Schedule ID.", examples=["0d9c1a52-7a55-4c53-8f0e-3a6b8b1f4c7d"])]
