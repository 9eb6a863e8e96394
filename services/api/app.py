"""The API as one application. Its paths have no prefix: it is mounted below ``/api``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services import bootstrap
from services.api import docs, metrics
from services.api.http import access, bodies, guard, head, problems
from services.api.routes import artifacts, comparisons, health, jobs, operations, retention, schedules
from services.base import settings as settings_module

_VERSION = "1.0"
_DESCRIPTION = """Run operations on a directory or an S3 prefix and read the results.

Queue a job with `POST /jobs`. Poll `GET /jobs/{job_id}` until its `status` is COMPLETED, FAILED or CANCELLED.
A completed job has tables (`GET /jobs/{job_id}/results`) and files (`GET /jobs/{job_id}/artifacts`).
Every error is a problem document (RFC 9457) with a stable `code` and a `remedy`. Sizes are in bytes, times in UTC.
"""


def create_app(services: bootstrap.Services | None = None) -> FastAPI:
    """Return the API, without the door that belongs in front of it.

    Args:
        services: what to serve; ``None`` = the process's own (`bootstrap.shared_services`), opened by the
            first request that needs them. They are not closed here.

    Raises:
        InvalidOptionsError: a ``PRAVAH_*`` variable is not acceptable.
    """
    config = settings_module.load_settings() if services is None else services.settings
    app = FastAPI(
        title="Pravah",
        version=_VERSION,
        description=_DESCRIPTION,
        docs_url=None,  # FastAPI's pages load their scripts from a CDN
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = services
    app.state.settings = config
    app.state.metrics = metrics.Metrics(lambda: access.services_of(app))
    routers = (
        jobs.router,
        artifacts.router,
        comparisons.router,
        schedules.router,
        retention.router,
        operations.router,
        health.router,
        docs.router,
    )
    for router in routers:
        app.include_router(router)
    problems.install(app)
    _document(app)
    # The last one added is the outermost: refused requests are counted too.
    app.add_middleware(problems.Boundary)
    app.add_middleware(head.Head)
    app.add_middleware(guard.Guard)
    app.add_middleware(metrics.Measured, metrics=app.state.metrics)
    return app


def _document(app: FastAPI) -> None:
    plain = app.openapi

    def with_problems() -> dict[str, Any]:
        document = plain()
        problems.add_schema(document)
        _say_how_to_log_in(document)
        bodies.restore_options(document)
        return document

    app.openapi = with_problems  # type: ignore[method-assign]


def _say_how_to_log_in(document: dict[str, Any]) -> None:
    """Declare the token. The session of a browser is for the pages of this server."""
    token = {"type": "http", "scheme": "bearer", "description": "A token of `pravah tokens add`."}
    document["components"]["securitySchemes"] = {"token": token}
    document["security"] = [{"token": []}]
    for path in ("/health/live", "/health/ready"):
        document["paths"][path]["get"]["security"] = [{}]
