"""Reaching PostgreSQL, and making the tables: what can be wrong is said, with what to do."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from services.base import errors
from services.base import settings as settings_module
from services.db import rows
from services.db.database import Database
from tests import databases
from tests.conftest import free_port


@pytest.fixture
def bare_url(postgres: str) -> Iterator[str]:
    """Yield the URL of a database without tables."""
    name = f"bare_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield databases.at(postgres, name)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def config_of(tmp_path: Path, url: str) -> settings_module.Settings:
    """Return settings with a database."""
    return settings_module.load_settings(data_dir=tmp_path / "data", database_url=url)


START = """
import sys
from pathlib import Path
from services.base import settings
from services.db.database import Database
config = settings.load_settings(data_dir=Path(sys.argv[1]), database_url=sys.argv[2])
sys.stdin.read(1)
Database(config).close()
print("ready")
"""


def test_many_processes_migrate_an_empty_database_at_once(bare_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, str(tmp_path), bare_url]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    results = [process.communicate(b"!", timeout=60) for process in processes]
    assert [out for out, _ in results] == [b"ready\n"] * 6, results
    with psycopg.connect(bare_url) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_many_threads_migrate_at_once(bare_url: str, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            Database(config_of(tmp_path, bare_url)).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_migrations_make_what_the_rows_declare(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
    made = {(table, column, nullable == "YES") for table, column, nullable in found if table != "alembic_version"}
    kinds = {"jobs": rows.JobRow, "schedules": rows.ScheduleRow, "notifications": rows.NotificationRow}
    declared = {
        (table, field.name, "None" in str(field.type)) for table, kind in kinds.items() for field in fields(kind)
    }
    assert {column for column in made if column[0] in kinds} == declared


def test_the_documentation_lists_every_table(database_url: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()
    listed = re.findall(
        r"^\| `(\w+)` \|", page.partition("## Tables of PostgreSQL")[2].partition("\n## ")[0], re.MULTILINE
    )
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert sorted(listed) == sorted(name for (name,) in found if name != "alembic_version")


def test_a_second_start_changes_nothing_and_is_quick(database_url: str, tmp_path: Path) -> None:
    started = time.perf_counter()
    Database(config_of(tmp_path, database_url)).close()
    assert time.perf_counter() - started < 2


def test_a_server_that_does_not_listen_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    url = f"postgresql://someone:s3cret@127.0.0.1:{free_port()}/pravah"
    with pytest.raises(errors.DatabaseError) as caught:
        Database(config_of(tmp_path, url))
    assert "127.0.0.1" in caught.value.message
    assert "s3cret" not in caught.value.message + repr(caught.value)
    assert "PRAVAH_DATABASE_URL" in caught.value.remedy
    assert "\n" not in caught.value.message


def test_a_server_that_accepts_and_says_nothing_is_given_up_within_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://someone@127.0.0.1:{silent.getsockname()[1]}/pravah"
        started = time.monotonic()
        with pytest.raises(errors.DatabaseError):
            Database(config_of(tmp_path, url))
        assert time.monotonic() - started < 15


def test_an_unknown_host_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(errors.DatabaseError, match=r"nowhere\.invalid"):
        Database(config_of(tmp_path, "postgresql://someone@nowhere.invalid/pravah"))


def test_a_missing_database_is_named(postgres: str, tmp_path: Path) -> None:
    with pytest.raises(errors.DatabaseError, match="no_such_database"):
        Database(config_of(tmp_path, databases.at(postgres, "no_such_database")))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:s3cret@host/name",
        "sqlite:///s3cret.db",
        "s3cret",
        "postgresql:/s3cret",
        "postgresql://user:s3cret@host:port/name",
        "postgresql+asyncpg://user:s3cret@host/name",
        "://s3cret",
    ],
)
def test_a_bad_url_is_refused_without_telling_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(errors.InvalidOptionsError) as caught:
        Database(config_of(tmp_path, url))
    assert "PRAVAH_DATABASE_URL" in caught.value.message
    assert "postgresql://user:password@host/name" in caught.value.remedy
    assert "s3cret" not in caught.value.message
    assert "s3cret" not in repr(config_of(tmp_path, url))


def test_a_postgres_scheme_is_understood(database_url: str, tmp_path: Path) -> None:
    url = database_url.replace("postgresql://", "postgres://")
    database = Database(config_of(tmp_path, url))
    assert database.version()[0].isdigit()
    database.close()


@pytest.fixture
def role(postgres: str) -> Iterator[str]:
    """Yield a role that must give the password ``right`` and may do nothing."""
    name = f"role_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'right'").format(sql.Identifier(name)))
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        hba = Path(row[0])
        before = hba.read_text()
        hba.write_text(f"local all {name} scram-sha-256\n{before}")
        connection.execute("SELECT pg_reload_conf()")
    yield name
    hba.write_text(before)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def as_role(url: str, role: str, password: str) -> str:
    """Return the URL with another user."""
    _, at, rest = url.partition("@")
    return f"postgresql://{role}:{password}{at}{rest}"


def test_a_wrong_password_is_said_and_not_told(bare_url: str, role: str, tmp_path: Path) -> None:
    with pytest.raises(errors.DatabaseError, match="password authentication failed") as caught:
        Database(config_of(tmp_path, as_role(bare_url, role, "wr0ng-s3cret")))
    assert "wr0ng-s3cret" not in caught.value.message


def test_a_role_that_may_not_create_tables_is_told_so(bare_url: str, role: str, tmp_path: Path) -> None:
    with pytest.raises(errors.DatabaseError, match="permission denied") as caught:
        Database(config_of(tmp_path, as_role(bare_url, role, "right")))
    assert "own the database" in caught.value.remedy


def test_tables_of_a_newer_version_are_left_alone(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(errors.DatabaseError, match="newer version") as caught:
        Database(config_of(tmp_path, database_url))
    assert "another database" in caught.value.remedy


def test_a_lost_connection_is_replaced(database_url: str, postgres: str, tmp_path: Path) -> None:
    database = Database(config_of(tmp_path, database_url))
    assert database.version()
    with psycopg.connect(postgres, autocommit=True) as connection:
        name = database_url.partition("?")[0].rpartition("/")[2]
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    assert database.version()
    database.close()
