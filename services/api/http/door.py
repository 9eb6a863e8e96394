"""The door: one ASGI middleware in front of the API, the dashboard and its web socket.

Who comes in has a session (a cookie, opened by a one-time link) or an API token (the header Authorization). Nothing
behind the door asks again: what is served without it is open to everybody. See decision 0036.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import bootstrap
from services.api.http import door_pages, limits, problems
from services.api.http.visits import KNOWN, LIVE, Visit
from services.base import addresses, errors, settings
from services.models import keys
from services.models.keys import KeyView, Kind
from services.use_cases.keys import KeyService

T = TypeVar("T")

_LOG_OUT = "/logout"
_LOOKING = 8
"""Threads that wait for the database here: requests that stay outside must not take those of the others."""
_POLICY_VIOLATION = 1008
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Not no-referrer: a browser would say of our own form that its Origin is null.
    "Referrer-Policy": "same-origin",
    # The dashboard's page has scripts and styles in it; what it can do without is forbidden.
    "Content-Security-Policy": "frame-ancestors 'self'; object-src 'none'; base-uri 'self'; form-action 'self'",
}
_OF_PROBLEMS = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


class Door:
    """ASGI middleware: lets those in who have a session or a token, and only by the names of this server."""

    def __init__(
        self,
        app: ASGIApp,
        config: settings.Settings,
        services: Callable[[], bootstrap.Services],
        *,
        extra_hosts: Iterable[str] = (),
        observe: Callable[[str, object, int, float], None] | None = None,
    ) -> None:
        """Wrap `app`.

        Args:
            services: gives them; called in a thread, for the first visitor may have to wait for the database.
            extra_hosts: names besides those of the settings that the header Host may hold.
            observe: counts what the door answers: method, no route, status, seconds.

        Raises:
            InvalidOptionsError: others may reach the address, and no setting says by which name.
        """
        addresses.check_reach(config.host, config.public_url, is_insecure=config.insecure)
        self.app = app
        self._names = addresses.Names(config.host, config.public_url, extra_hosts)
        self._is_insecure = config.insecure
        self._cookie_seconds = round(config.session_days * 86_400)
        self._services = services
        self._observe = observe
        self._rates = limits.Rates(config.requests_per_second)
        self._keys: KeyService | None = None
        self._looking = anyio.CapacityLimiter(_LOOKING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the wrapped application, or answer here."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http":
            send = _with_headers(send)
        visit, started = Visit(scope, self._names), time.perf_counter()
        try:
            answer = await self._answer(visit)
        except errors.DatabaseError:
            # Not its own words: they name the database, and this may be anybody.
            answer = _refusal(errors.DatabaseError("the database that knows the sessions does not respond"), visit)
        if answer is not None and self._observe is not None:
            self._observe(visit.method, None, answer.status_code, time.perf_counter() - started)
        if answer is None:
            if not visit.is_socket and not visit.is_for_api:
                receive = limits.bounded(receive)  # the API says so (`guard`)
            if visit.is_socket and visit.key is not None:
                receive, send = self._watched(visit.secret, visit.key.kind, receive, send)
            await self.app(visit.scope, receive, send)
        elif visit.is_socket and "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            if not visit.is_socket and limits.announces_too_much(scope):
                await limits.drain(scope, receive)
            await answer(visit.scope, receive, send)

    async def _answer(self, visit: Visit) -> Response | None:
        """Return the door's answer; ``None`` lets the request in."""
        foreign = visit.foreign()
        if foreign is not None:
            return _refusal(foreign, visit)
        if visit.is_open and visit.path == LIVE:
            return None
        if not visit.is_socket and limits.announces_too_much(visit.scope):
            return _refusal(limits.too_large(), visit)
        if not self._is_insecure:
            with contextlib.suppress(*([errors.DatabaseError] if visit.is_open else [])):
                await self._identify(visit)
        if (seconds := self._rates.wait_seconds(f"{visit.address}" if visit.key is None else visit.key.id)) > 0:
            return _refusal(_too_often(seconds), visit)
        if not self._is_insecure:
            answer = await self._of_door(visit)
            if answer is not None:
                return answer
        is_known = visit.scope[KNOWN] = self._is_insecure or visit.key is not None
        if is_known or visit.is_open:
            return None
        return _refusal(problems.NotAuthenticatedError("the request has neither a session nor a valid token"), visit)

    async def _identify(self, visit: Visit) -> None:
        for secret, kind in visit.shown_keys():
            visit.key = await self._look(secret, kind)
            if visit.key is not None:
                visit.secret = secret
                return

    async def _look(self, secret: str, kind: Kind) -> KeyView | None:
        if keys.id_of(secret) is None:
            return None
        known = None if self._keys is None else self._keys.known(secret, kind)
        return known or await self._in_thread(lambda service: service.look(secret, kind))

    async def _in_thread(self, call: Callable[[KeyService], T]) -> T:
        def run() -> T:
            self._keys = self._services().keys
            return call(self._keys)

        return await anyio.to_thread.run_sync(run, limiter=self._looking)

    async def _of_door(self, visit: Visit) -> Response | None:
        """Return the answer to what is for the door itself: a link, a logout."""
        key, link = visit.key, visit.link()
        if link is not None:
            return await self._open(link, visit)
        if visit.path != _LOG_OUT or visit.is_socket:
            return None
        if visit.method != "POST":
            return door_pages.logged_out() if key is None else door_pages.log_out()
        if key is not None:
            await self._in_thread(lambda service: service.revoke(key.id))
        answer = door_pages.logged_out()
        answer.delete_cookie(visit.cookie, path=visit.cookie_path())
        return answer

    async def _open(self, link: str, visit: Visit) -> Response:
        if "prefetch" in visit.headers.get("sec-purpose", ""):
            # A browser that guesses an address must not use the link up.
            return Response(status_code=503)
        answer = RedirectResponse(visit.without_link(), 303, headers={"Cache-Control": "no-store"})
        # A link that was opened twice in the browser that it let in is not worth a refusal.
        if visit.key is not None:
            return answer
        browser, address = visit.headers.get("user-agent", ""), visit.address
        secret = await self._in_thread(lambda service: service.open_session(link, browser, address))
        if secret is None:
            return door_pages.used_link()
        answer.set_cookie(
            visit.cookie,
            secret,
            max_age=self._cookie_seconds,
            path=visit.cookie_path(),
            secure=visit.is_tls,
            httponly=True,
            samesite="strict",
        )
        return answer

    def _watched(self, secret: str, kind: Kind, receive: Receive, send: Send) -> tuple[Receive, Send]:
        """Return what a web socket reads and writes with; it ends when its key does."""
        is_over = False

        async def ends() -> bool:
            nonlocal is_over
            if not is_over:
                try:
                    is_over = await self._look(secret, kind) is None
                except errors.DatabaseError:
                    # The page that is open says what is wrong, and there is nothing to read.
                    is_over = False
                if is_over:
                    with contextlib.suppress(OSError):
                        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return is_over

        async def watched_receive() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and await ends():
                return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
            return message

        async def watched_send(message: Message) -> None:
            if message["type"] == "websocket.send" and await ends():
                return
            # Where the client has gone meanwhile, what is read next says so. An error here would be another one there.
            with contextlib.suppress(OSError):
                await send(message)

        return watched_receive, watched_send


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent


def _too_often(seconds: float) -> problems.TooManyRequestsError:
    message = "there are too many requests of this session, token or address"
    return problems.TooManyRequestsError(message, headers={"Retry-After": str(math.ceil(seconds))})


def _refusal(error: errors.PravahError, visit: Visit) -> Response:
    if not visit.wants_page:
        answer = problems.response_of(error, visit.scope)
        answer.headers.update(_OF_PROBLEMS)
        return answer
    if isinstance(error, problems.NotAuthenticatedError):
        return door_pages.no_session(again=visit.is_navigation_from_elsewhere)
    return door_pages.of(error)
