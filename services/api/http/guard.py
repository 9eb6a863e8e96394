"""Bounds the bodies that the API reads, and adds the headers that are safe for its answers; the door is in front."""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import bootstrap
from services.api.http import limits, problems, visits

_SHOWN_CHARACTERS = 100
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: checks the size of the body, and adds the safe headers."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the wrapped application, or answer with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope.get(visits.KNOWN):
                    headers["Pravah-Version"] = bootstrap.version()
            await send(message)

        if scope["method"] not in _SAFE_METHODS:
            try:
                body = await _read(scope, receive)
            except ClientDisconnect:
                return
            if body is None:
                await problems.response_of(limits.too_large(), scope)(scope, receive, with_headers)
                return
            twice = _key_given_twice(body)
            if twice is not None:
                message = f"the request body has the key {twice[:_SHOWN_CHARACTERS]!r} twice in one object"
                malformed = problems.MalformedRequestError(message)
                await problems.response_of(malformed, scope)(scope, receive, with_headers)
                return
            receive = _replay(body, receive)
        await self._app(scope, receive, with_headers)


class _TwiceError(Exception):
    """A key is twice in an object."""


def _key_given_twice(body: bytes) -> str | None:
    """Return a key that an object of a JSON text has twice: one of its values would count, and nobody would know."""

    def check(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _TwiceError(key)
            seen.add(key)

    try:
        json.loads(body, object_pairs_hook=check)
    except _TwiceError as twice:
        return str(twice)
    except (ValueError, RecursionError):
        pass  # what is no JSON is told by who reads it
    return None


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """Return the body, or ``None`` when it is too large; what the client announces is enough to refuse it."""
    if limits.announces_too_much(scope):
        await limits.drain(scope, receive)
        return None
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limits.MAX_BODY_BYTES:
            if more:
                await limits.drain(scope, receive)
            return None
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
