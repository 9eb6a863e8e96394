"""What one visitor may ask of the server: how often, and how large."""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from services.base import errors

MAX_BODY_BYTES = 1 << 20
_BURST_SECONDS = 10
_DRAIN_BYTES = 64 << 20
_DRAIN_SECONDS = 10
_REMEMBERED = 10_000


class Rates:
    """Counts requests of each visitor: so many a second, and ten seconds' worth at once."""

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember nobody.

        Args:
            per_second: ``None`` = no limit.
        """
        self._per_second = per_second
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def wait_seconds(self, who: str) -> float:
        """Count a request; return 0, or after how many seconds the next one is accepted."""
        if self._per_second is None:
            return 0.0
        now = self._clock()
        if len(self._full_at) >= _REMEMBERED:
            # Who has asked nothing for a while may do all again.
            self._full_at = {one: at for one, at in self._full_at.items() if at > now}
        full_at = max(self._full_at.get(who, now), now)
        if full_at - now > _BURST_SECONDS:
            return full_at - now - _BURST_SECONDS
        self._full_at[who] = full_at + 1 / self._per_second
        return 0.0


def too_large() -> errors.LimitExceededError:
    """Return the error of a body that is too large."""
    message = f"the request body is larger than {MAX_BODY_BYTES:,} bytes"
    remedy = "Send a smaller body. Files are read from their directory, not uploaded."
    return errors.LimitExceededError(message, remedy=remedy)


def announces_too_much(scope: Scope) -> bool:
    """Return whether a client says that its body is too large."""
    announced = Headers(scope=scope).get("content-length", "0")
    return announced.isdecimal() and (len(announced) > 18 or int(announced) > MAX_BODY_BYTES)


async def drain(scope: Scope, receive: Receive) -> None:
    """Take the rest of a body that is refused: a client that still sends sees a broken line, and not the answer."""
    if Headers(scope=scope).get("expect", "").lower() == "100-continue":
        return  # it asks first, and has sent nothing yet
    taken = 0
    with anyio.move_on_after(_DRAIN_SECONDS):
        while taken <= _DRAIN_BYTES:
            message = await receive()
            taken += len(message.get("body", b""))
            if not message.get("more_body", False):
                return


def bounded(receive: Receive) -> Receive:
    """Return a `receive` that ends a body which is too large and was not announced: as if the client had gone."""
    left = MAX_BODY_BYTES

    async def received() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return received
