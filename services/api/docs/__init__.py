"""A page on ``openapi.json``: every operation, with a form to try it. It loads nothing from anywhere else."""

from __future__ import annotations

import importlib.resources

from fastapi import APIRouter
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

# The page's own files only; it cannot be framed, and what a job holds is never run.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'none'; "
)
_POLICY += "frame-ancestors 'none'; base-uri 'none'"


def _file(name: str, media_type: str) -> Response:
    content = importlib.resources.files(__name__).joinpath(name).read_bytes()
    return Response(content, media_type=media_type, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs")
def page() -> Response:
    """Return the page."""
    return _file("page.html", "text/html")


@router.get("/docs/page.js")
def script() -> Response:
    """Return its script."""
    return _file("page.js", "text/javascript")


@router.get("/docs/page.css")
def style() -> Response:
    """Return its style."""
    return _file("page.css", "text/css")
