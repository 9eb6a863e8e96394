"""Refuses requests before any route sees them: foreign hosts and origins, large bodies.

The API has no log-in: whoever reaches it may use it. It listens on loopback, so what is left are the
user's own browser on a foreign page (cross-site requests, DNS rebinding) and bodies without end.
"""

from __future__ import annotations

import ipaddress
import socket
import urllib.parse
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.http import problems
from services.base import errors

MAX_BODY_BYTES = 1 << 20
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: checks Host, Origin and size of the body, and adds the safe headers."""

    def __init__(self, app: ASGIApp, *, host: str, extra_hosts: Iterable[str] = ()) -> None:
        """Wrap `app`.

        Args:
            host: the address the server listens on. A wildcard admits every literal address and this
                machine's name: DNS rebinding needs a name of the attacker's.
            extra_hosts: further names to admit.
        """
        self._app = app
        self._any_address = host in {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not bound
        own = {socket.gethostname().lower()} if self._any_address else {host.lower().strip("[]")}
        self._hosts = _LOOPBACK | own | set(extra_hosts)

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
            await send(message)

        refused = self._refusal(scope)
        if refused is None and scope["method"] not in _SAFE_METHODS:
            try:
                body = await _read(scope, receive)
            except ClientDisconnect:
                return
            if body is None:
                limit = f"the request body is larger than {MAX_BODY_BYTES:,} bytes"
                refused = errors.LimitExceededError(
                    limit, remedy="Send a smaller body. Files are read from their directory, not uploaded."
                )
            else:
                receive = _replay(body, receive)
        if refused is not None:
            await problems.response_of(refused, scope)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> errors.PravahError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_known(_split(f"//{host}")[0]):
            return problems.ForeignRequestError(f"the header Host ({host[:200]!r}) is not an address of this server")
        if scope["method"] in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        # Browsers send Origin with every request that changes something; Sec-Fetch-Site is there where a page hides it.
        if origin is not None and not _same_origin(origin, host):
            return problems.ForeignRequestError(f"requests from pages of {origin[:200]!r} are not allowed")
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return problems.ForeignRequestError("requests from pages of other sites are not allowed")
        return None

    def _is_known(self, name: str | None) -> bool:
        if name is None:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address


def _split(url: str) -> tuple[str | None, int | None]:
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return None, None
        return parts.hostname, parts.port
    except ValueError:
        return None, None


def _same_origin(origin: str, host: str) -> bool:
    scheme = origin.partition("://")[0].lower()
    if scheme not in _DEFAULT_PORTS:
        return False
    name, port = _split(origin)
    own_name, own_port = _split(f"//{host}")
    default = _DEFAULT_PORTS[scheme]
    return name is not None and name == own_name and (port or default) == (own_port or default)


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """Return the body, or ``None`` when it is too large; what the client announces is enough to refuse it."""
    announced = Headers(scope=scope).get("content-length", "0")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > MAX_BODY_BYTES):
        return None
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        more = message.get("more_body", False)
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
