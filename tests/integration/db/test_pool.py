"""Connections are kept, shared, replaced when the server dropped them, and never more than a limit."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from services.base import errors
from services.base import settings as settings_module
from services.db import pool
from services.db.database import ConstraintError, Database
from tests.conftest import wait_until

OWN = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = Database(settings_module.load_settings(data_dir=tmp_path / "data", database_url=database_url))
    yield opened
    opened.close()


def backend(database: Database) -> int:
    """Return the server's process of the connection that the next transaction gets."""
    with database.transaction() as session:
        return int(session.scalar("SELECT pg_backend_pid()"))


def terminate(url: str, pid: int) -> None:
    """End a connection as an administrator does, and wait until the server has forgotten it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        wait_until(lambda: (pid,) not in connection.execute(OWN).fetchall(), "the connection is gone")


def test_one_transaction_after_the_other_shares_a_connection(database: Database) -> None:
    assert backend(database) == backend(database)
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        session.execute("SET LOCAL lock_timeout = '7s'")
        raise ZeroDivisionError
    with database.transaction() as session:
        assert session.scalar("SHOW lock_timeout") == "0", "what was rolled back does not reach the next transaction"


def test_an_error_of_a_statement_rolls_back_and_keeps_the_connection(database: Database) -> None:
    before = backend(database)
    with pytest.raises(psycopg.errors.DivisionByZero), database.transaction() as session:
        session.execute("INSERT INTO places (path, added_at) VALUES ('/x', now())")
        session.execute("SELECT 1 / 0")
    with database.transaction() as session:
        assert session.scalars("SELECT path FROM places") == []
    assert backend(database) == before


def test_a_violated_constraint_has_an_error_of_its_own(database: Database) -> None:
    twice = "INSERT INTO places (path, added_at) VALUES ('/x', now())"
    with pytest.raises(ConstraintError, match="places_pkey"), database.transaction() as session:
        session.execute(twice)
        session.execute(twice)


def test_idle_connections_that_the_server_dropped_are_replaced_unseen(database: Database, database_url: str) -> None:
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(database.transaction()) for _ in range(3)]
        pids = [int(session.scalar("SELECT pg_backend_pid()")) for session in sessions]
    assert len(set(pids)) == 3
    for pid in pids:
        terminate(database_url, pid)
    assert backend(database) not in pids


def test_a_connection_that_dies_in_a_transaction_is_an_unreachable_database(
    database: Database, database_url: str
) -> None:
    pid = backend(database)
    with pytest.raises(errors.DatabaseError), database.transaction() as session:
        assert session.scalar("SELECT pg_backend_pid()") == pid
        terminate(database_url, pid)
        session.scalar("SELECT 1")
    assert backend(database) != pid


def test_more_threads_than_connections_wait_for_each_other(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_WAIT_SECONDS", 0.2)
    with contextlib.ExitStack() as stack:
        for _ in range(pool._MOST):
            stack.enter_context(database.transaction()).scalar("SELECT 1")
        with pytest.raises(errors.DatabaseError, match="connections are in use"), database.transaction():
            pass
        monkeypatch.setattr(pool, "_WAIT_SECONDS", 30)
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(backend(database)))
        thread.start()
    thread.join(30)
    assert len(seen) == 1
    with psycopg.connect(database_url, autocommit=True) as connection:
        wait_until(lambda: len(connection.execute(OWN).fetchall()) <= pool._KEPT, "only some stay open")


def test_closing_leaves_no_connection_open(database: Database, database_url: str) -> None:
    with database.transaction() as session:
        session.scalar("SELECT 1")
        database.close()
    with psycopg.connect(database_url, autocommit=True) as connection:
        wait_until(lambda: connection.execute(OWN).fetchall() == [], "all are closed")
