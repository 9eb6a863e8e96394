"""Open connections to PostgreSQL: a transaction takes one that is idle, or opens another.

Not `psycopg_pool`: it opens connections in threads of its own and repeats what fails, so that a server that refuses
is reported as a timeout, without the reason. Here the caller gets the server's answer at once.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import psycopg
from psycopg.pq import TransactionStatus

from services.db.connection import PatientConnection

_KEPT = 8
_MOST = 24
_WAIT_SECONDS = 30.0


class Pool:
    """At most 24 connections at once, of which 8 stay open while nobody uses them."""

    def __init__(self, connect: Callable[[], PatientConnection]) -> None:
        """Keep how to connect; nothing is opened."""
        self._connect = connect
        self._idle: list[PatientConnection] = []
        self._changing = threading.Lock()
        self._free = threading.BoundedSemaphore(_MOST)
        self._is_closed = False

    @contextlib.contextmanager
    def connection(self) -> Iterator[PatientConnection]:
        """Yield a connection that answers, outside a transaction.

        Raises:
            psycopg.OperationalError: the server cannot be reached, or all connections are in use for 30 s.
        """
        if not self._free.acquire(timeout=_WAIT_SECONDS):
            raise psycopg.OperationalError(f"all {_MOST} connections are in use for {_WAIT_SECONDS:g} s")
        try:
            connection = self._idle_one() or self._connect()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close the idle connections, and each of the others as it is given back."""
        self._is_closed = True
        self._close_idle()

    def _idle_one(self) -> PatientConnection | None:
        with self._changing:
            connection = self._idle.pop() if self._idle else None
        if connection is None or _answers(connection):
            return connection
        # The server was restarted, or a proxy dropped them: the others are dead too.
        connection.close()
        self._close_idle()
        return None

    def _close_idle(self) -> None:
        with self._changing:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _give_back(self, connection: PatientConnection) -> None:
        is_usable = connection.info.transaction_status == TransactionStatus.IDLE
        with self._changing:
            if is_usable and not self._is_closed and len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()


def _answers(connection: PatientConnection) -> bool:
    try:
        # Without a transaction around it, the question is one round trip.
        connection.autocommit = True
        connection.execute("")
        connection.autocommit = False
    except psycopg.Error:
        return False
    return True
