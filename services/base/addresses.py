"""Names and addresses of a server: which it listens on, and by which browsers may reach it."""

from __future__ import annotations

import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Iterable

from services.base import errors

UNIX = "unix:"
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not listened on
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PUBLIC = re.compile(r"https?://[^/@\s?#\\]+(/[A-Za-z0-9._~/-]*)?", re.ASCII)


def checked_url(url: str) -> str:
    """Return a public URL without a slash at its end.

    Raises:
        ValueError: it is not a URL of http or https with a host and a plain path.
    """
    path = urllib.parse.urlsplit(url).path
    if not _PUBLIC.fullmatch(url) or split(url.partition("//")[2].partition("/")[0])[0] is None:
        raise ValueError("must be https://host or https://host/path, without user, query and fragment")
    if "//" in path or any(part in {".", ".."} for part in path.split("/")):
        raise ValueError("the path must not have empty parts, '.' or '..'")
    return url.rstrip("/")


def is_everywhere(host: str) -> bool:
    """Return whether `host` stands for every address of this machine."""
    return host in _EVERYWHERE


def is_local(host: str) -> bool:
    """Return whether only this machine reaches `host`."""
    if host.startswith(UNIX) or host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def split(authority: str) -> tuple[str | None, int | None]:
    """Return name and port of ``name:port``; the name is ``None`` when it is not acceptable."""
    try:
        parts = urllib.parse.urlsplit(f"//{authority}")
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return None, None
        return parts.hostname, parts.port
    except ValueError:
        return None, None


class Names:
    """The names by which a server may be reached: one list for dashboard, API and web socket.

    A foreign page whose name is made to point at this machine (DNS rebinding) has another name.

    Attributes:
        root: the path below which browsers see the server, e.g. ``/pravah``; empty by default.
    """

    def __init__(self, host: str, public_url: str | None = None, extra: Iterable[str] = ()) -> None:
        """Make the list.

        Args:
            host: the address that the server listens on. Of a wildcard every literal address is admitted, and this
                machine's name, unless there is a public URL: that name is the only one then.
            extra: further names, for tests.
        """
        parts = urllib.parse.urlsplit(public_url or "")
        self._scheme, self._netloc, self.root = parts.scheme, parts.netloc.lower(), parts.path
        self._any_address = is_everywhere(host) and public_url is None
        own = set[str]()
        if self._any_address:
            own.add(socket.gethostname().lower())
        elif not is_everywhere(host) and not host.startswith(UNIX):
            own.add(host.lower().strip("[]"))
        if parts.hostname is not None:
            own.add(parts.hostname)
        self._names = _LOOPBACK | own | set(extra)

    def is_known(self, authority: str) -> bool:
        """Return whether a header Host names this server."""
        name = split(authority)[0]
        if name is None:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address

    def is_public(self, authority: str) -> bool:
        """Return whether a header Host is that of the public URL."""
        if not self._netloc:
            return False
        default = _DEFAULT_PORTS[self._scheme]
        name, port = split(authority)
        own_name, own_port = split(self._netloc)
        return name is not None and (name, port or default) == (own_name, own_port or default)

    def scheme(self, authority: str, seen: str) -> str:
        """Return the scheme that the browser used; behind a proxy, the server has seen another one."""
        return self._scheme if self.is_public(authority) else seen

    def is_own_origin(self, origin: str, authority: str) -> bool:
        """Return whether a header Origin is this server's: of the same name and port as Host, or of the public URL."""
        scheme, _, rest = origin.partition("://")
        default = _DEFAULT_PORTS.get(scheme.lower())
        if default is None:
            return False
        name, port = split(rest)
        own_name, own_port = split(authority)
        if name is None:
            return False
        if name == own_name and (port or default) == (own_port or default):
            # Who can change what is sent without TLS makes pages of our name there.
            return not self.is_public(authority) or scheme.lower() == self._scheme
        return scheme.lower() == self._scheme and self.is_public(rest)

    def port(self, authority: str, seen: str) -> int:
        """Return the port that the browser used."""
        return split(authority)[1] or _DEFAULT_PORTS.get(self.scheme(authority, seen), 80)


def check_reach(host: str, public_url: str | None, *, is_insecure: bool) -> None:
    """Refuse to listen where others reach the server, unless a setting says by which name, or that all may come in.

    Raises:
        InvalidOptionsError: no setting says so.
    """
    if is_local(host) or public_url is not None or is_insecure:
        return
    raise errors.InvalidOptionsError(
        f"other machines may reach {host}, and PRAVAH_PUBLIC_URL is not set",
        remedy="Set PRAVAH_PUBLIC_URL to the address that browsers use, https://host/ of a proxy with TLS in front, or "
        "listen on 127.0.0.1. PRAVAH_INSECURE=1 lets everybody in without a login.",
        field="host",
    )
