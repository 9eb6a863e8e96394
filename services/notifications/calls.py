"""What webhooks and e-mails share: a deadline for the whole call, and how sending fails."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

IDLE_SECONDS = 5.0
"""Without a byte."""
CALL_SECONDS = 15.0
"""From the connection to the end of the answer."""


class NotSentError(Exception):
    """A message was not taken.

    Args:
        message: why, without any secret.
        is_final: another try would end the same way.
    """

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


@contextlib.contextmanager
def deadline(connection: Callable[[], socket.socket | None], over: threading.Event) -> Iterator[None]:
    """Break a connection off when the time is over, or when `over` is set by whoever stops the sending.

    A timeout of the socket is one of each read: a server that gives a byte now and then would be waited for for ever.

    Args:
        connection: gives the socket as it then is; STARTTLS puts another in its place.
    """
    done = threading.Event()

    def watch() -> None:
        over.wait(CALL_SECONDS)
        used = connection()
        if not done.is_set() and used is not None:
            with contextlib.suppress(OSError):
                used.shutdown(socket.SHUT_RDWR)

    watcher = threading.Thread(target=watch, name="pravah-deadline", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        over.set()
        watcher.join()
