"""Requests that do not arrive: they end after a time, with an answer where somebody waits for one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from services.cli import wire
from tests.conftest import free_port, wait_until

SECONDS = 0.5


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and answer; at /early answer first."""
    if scope["path"] != "/early":
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Yield the port of a server."""
    port = free_port()
    config = uvicorn.Config(application, port=port, log_level="error", lifespan="off", http=wire.protocol(SECONDS))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the server listens")
    yield port
    server.should_exit = True
    thread.join()


def told(port: int, *parts: bytes) -> bytes:
    """Send parts of a request, with pauses; return everything that comes until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        for part in parts:
            client.sendall(part)
            time.sleep(SECONDS / 5)
        found = b""
        while chunk := client.recv(65_536):
            found += chunk
        return found


@pytest.mark.parametrize(
    "sent",
    [
        (b"GET / HT",),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: ", b"y"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab",),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nab\r\n"),
    ],
)
def test_a_half_sent_request_is_told_that_it_is_late(port: int, sent: tuple[bytes, ...]) -> None:
    answer = told(port, *sent)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request_late"' in answer
    assert b"PRAVAH_REQUEST_SECONDS" in answer


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
def test_a_connection_on_which_nothing_comes_is_closed(port: int, sent: bytes) -> None:
    assert told(port, sent) == b""


def test_a_body_that_goes_on_after_the_answer_is_cut_off(port: int) -> None:
    answer = told(port, b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", b"a", b"b")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"408" not in answer


def test_requests_that_arrive_share_a_connection_for_longer_than_one_may_take(port: int) -> None:
    whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    slow = (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na", b"b")
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = told(port, whole, *slow, whole, *slow, whole, *slow, last)
    assert answer.count(b"HTTP/1.1 200 ") == 7
    assert answer.endswith(b"ok")
    pipelined = told(port, whole + whole + last)
    assert pipelined.count(b"HTTP/1.1 200 ") == 3
