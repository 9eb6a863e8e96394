"""A connection with a time limit for each statement, also if the server does not respond at all."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """Gives up after some seconds without an answer, and is closed then: what became of the statement is not known.

    The kernel notices a peer that is gone. One that is there and silent (a stopped server, a proxy in between) would
    hold the thread that asked for as long as it is silent.

    Attributes:
        patience_seconds: for one statement, the locks it waits for included; ``None`` = any time.
    """

    patience_seconds: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for a statement's end, at most so long.

        Raises:
            OperationalError: the server did not answer in time.
        """
        if timeout is not None or self.patience_seconds is None:
            return super().wait(gen, interval, timeout)
        started = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience_seconds)
        except psycopg.OperationalError as error:
            if time.monotonic() - started < self.patience_seconds:
                raise
            self.close()
            raise psycopg.OperationalError(f"no response within {self.patience_seconds:g} s") from error
