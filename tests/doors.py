"""Ways through the door, for every test that talks to a server: a token for programs, a session for the browser.

`urllib` and `context` of the e2e tests use them by themselves, for each server of `tests.processes`.
"""

from __future__ import annotations

import contextlib
import http.client
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from services import bootstrap
from services.base import settings as settings_module
from services.db.database import Database
from services.models.keys import Kind
from services.use_cases.keys import KeyService

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

_makers: dict[str, Callable[[Kind], str]] = {}
_tokens: dict[str, str] = {}
_contexts: list[BrowserContext] = []


def bearer(services: bootstrap.Services) -> dict[str, str]:
    """Return the header that lets a client of these services in."""
    return _header(_made(services.keys, Kind.TOKEN))


def register(url: str, environment: Mapping[str, str], command: Callable[..., str]) -> None:
    """Let tests into a server.

    Args:
        environment: the server's.
        command: runs ``pravah`` as the server's owner and returns what it prints; for the embedded database, which a
            test process must not start.
    """
    database_url = environment.get("PRAVAH_DATABASE_URL")

    def make(kind: Kind) -> str:
        if database_url is None:
            if kind == Kind.SESSION:
                return _session_of(command("link"))
            return command("tokens", "add", uuid.uuid4().hex)
        config = settings_module.load_settings(data_dir=environment["PRAVAH_DATA_DIR"], database_url=database_url)
        with contextlib.closing(Database(config)) as database:
            return _made(KeyService(database, config), kind)

    netloc = urllib.parse.urlsplit(url).netloc
    _tokens.pop(netloc, None)
    _makers[netloc] = make
    for context in _contexts:
        _add_session(context, netloc)


def forget(url: str) -> None:
    """Forget a server that has ended."""
    _makers.pop(urllib.parse.urlsplit(url).netloc, None)


def headers(url: str) -> dict[str, str]:
    """Return the header that lets a client of a registered server in; nothing for any other one."""
    netloc = urllib.parse.urlsplit(url).netloc
    if netloc not in _makers:
        return {}
    if netloc not in _tokens:
        _tokens[netloc] = _makers[netloc](Kind.TOKEN)
    return _header(_tokens[netloc])


def log_in(context: BrowserContext) -> None:
    """Give a browser a session of every server that runs."""
    for netloc in _makers:
        _add_session(context, netloc)


@contextlib.contextmanager
def logged_in(context: BrowserContext) -> Iterator[None]:
    """Give a browser a session of every server that runs, and of each that is started in the block."""
    log_in(context)
    _contexts.append(context)
    try:
        yield
    finally:
        _contexts.remove(context)


def _made(keys: KeyService, kind: Kind) -> str:
    if kind == Kind.TOKEN:
        return keys.add_token(uuid.uuid4().hex, days=1)[0]
    secret = keys.open_session(keys.new_link(), "tests", None)
    assert secret is not None
    return secret


def _session_of(link: str) -> str:
    """Open a link as a browser does; return the session in the cookie."""
    parts = urllib.parse.urlsplit(link)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", f"{parts.path}?{parts.query}")
        cookie = connection.getresponse().getheader("Set-Cookie")
    assert cookie is not None
    return cookie.partition("=")[2].partition(";")[0]


def _header(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _add_session(context: BrowserContext, netloc: str) -> None:
    name, value = f"pravah_session_{urllib.parse.urlsplit(f'//{netloc}').port}", _makers[netloc](Kind.SESSION)
    context.add_cookies([{"name": name, "value": value, "url": f"http://{netloc}/", "sameSite": "Strict"}])


class _WithToken(urllib.request.BaseHandler):
    """Sends the token of a registered server."""

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        if not request.has_header("Authorization"):
            for name, value in headers(request.full_url).items():
                request.add_unredirected_header(name, value)
        return request


urllib.request.install_opener(urllib.request.build_opener(_WithToken))
