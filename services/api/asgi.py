"""The API on its own: ``uvicorn --factory services.api.asgi:create``. Jobs run in a worker or in the dashboard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import anyio.to_thread
from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import Mount, Route

from services import bootstrap
from services.api import app


@contextlib.asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    await anyio.to_thread.run_sync(bootstrap.shared_services)
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(bootstrap.close_shared_services)


async def _to_docs(_: object) -> RedirectResponse:
    return RedirectResponse("/api/docs")


def create() -> Starlette:
    """Return the API below ``/api``, without a runner.

    Raises:
        InvalidOptionsError: a ``PRAVAH_*`` variable is not acceptable.
    """
    return Starlette(routes=[Mount("/api", app=app.create_app()), Route("/", _to_docs)], lifespan=_lifespan)
