"""Health, settings and metrics."""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import APIRouter, Request, Response

from services.api.http import access, bodies, problems, visits
from services.base import errors, settings

router = APIRouter(tags=["health"])


class NotReadyError(errors.PravahError):
    """A part does not work."""

    code = "not_ready"
    title = "Not ready"
    http_status = 503
    remedy = "Follow the remedy of each part with a problem."


@router.get("/health/live", responses=problems.responses())
async def live() -> bodies.Liveness:
    """Report that the process responds. Nothing else is checked."""
    # On the event loop: requests that wait for the database hold all threads while it does not answer.
    return bodies.Liveness()


@router.get("/health/ready", responses=problems.responses(NotReadyError, errors.StorageError))
def ready(services: access.Services, request: Request) -> bodies.Readiness:
    """Check engine, database, storage, disk and worker. A 503 problem names the failed parts.

    No login is needed; without one, the answer has no details.
    """
    parts = [dataclasses.asdict(part) for part in services.health()]
    if not request.scope.get(visits.KNOWN, False):
        parts = [{**part, "detail": "", "remedy": ""} for part in parts]
    broken = [part for part in parts if not part["ok"]]
    if broken:
        what = "; ".join(f"{part['part']}: {part['detail'] or 'does not work'}" for part in broken)
        remedies = " ".join(part["remedy"] for part in broken if part["remedy"])
        raise NotReadyError(what, remedy=remedies or None, parts=parts)
    return bodies.Readiness(parts=[bodies.PartState(**part) for part in parts])


@router.get("/config", responses=problems.responses())
def config(request: Request) -> dict[str, Any]:
    """Return the current settings, with secrets masked."""
    return settings.effective(request.app.state.settings)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems.responses()},
)
def metrics(request: Request) -> Response:
    """Return counters and gauges in the Prometheus text format."""
    text, media_type = request.app.state.metrics.render()
    return Response(text, media_type=media_type)
