"""Every error as an RFC 9457 problem with code and remedy, and how the schema tells of it."""

from __future__ import annotations

import json
import logging
import urllib.parse
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import fastapi.exceptions
import pydantic
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.base import errors

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_SECONDS = 5
_SHOWN_ERRORS = 50
_SHOWN_CHARACTERS = 500


class HttpError(errors.PravahError):
    """Base of errors that only the API has.

    Args:
        headers: to send with the problem.
    """

    def __init_subclass__(cls, code: str, status: int, title: str, remedy: str) -> None:
        super().__init_subclass__()
        cls.code, cls.http_status, cls.title, cls.remedy = code, status, title, remedy

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = headers


class NotFoundError(
    HttpError,
    code="not_found",
    status=404,
    title="Not found",
    remedy="See `docs` below the root of this API for all paths.",
):
    """No route has this path."""


class MethodNotAllowedError(
    HttpError,
    code="method_not_allowed",
    status=405,
    title="Method not allowed",
    remedy="Use a method from the header Allow.",
):
    """The path exists, the method does not."""


class MalformedRequestError(
    HttpError,
    code="malformed_request",
    status=400,
    title="Malformed request",
    remedy="Send valid JSON, not nested too deeply, with the header Content-Type: application/json.",
):
    """The request cannot be read at all."""


class NotAuthenticatedError(
    HttpError,
    code="not_authenticated",
    status=401,
    title="Login required",
    remedy="In a browser, open the link that `pravah link` prints. In a program, send a token of `pravah tokens add` "
    "in the header Authorization: Bearer.",
):
    """Whoever sends this has no session and no token."""

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class ForeignRequestError(
    HttpError,
    code="request_forbidden",
    status=403,
    title="Request not allowed",
    remedy="Use the address of PRAVAH_HOST or PRAVAH_PUBLIC_URL, from its own pages or from a program.",
):
    """Another web site's page sent this through the user's browser, or it has a name that is not the server's."""


class TooManyRequestsError(
    HttpError,
    code="too_many_requests",
    status=429,
    title="Too many requests",
    remedy="Wait as long as the header Retry-After says. PRAVAH_REQUESTS_PER_SECOND is the limit.",
):
    """A visitor asks more often than the settings allow."""


class PreconditionFailedError(
    HttpError,
    code="precondition_failed",
    status=412,
    title="Precondition failed",
    remedy="Repeat the request without If-Match to get the current file.",
):
    """``If-Match`` names another version."""


class RangeNotSatisfiableError(
    HttpError,
    code="range_not_satisfiable",
    status=416,
    title="Range not satisfiable",
    remedy="Request a range within the size in the header Content-Range.",
):
    """No byte lies in the range asked for."""


class FieldProblem(pydantic.BaseModel):
    """What is wrong with one field."""

    field: str = pydantic.Field(examples=["body.operations.0.checksum.options.algorithms.0"])
    message: str


class Problem(pydantic.BaseModel):
    """An error as RFC 9457 has it.

    Attributes:
        code: stands for the kind of error and never changes.
        detail: what happened, and where.
        remedy: what to do.
        errors: one line for each field that is not acceptable.
        details: further values, by kind of error.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str
    instance: str | None = None
    errors: list[FieldProblem] | None = None
    details: dict[str, Any] | None = None


class ProblemResponse(JSONResponse):
    """A problem; characters that UTF-8 has no form for are replaced."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Return the JSON text."""
        return json.dumps(content, ensure_ascii=False, default=str).encode("utf-8", "replace")


