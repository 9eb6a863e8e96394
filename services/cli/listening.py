"""Where a server listens: a port, or a unix socket for one user."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from services.base import addresses, errors

if TYPE_CHECKING:
    from services.base.settings import Settings

_BACKLOG = 2048
_PROBE_SECONDS = 1.0
_PRIVATE = 0o177


def bind(config: Settings) -> socket.socket:
    """Return a socket on the address of the settings; nothing answers on it yet.

    Raises:
        InvalidOptionsError: it is taken, or the address is not this machine's.
    """
    if config.host.startswith(addresses.UNIX):
        return _bind_unix(Path(config.host.removeprefix(addresses.UNIX)))
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        field, remedy = "host", "Choose an address of this machine with --host; 127.0.0.1 is the safest."
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            field, remedy = "port", "Stop the other program, or choose another port with --port (0 = any free port)."
        if error.errno == errno.EADDRINUSE and _is_pravah(config):
            remedy = f"Pravah is already running: open http://{config.host}:{config.port}, or choose another --port."
        # Python repeats the address in parentheses.
        reason = str(error.strerror or error).partition(" (")[0].lower()
        message = f"cannot listen on {config.host}:{config.port}: {reason}"
        raise errors.InvalidOptionsError(message, remedy=remedy, field=field) from None


def _bind_unix(path: Path) -> socket.socket:
    """Return a socket that only this user can open. One that an ended server has left is replaced."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        if _is_left(path):
            path.unlink()
        # The mode is there from the beginning: nobody gets in between.
        before = os.umask(_PRIVATE)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = str(error.strerror or error).lower()
        remedy = "Choose another path with --host unix:/path, in a directory in which you may write."
        raise errors.InvalidOptionsError(f"cannot listen on {path}: {reason}", remedy=remedy, field="host") from None
    return listener


def _is_left(path: Path) -> bool:
    """Return whether a path is a socket on which nobody listens."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def shown_url(config: Settings, listener: socket.socket | None = None) -> str:
    """Return the address to open, without a slash at its end.

    Args:
        listener: knows the port when the settings leave it open.
    """
    if config.public_url is not None:
        return config.public_url
    if config.host.startswith(addresses.UNIX):
        # `ssh -L 8501:/path` gives a browser this address.
        return f"http://127.0.0.1:{config.port}"
    host, port = (config.host, config.port) if listener is None else listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{'127.0.0.1' if addresses.is_everywhere(host) else shown}:{port}"


def _is_pravah(config: Settings) -> bool:
    import urllib.error
    import urllib.request

    try:
        url = f"http://{config.host}:{config.port}/api/health/live"
        with urllib.request.urlopen(url, timeout=_PROBE_SECONDS) as answer:
            return b"status" in answer.read(1000)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def open_browser(url: str, config: Settings) -> None:
    """Open an address in the browser.

    Other users see the arguments of a program, and a link works for who is first: what is passed on is the name of a
    file that only this user can read, and that leads to the link.
    """
    import html
    import webbrowser

    file = config.data_dir / "open.html"
    refresh = f'<meta http-equiv="refresh" content="0;url={html.escape(url)}">'
    text = f'<!DOCTYPE html><meta charset="utf-8"><title>Pravah</title>{refresh}'
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    threading.Thread(target=webbrowser.open, args=(file.as_uri(),), daemon=True).start()
