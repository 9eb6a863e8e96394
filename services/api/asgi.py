"""The API on its own: ``uvicorn --factory services.api.asgi:create``. Jobs run in a worker or in the dashboard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable

import anyio.to_thread
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route
from starlette.types import Lifespan

from services import bootstrap
from services.api import app
from services.api.http import access, door, problems


@contextlib.asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    await anyio.to_thread.run_sync(bootstrap.shared_services)
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(bootstrap.close_shared_services)


async def _to_docs(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/api/docs")


def around(api: FastAPI, lifespan: Lifespan[Starlette] | None = None, *, extra_hosts: Iterable[str] = ()) -> door.Door:
    """Return `api` mounted below ``/api``, behind the door; what the mount does not take is a problem too.

    Args:
        extra_hosts: names besides those of the settings that the header Host may hold.
    """
    inside = Starlette(
        routes=[Mount("/api", app=api), Route("/", _to_docs)],
        exception_handlers={HTTPException: problems.http},
        lifespan=lifespan,
    )
    state = api.state
    return door.Door(
        inside,
        state.settings,
        lambda: access.services_of(api),
        extra_hosts=extra_hosts,
        observe=state.metrics.observe,
    )


def create() -> door.Door:
    """Return the API below ``/api``, without a worker.

    Raises:
        InvalidOptionsError: a ``PRAVAH_*`` variable is not acceptable, or others reach the address by no known name.
    """
    return around(app.create_app(), _lifespan)
