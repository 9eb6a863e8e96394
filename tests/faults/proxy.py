"""A TCP proxy of our own that misbehaves where a test wants it to.

Whatever a client sends is cut into *points*: a chunk of PostgreSQL's protocol, which is a statement or a few that go
together, or the head of an HTTP request. A fault waits for its point.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Address = tuple[str, int] | str
_CHUNK_BYTES = 1 << 16
_METHODS = (b"GET /", b"PUT /", b"POST /", b"DELETE /", b"HEAD /")
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


def is_request(data: bytes) -> bool:
    """Return whether a chunk begins an HTTP request; none of our clients sends a second one before the answer."""
    return data.startswith(_METHODS)


@dataclass
class Fault:
    """What happens at a point.

    Attributes:
        kind: ``cut`` (the chunk does not arrive), ``lose answer`` (it arrives, the answer does not, and for so many
            seconds nobody comes through), ``truncate`` (so many bytes of the answer arrive), ``delay`` (for some
            seconds), ``refuse`` and ``hang`` (everybody, for some seconds),
            ``fail`` (HTTP: so many requests are answered with 503), ``call`` (`action`, then go on).
        at: number of the point, 1 is the first; or `when`.
        when: tells of a point's bytes whether it is the one.
        amount: seconds, bytes or requests.
    """

    kind: str
    at: int = 0
    when: Callable[[bytes], bool] | None = None
    amount: float = 0
    action: Callable[[], object] = lambda: None
    fired: threading.Event = field(default_factory=threading.Event)

    def is_here(self, number: int, data: bytes) -> bool:
        """Return whether a point is the one it waits for."""
        return not self.fired.is_set() and (self.when(data) if self.when else number == self.at)


def following(first: bytes, second: bytes) -> Callable[[bytes], bool]:
    """Return a condition: a point that holds `second`, once one has held `first`."""
    seen = threading.Event()

    def here(data: bytes) -> bool:
        if first in data:
            seen.set()
        return seen.is_set() and second in data

    return here


class _CutError(Exception):
    """The connection shall end."""


class _Pair:
    """A client's connection and the one it is handed on to."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.left: int | None = None
        """Bytes that the client still gets; none is no limit."""
        self.then_refuse_seconds = 0.0

    def close(self) -> None:
        """Reset both: neither side may take it for an orderly end."""
        for one in (self.client, self.server):
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Proxy:
    """Hands on to a server, but for its faults.

    Attributes:
        points: how many there were since `plan`.
        trace: the first bytes of each of them.
        recovered: set when a time of refusing or silence is over.
    """

    def __init__(self, target: Address, is_point: Callable[[bytes], bool] = bool) -> None:
        """Listen on a free port.

        Args:
            target: host and port, or the path of a unix socket.
            is_point: which chunks of a client are.
        """
        self._target, self._is_point = target, is_point
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._pairs: set[_Pair] = set()
        self._failing = 0
        self._flows = threading.Event()
        self._flows.set()
        self._refuses = False
        self._closed = threading.Event()
        self._timers: list[threading.Timer] = []
        self.recovered = threading.Event()
        self.points = 0
        self.trace: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def plan(self, *faults: Fault) -> None:
        """Count points from here, and have these faults happen."""
        with self._lock:
            self.points, self.trace, self._faults = 0, [], list(faults)

    def calm(self) -> None:
        """Forget all faults; who waits goes on."""
        self.plan()
        for timer in self._timers:
            timer.cancel()
        self._failing = 0
        self._recover()

    def refuse(self, seconds: float | None = None) -> None:
        """End all connections and let none in, for some time or until `calm`."""
        self._refuses = True
        self._close_pairs()
        self._after(seconds)

    def hang(self, seconds: float | None = None) -> None:
        """Take what comes and hand nothing on, for some time or until `calm`."""
        self._flows.clear()
        self._after(seconds)

    def close(self) -> None:
        """End everything."""
        self._closed.set()
        self.calm()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._close_pairs()

    def _after(self, seconds: float | None) -> None:
        self.recovered.clear()
        if seconds is not None:
            timer = threading.Timer(seconds, self._recover)
            timer.daemon = True
            self._timers.append(timer)
            timer.start()

    def _recover(self) -> None:
        self._refuses = False
        self._flows.set()
        self.recovered.set()

    def _close_pairs(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            pair.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        family = socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
        pair = _Pair(client, socket.socket(family, socket.SOCK_STREAM))
        try:
            if self._refuses:
                raise _CutError
            pair.server.connect(self._target)
        except (OSError, _CutError):
            pair.close()
            return
        with self._lock:
            self._pairs.add(pair)
        # Those that `refuse` ends are those that were there: one that came beside it would stay.
        if self._refuses:
            self._close_pairs()
            return
        threading.Thread(target=self._pump, args=(pair, self._down), daemon=True).start()
        self._pump(pair, self._up)

    def _pump(self, pair: _Pair, step: Callable[[_Pair], None]) -> None:
        with contextlib.suppress(OSError, _CutError):
            while True:
                step(pair)
        pair.close()
        with self._lock:
            self._pairs.discard(pair)

    def _down(self, pair: _Pair) -> None:
        data = pair.server.recv(_CHUNK_BYTES)
        self._flows.wait()
        if pair.left is not None:
            data, pair.left = data[: pair.left], pair.left - len(data)
        if data:
            pair.client.sendall(data)
        if not data or (pair.left is not None and pair.left <= 0):
            if pair.then_refuse_seconds:
                self.refuse(pair.then_refuse_seconds)
            raise _CutError

    def _up(self, pair: _Pair) -> None:
        data = pair.client.recv(_CHUNK_BYTES)
        if not data:
            raise _CutError
        if self._is_point(data) and self._answered(pair, data):
            return
        self._flows.wait()
        pair.server.sendall(data)

    def _answered(self, pair: _Pair, data: bytes) -> bool:
        """Come to a point; True when the server shall not see it."""
        with self._lock:
            self.points += 1
            self.trace.append(data[:2000])
            here = [fault for fault in self._faults if fault.is_here(self.points, data)]
            for fault in here:
                fault.fired.set()
        for fault in here:
            self._happen(fault, pair)
        if self._failing > 0:
            self._failing -= 1
            self._fail(pair, data)
            return True
        return False

    def _happen(self, fault: Fault, pair: _Pair) -> None:
        if fault.kind == "cut":
            raise _CutError
        if fault.kind == "lose answer":
            pair.left, pair.then_refuse_seconds = 0, fault.amount
        elif fault.kind == "truncate":
            pair.left = int(fault.amount)
        elif fault.kind == "delay":
            self._closed.wait(fault.amount)
        elif fault.kind == "refuse":
            self.refuse(fault.amount)
            raise _CutError
        elif fault.kind == "hang":
            self.hang(fault.amount)
        elif fault.kind == "fail":
            self._failing = int(fault.amount)
        elif fault.kind == "call":
            fault.action()
        else:
            raise ValueError(fault.kind)

    def _fail(self, pair: _Pair, data: bytes) -> None:
        head, separator, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        # A client that asks first whether it may send its body has not sent it.
        left = 0 if re.search(rb"(?i)\r\nexpect:", head) or not length else int(length[1]) - len(body)
        while separator and left > 0:
            left -= len(pair.client.recv(_CHUNK_BYTES)) or left
        answer = b"HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(_SLOW_DOWN)
        pair.client.sendall(answer + (b"" if data.startswith(b"HEAD") else _SLOW_DOWN))
        pair.client.shutdown(socket.SHUT_WR)
        raise _CutError
