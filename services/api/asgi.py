"""The API on its own: ``uvicorn --factory services.api.asgi:create``. Jobs run in a worker or in the dashboard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import anyio.to_thread
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route
from starlette.types import Lifespan

from services import bootstrap
from services.api import app
from services.api.http import problems


@contextlib.asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    await anyio.to_thread.run_sync(bootstrap.shared_services)
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(bootstrap.close_shared_services)


async def _to_docs(_: object) -> RedirectResponse:
    return RedirectResponse("/api/docs")


def around(api: FastAPI, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """Return `api` mounted below ``/api``; what the mount does not take is a problem too."""
    return Starlette(
        routes=[Mount("/api", app=api), Route("/", _to_docs)],
        exception_handlers={HTTPException: problems.http},
        lifespan=lifespan,
    )


def create() -> Starlette:
    """Return the API below ``/api``, without a worker.

    Raises:
        InvalidOptionsError: a ``PRAVAH_*`` variable is not acceptable.
    """
    return around(app.create_app(), _lifespan)
