"""Ctrl-C and SIGTERM while a job runs in the foreground: the first asks it to stop, the second leaves at once."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any

from services.base import errors

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Counts signals from enter to exit, instead of what they did before.

    A signal that was ignored stays so: a script's background job, or one below ``nohup``, is not interrupted.

    Attributes:
        asked: true once the job shall stop.
    """

    def __init__(self) -> None:
        """Catch nothing yet."""
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        """Catch the signals."""
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._count)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _count(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            leave()
        self.asked = True


def leave() -> None:
    """End the process at once: nothing is waited for, the lease tells other processes that the job is free."""
    if sys.stderr.isatty():
        os.write(2, b"\x1b[?25h\n")  # the cursor, which a progress bar hides
    os._exit(errors.CancelledError.exit_status)


def leave_on_interrupt() -> None:
    """From now on, Ctrl-C ends the process at once: for the moments in which it only tidies up."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: leave())
