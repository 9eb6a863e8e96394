"""The proxy does what its faults say: a harness that does nothing would let everything survive."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import wait_until
from tests.faults.proxy import Fault, Proxy, following, is_request


class Echo:
    """A server that gives back what it gets."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer:
            try:
                while data := peer.recv(1000):
                    self.got.append(data)
                    peer.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    made = Proxy(echo.address)
    yield made
    made.close()


def said(proxy: Proxy, *chunks: bytes) -> list[bytes]:
    """Send chunks one after the other; return the answers up to the end of the connection."""
    answers = []
    # A connection that is refused at once may break while it is made, too.
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as peer,
    ):
        for chunk in chunks:
            peer.sendall(chunk)
            answer = peer.recv(1000)
            if not answer:
                break
            answers.append(answer)
    return answers


def test_without_faults_all_goes_through(proxy: Proxy) -> None:
    assert said(proxy, b"one", b"two") == [b"one", b"two"]
    assert proxy.points == 2


def test_a_cut_keeps_the_chunk_and_a_lost_answer_does_not(proxy: Proxy, echo: Echo) -> None:
    proxy.plan(Fault("cut", at=2))
    assert said(proxy, b"one", b"two", b"three") == [b"one"]
    assert echo.got == [b"one"]
    proxy.plan(Fault("lose answer", at=2))
    assert said(proxy, b"four", b"five", b"six") == [b"four"]
    wait_until(lambda: echo.got == [b"one", b"four", b"five"], "what had no answer came to its end")


def test_an_answer_is_truncated(proxy: Proxy) -> None:
    proxy.plan(Fault("truncate", at=1, amount=2))
    assert said(proxy, b"long", b"more") == [b"lo"]


def test_nobody_comes_through_until_it_is_calm(proxy: Proxy, echo: Echo) -> None:
    proxy.plan(Fault("refuse", at=1, amount=60))
    assert said(proxy, b"one") == []
    assert said(proxy, b"two") == []
    assert echo.got == []
    proxy.calm()
    assert said(proxy, b"three") == [b"three"]


def test_what_hangs_arrives_later(proxy: Proxy, echo: Echo) -> None:
    answers: list[list[bytes]] = []
    proxy.plan(Fault("hang", at=1, amount=60))
    asking = threading.Thread(target=lambda: answers.append(said(proxy, b"one")))
    asking.start()
    wait_until(lambda: proxy.points == 1, "the chunk has come")
    assert echo.got == []
    proxy.calm()
    asking.join(timeout=10)
    assert answers == [[b"one"]]


def test_a_condition_waits_for_what_comes_before_it(proxy: Proxy) -> None:
    fault = Fault("cut", when=following(b"INSERT", b"COMMIT"))
    proxy.plan(fault)
    assert said(proxy, b"COMMIT", b"INSERT", b"SELECT", b"COMMIT") == [b"COMMIT", b"INSERT", b"SELECT"]
    assert fault.fired.is_set()


def test_requests_are_answered_with_503(echo: Echo) -> None:
    proxy = Proxy(echo.address, is_request)
    try:
        proxy.plan(Fault("fail", at=1, amount=2))
        request = b"PUT /key HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
        for _ in range(2):
            assert said(proxy, request)[0].startswith(b"HTTP/1.1 503 ")
        assert echo.got == []
        assert said(proxy, request) == [request]
    finally:
        proxy.close()
