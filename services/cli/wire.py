"""What uvicorn leaves open: a request that does not arrive ends after a time."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.base import errors


class RequestLateError(errors.PravahError):
    """A request has not arrived in time."""

    code = "request_late"
    title = "Request not complete"
    http_status = 408
    remedy = "Send the whole request within PRAVAH_REQUEST_SECONDS."


class Protocol(HttpToolsProtocol):
    """Watches the time of each request.

    Attributes:
        seconds: in which a request must arrive, from its first byte, or the opening of the connection, to its last.
        late: the answer to one that does not.
    """

    seconds: ClassVar[float]
    late: ClassVar[bytes]

    def __init__(self, config: Config, *args: Any, **more: Any) -> None:
        """Watch nothing yet."""
        super().__init__(config, *args, **more)
        self._timer: asyncio.TimerHandle | None = None
        self._is_answerable = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch nothing more."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Expect a request, unless one is answered."""
        if self.cycle is None or self.cycle.response_complete:
            self._expect()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Expect the rest; it may come while an earlier one is answered."""
        self._expect()
        self._is_answerable = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See that from now on the application answers."""
        self._is_answerable = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """See that it is all there."""
        self._arrived()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the web socket."""
        self._arrived()
        super().handle_websocket_upgrade()

    def _expect(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.seconds, self._end)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        # Of a connection on which nothing came, nothing is told. Where only the body is missing, the application waits
        # for it, or has answered without.
        if self._is_answerable or (self.cycle is not None and not self.cycle.response_started):
            self.transport.write(self.late)
        self.transport.close()


def protocol(seconds: float) -> type[asyncio.Protocol]:
    """Return the protocol of connections for uvicorn, with the seconds in which a request must arrive."""
    late = RequestLateError(f"the request was not complete after {seconds:g} seconds")
    body = json.dumps(errors.as_problem(late)).encode()
    head = (
        b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\nconnection: close\r\n"
        b"content-length: %d\r\n\r\n" % len(body)
    )
    return type("TimedProtocol", (Protocol,), {"seconds": seconds, "late": head + body})
