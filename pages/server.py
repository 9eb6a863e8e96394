"""One ASGI application: the dashboard and the API below ``/api``; by default it keeps a worker as its child."""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio.to_thread
from starlette.routing import Mount
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager
from streamlit.starlette import App

from pages import shell
from pages.components import failure
from pages.packed import Packed
from services import bootstrap
from services.api import app as api
from services.api.http.door import Door

PAGES = ("home", "new_job", "jobs", "job", "schedules", "settings")
APP_SCRIPT = Path(__file__).resolve().parent.parent / "app.py"


@contextlib.asynccontextmanager
async def _with_worker(_: App) -> AsyncIterator[None]:
    bootstrap.shared_services().supervise_worker()
    async with _web(_):
        yield


@contextlib.asynccontextmanager
async def _web(_: App) -> AsyncIterator[None]:
    try:
        yield
    finally:
        # Waits for running jobs to stop, which takes up to 200 ms each: not on the event loop.
        await anyio.to_thread.run_sync(bootstrap.close_shared_services)


def create() -> Door:
    """Return dashboard and API as one application, which runs a worker as its child; for ``uvicorn --factory``.

    Raises:
        DatabaseError, StorageError, OutputError, InvalidOptionsError: before anything listens.
    """
    return _create(_with_worker)


def create_web() -> Door:
    """Return dashboard and API without a worker; jobs wait for a ``pravah serve worker``.

    Raises:
        DatabaseError, StorageError, OutputError, InvalidOptionsError: before anything listens.
    """
    return _create(_web)


def _create(lifespan: Callable[[App], contextlib.AbstractAsyncContextManager[None]]) -> Door:
    # Opened here and not in the lifespan, where an error would end in the server's own traceback.
    services = bootstrap.shared_services()
    # Else the first visitor of a fresh process who asks for /jobs, and not for /, gets `pages/jobs.py` alone:
    # Streamlit takes a folder `pages` for its legacy kind of application until `st.navigation` has run once.
    PagesManager.uses_pages_directory = False
    of_api = api.create_app()
    routes = [Mount("/api", app=of_api), *shell.routes(PAGES)]
    made = App(APP_SCRIPT, lifespan=lifespan, routes=routes, on_script_error=failure.on_script_error)
    public = urllib.parse.urlsplit(services.settings.public_url or "")
    if public.netloc:
        # Not before the application is made: that tells Streamlit where our config.toml is, which the first look at an
        # option reads. The door has compared Origin already; Streamlit does not know which name a proxy has.
        config.set_option("server.corsAllowedOrigins", [f"{public.scheme}://{public.netloc}"])
    return Door(Packed(made), services.settings, lambda: services, observe=of_api.state.metrics.observe)
