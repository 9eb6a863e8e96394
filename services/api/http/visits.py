"""What a request says of itself to the door: by which name it came, from which page, with which key."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator

from starlette.datastructures import Headers
from starlette.types import Scope

from services.api.http import problems
from services.base import addresses
from services.models.keys import KeyView, Kind

KNOWN = "pravah.is_known"
"""In a scope: whether the door knows who asks. For a path of `OPEN` it may not."""
LIVE = "/api/health/live"
"""Answered without a look at the key: it must not wait for the database."""
OPEN = frozenset({LIVE, "/api/health/ready"})
"""What orchestration asks. To a request without a key, the answers are states and nothing else."""
LINK = "link"
"""The parameter of a one-time link."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_API = "/api"
_COOKIE = "pravah_session"
_SAME_NAME_COOKIES = 4


class Visit:
    """A request or a web socket, before anybody has answered it.

    Attributes:
        scope: a copy, below the path of the public URL if it came by that.
        path: below that path.
        key: with which the door has let it in, and its secret.
    """

    def __init__(self, scope: Scope, names: addresses.Names) -> None:
        """Read the headers."""
        self.headers = Headers(scope=scope)
        self._names = names
        self._host = self.headers.get("host", "")
        self.scope = scope = dict(scope)
        self.key: KeyView | None = None
        self.secret = ""
        self.is_socket = scope["type"] == "websocket"
        self.root = names.root if names.is_public(self._host) else ""
        path: str = scope["path"]
        # A proxy passes the public path on or takes it away. What ASGI asks for is a path with it.
        if self.root:
            if path != self.root and not path.startswith(f"{self.root}/"):
                path = self.root + path
            scope["path"], scope["root_path"] = path, self.root
        self.path = path.removeprefix(self.root) or "/"

    @property
    def method(self) -> str:
        """The method; a web socket begins as a GET."""
        return "GET" if self.is_socket else str(self.scope["method"])

    @property
    def is_for_api(self) -> bool:
        """Whether the API answers it."""
        return self.path == _API or self.path.startswith(f"{_API}/")

    @property
    def wants_page(self) -> bool:
        """Whether a person sees the answer."""
        return not self.is_socket and self.method in {"GET", "HEAD"} and "text/html" in self.headers.get("accept", "")

    @property
    def is_open(self) -> bool:
        """Whether it needs no key."""
        return not self.is_socket and self.method in {"GET", "HEAD"} and self.path in OPEN

    @property
    def is_navigation_from_elsewhere(self) -> bool:
        """Whether the browser followed a link of another site: it has sent no cookie, but would from our own page."""
        of_page = self.headers.get("sec-fetch-mode") == "navigate" and self.headers.get("sec-fetch-dest") == "document"
        return of_page and self.headers.get("sec-fetch-site") in {"cross-site", "same-site"}

    @property
    def is_tls(self) -> bool:
        """Whether the browser came over TLS."""
        return self._names.scheme(self._host, str(self.scope.get("scheme", "http"))) in {"https", "wss"}

    @property
    def cookie(self) -> str:
        """The name of the session's cookie: a browser sends a host's cookies to each of its ports."""
        return f"{_COOKIE}_{self._names.port(self._host, 'https' if self.is_tls else 'http')}"

    @property
    def address(self) -> str | None:
        """From where it came."""
        client = self.scope.get("client")
        return None if client is None else str(client[0])

    def foreign(self) -> problems.ForeignRequestError | None:
        """Return why it is refused whoever sends it: another name, or a page of another site."""
        if not self._names.is_known(self._host):
            message = f"the header Host ({self._host[:200]!r}) is not a name of this server"
            return problems.ForeignRequestError(message)
        if self.method in _SAFE_METHODS and not self.is_socket:
            return None
        origin = self.headers.get("origin")
        # Browsers send Origin with every request that changes something and with every web socket; Sec-Fetch-Site is
        # there where a page hides it.
        if origin is not None and not self._names.is_own_origin(origin, self._host):
            return problems.ForeignRequestError(f"requests from pages of {origin[:200]!r} are not allowed")
        if self.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return problems.ForeignRequestError("requests from pages of other sites are not allowed")
        return None

    def shown_keys(self) -> Iterator[tuple[str, Kind]]:
        """Yield the keys it has: the token if there is one, else what may be the session."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        # Other schemes are a proxy's own.
        if scheme.lower() == "bearer":
            yield token.strip(), Kind.TOKEN
            return
        pairs = (pair.partition("=") for pair in "; ".join(self.headers.getlist("cookie")).split(";"))
        found = [value.strip() for name, _, value in pairs if name.strip() == self.cookie]
        # Several: another server at another path of this host.
        for value in found[:_SAME_NAME_COOKIES]:
            yield value, Kind.SESSION

    def link(self) -> str | None:
        """Return the secret of the one-time link that it opens, if any."""
        query: bytes = self.scope.get("query_string", b"")
        if self.method != "GET" or self.is_socket or self.is_for_api or not query:
            return None
        return next((value for name, value in _parameters(query) if name == LINK), None)

    def without_link(self) -> str:
        """Return the address without the link."""
        rest = urllib.parse.urlencode([one for one in _parameters(self.scope["query_string"]) if one[0] != LINK])
        # One slash: two would name another host.
        path = urllib.parse.quote(f"/{self.path.lstrip('/')}")
        return f"{self.root}{path}{'?' if rest else ''}{rest}"

    def cookie_path(self) -> str:
        """Return below which path the browser sends the cookie."""
        return f"{self.root}/"


def _parameters(query: bytes) -> list[tuple[str, str]]:
    return urllib.parse.parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=None)
