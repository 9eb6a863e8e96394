"""The databases that tests are given: emptied ones are as good as new."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests import databases


@pytest.fixture
def used(postgres: str, template_database: str) -> Iterator[list[str]]:
    """Yield the databases that were given back, without those of other tests."""
    key = postgres, template_database
    others = databases._free.pop(key, [])
    yield databases._free[key]
    databases._free[key] += others


def test_a_database_is_emptied_and_given_again(postgres: str, template_database: str, used: list[str]) -> None:
    with databases.copy(postgres, template_database) as first, psycopg.connect(first, autocommit=True) as connection:
        before = connection.execute("SELECT * FROM retention").fetchall()
        connection.execute("INSERT INTO places (path, added_at) VALUES ('here', now())")
        connection.execute("INSERT INTO removals VALUES (gen_random_uuid(), 1, now())")
        connection.execute("UPDATE retention SET last_sweep = '{}', database_id = gen_random_uuid()")
        token = connection.execute("SELECT nextval('fencing_tokens')").fetchone()
        with databases.copy(postgres, template_database) as beside:
            assert beside != first
        # A connection that was left open is closed.
        left = psycopg.connect(first)
        left.execute("LOCK TABLE jobs")
    with databases.copy(postgres, template_database) as again, psycopg.connect(again, autocommit=True) as connection:
        assert again == first
        assert connection.execute("SELECT * FROM retention").fetchall() == before
        assert connection.execute("SELECT nextval('fencing_tokens')").fetchone() == token
        for table in ("places", "removals", "jobs"):
            assert connection.execute(f"SELECT * FROM {table}").fetchall() == []
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()
    assert len(used) == 2


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE jobs ADD COLUMN more text",
        "DROP TABLE places",
        "UPDATE alembic_version SET version_num = '9999'",
        "DROP INDEX {index}",
        "REVOKE ALL ON jobs FROM CURRENT_USER",
    ],
)
def test_a_database_with_another_shape_is_not_given_again(
    change: str, postgres: str, template_database: str, used: list[str]
) -> None:
    with databases.copy(postgres, template_database) as url, psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT indexname FROM pg_indexes LEFT JOIN pg_constraint ON conname = indexname "
            "WHERE schemaname = 'public' AND conname IS NULL"
        ).fetchone()
        assert row is not None
        connection.execute(change.format(index=row[0]))  # type: ignore[arg-type]
    assert used == []
    with psycopg.connect(postgres) as connection:
        names = [name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()]
    assert url.partition("?")[0].rpartition("/")[2] not in names
