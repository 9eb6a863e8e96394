"""HEAD on every route that knows GET (RFC 9110 §9.3.2)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY = "pravah.is_head"


def is_asked(scope: Scope) -> bool:
    """Return whether only the headers are wanted: a route then spares itself the body."""
    return bool(scope.get(_KEY))


class Head:
    """ASGI middleware: answers HEAD as GET without the body."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the wrapped application."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def bodiless(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the server looks into its own scope for whether a body may follow.
        inner = {**scope, "method": "GET", _KEY: True}
        await self._app(inner, receive, bodiless)
        scope["route"] = inner.get("route")