def response_of(
    error: errors.PravahError, scope: Scope, *, fields: list[dict[str, str]] | None = None
) -> ProblemResponse:
    """Return the response to an error.

    Args:
        fields: what is wrong with each field; by default the one that the error names.
    """
    problem = errors.as_problem(error, urllib.parse.quote(scope.get("path", ""), errors="replace"))
    problem["detail"] = problem["detail"][: 4 * _SHOWN_CHARACTERS]
    field = error.details.get("field")
    if fields is None and field is not None:
        fields = [{"field": str(field), "message": problem["detail"]}]
    if fields is not None:
        problem["errors"] = fields
    headers = dict(error.headers or {}) if isinstance(error, HttpError) else {}
    if error.http_status == 503:
        headers["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    return ProblemResponse(problem, error.http_status, headers)


def bug(error: BaseException, scope: Scope) -> ProblemResponse:
    """Log a bug with its trace and return what the caller sees of it: an id to find it by."""
    log_id = uuid.uuid4().hex[:12]
    log.error("%s %s failed; log id %s", scope.get("method"), scope.get("path"), log_id, exc_info=error)
    internal = errors.InternalError(f"unexpected error; see the log entry {log_id}", log_id=log_id)
    return response_of(internal, scope)


class Boundary:
    """Turns whatever nobody else caught into a problem; once the answer has begun, all that is left is to break off."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the wrapped application."""
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:  # the last place that can still answer
            if scope["type"] != "http" or started:
                raise
            await bug(error, scope)(scope, receive, send)


def install(app: FastAPI) -> None:
    """Let `app` answer every error as a problem."""
    app.add_exception_handler(errors.PravahError, _ours)
    app.add_exception_handler(fastapi.exceptions.RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, http)


async def _ours(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, errors.PravahError)
    if isinstance(error, errors.InternalError):
        return bug(error, request.scope)
    if error.http_status >= 500:
        log.warning("%s %s: %s", request.method, request.url.path, error)
    return response_of(error, request.scope)


async def _validation(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, fastapi.exceptions.RequestValidationError)
    found = [
        {"field": _shown(".".join(_shown(str(part), 100) for part in one["loc"])), "message": _message(one["msg"])}
        for one in error.errors()
    ]
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    problem = errors.InvalidOptionsError(f"{first['field']}: {first['message']}{more}", field=first["field"])
    return response_of(problem, request.scope, fields=found[:_SHOWN_ERRORS])


def _message(text: str) -> str:
    return _shown(text.removeprefix("Value error, "))


def _shown(text: str, limit: int = _SHOWN_CHARACTERS) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


async def http(request: Request, error: Exception) -> ProblemResponse:
    """Answer what the router refused."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 404:
        return response_of(NotFoundError(f"{path} does not exist"), request.scope)
    if error.status_code == 405:
        allowed = _allowed(request.app.routes, request.scope)
        message = f"{path} does not support {request.method}; use {', '.join(allowed)}"
        return response_of(MethodNotAllowedError(message, headers={"Allow": ", ".join(allowed)}), request.scope)
    if error.status_code >= 500:
        return bug(error, request.scope)
    malformed = MalformedRequestError(str(error.detail))
    malformed.http_status = error.status_code
    return response_of(malformed, request.scope)


def _allowed(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    # The router names only the first route of a path; a path has one for each method.
    found = {
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for route in routes
        if route.matches({**scope, "method": method})[0].name == "FULL"
    }
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def responses(*classes: type[errors.PravahError]) -> dict[int | str, dict[str, Any]]:
    """Return what a route declares of its problems, besides those that every route has."""
    found: dict[int | str, dict[str, Any]] = {}
    declared: list[type[errors.PravahError]] = [
        *classes,
        NotAuthenticatedError,
        ForeignRequestError,
        TooManyRequestsError,
        errors.InternalError,
        errors.DatabaseError,
    ]
    for cls in declared:
        entry = found.setdefault(cls.http_status, {"description": "", "content": {MEDIA_TYPE: {}}})
        if cls.title not in entry["description"].split("; "):
            entry["description"] = "; ".join(filter(None, [entry["description"], cls.title]))
        content = entry["content"][MEDIA_TYPE]
        content["schema"] = {"$ref": f"#/components/schemas/{Problem.__name__}"}
        example = errors.as_problem(cls("What happened, and to what."), "/api/jobs")
        content.setdefault("examples", {})[cls.code] = {"summary": cls.title, "value": example}
    return found


def add_schema(document: dict[str, Any]) -> None:
    """Add the problem's schema to an OpenAPI document whose responses refer to it."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(schema.pop("$defs"))
    schemas[Problem.__name__] = schema
