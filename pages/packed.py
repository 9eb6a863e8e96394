"""Sends the dashboard's scripts and styles packed: a page with charts is 9 MB of text.

Streamlit sends them as they are, to be cached for ever by the hash in their names. Each is packed once in the life of
the server; brotli is PyArrow's, and better than gzip by a tenth.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable

import anyio.to_thread
import pyarrow as pa
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Names of files that are there: their number is bounded, so what is kept is bounded too.
_PATHS = re.compile(r"/static/(js|css)/[\w.~-]+\.(js|css)")
_TYPES = ("text/javascript", "application/javascript", "text/css")
_LEAST_BYTES = 1_000


def _brotli(content: bytes) -> bytes:
    packed: bytes = pa.Codec("brotli", compression_level=5).compress(content, asbytes=True)
    return packed


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, 6, mtime=0)


_CODERS: dict[str, Callable[[bytes], bytes]] = {"br": _brotli, "gzip": _gzip}
"""The best first. A browser takes brotli over TLS, and from its own machine."""


class Packed:
    """ASGI middleware: packs what is below ``/static``."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app
        self._packed: dict[tuple[str, str], Response] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the wrapped application, and pack what it answers; answer what is packed already."""
        coding = _coding(scope)
        if coding is None:
            await self.app(scope, receive, send)
            return
        key = (_path(scope), coding)
        response = self._packed.get(key)
        if response is None:
            status, headers, content = await _answer(self.app, scope, receive)
            response = Response(content, status)
            response.raw_headers = headers.raw
            if status == 200 and headers.get("content-type", "").startswith(_TYPES) and len(content) >= _LEAST_BYTES:
                response = self._packed[key] = await _made(content, headers, coding)
        await response(scope, receive, send)


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _coding(scope: Scope) -> str | None:
    """Return how to pack the answer; ``None`` = it is none of those, or the client takes it as it is only."""
    if scope["type"] != "http" or scope["method"] != "GET" or not _PATHS.fullmatch(_path(scope)):
        return None
    headers = Headers(scope=scope)
    if any(name in headers for name in ("range", "if-none-match", "if-modified-since")):
        return None
    taken = {
        name.strip()
        for name, _, weight in (one.partition(";") for one in headers.get("accept-encoding", "").split(","))
        if not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    }
    return next((coding for coding in _CODERS if coding in taken), None)


async def _answer(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[int, MutableHeaders, bytes]:
    status, raw, content = 500, list[tuple[bytes, bytes]](), bytearray()

    async def keep(message: Message) -> None:
        nonlocal status, raw
        if message["type"] == "http.response.start":
            status, raw = message["status"], list(message["headers"])
        else:
            content.extend(message.get("body", b""))

    await app(scope, receive, keep)
    return status, MutableHeaders(raw=raw), bytes(content)


async def _made(content: bytes, headers: MutableHeaders, coding: str) -> Response:
    packed = await anyio.to_thread.run_sync(_CODERS[coding], content)
    headers = MutableHeaders(raw=list(headers.raw))
    headers["Content-Encoding"], headers["Content-Length"] = coding, str(len(packed))
    headers.add_vary_header("Accept-Encoding")
    # Of the file as it is. The name says which version it is.
    for name in ("ETag", "Last-Modified", "Accept-Ranges"):
        del headers[name]
    made = Response(packed)
    made.raw_headers = headers.raw
    return made
