"""The connection to PostgreSQL: embedded by default, migrated at start."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy
import sqlalchemy.event
import sqlalchemy.exc
from sqlalchemy import orm

from services.base import errors, settings
from services.db import embedded
from services.db.connection import PatientConnection

_MIGRATIONS = Path(__file__).parent / "migrations"
_CONNECT_TIMEOUT_SECONDS = 5
# A server that vanished without a word is noticed within seconds, not after the kernel's two hours.
_KEEPALIVE: dict[str, Any] = {
    "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "pravah",
}
# A statement may wait for the rows of a process that sleeps, which the server takes away from it after one lease.
_PATIENCE_LEASES = 3


class Database:
    """A pool of connections, and the embedded server if there is one.

    Attributes:
        embedded: true when the server is ours.
        url: without password, for people.
    """

    def __init__(self, config: settings.Settings) -> None:
        """Start the embedded server if no URL is set, and bring the schema up to date.

        Raises:
            DatabaseError: the server cannot be started or reached, or its schema is of a newer Pravah.
            InvalidOptionsError: the URL is none of PostgreSQL.
        """
        self.embedded = config.database_url is None
        self._closed = False
        self._directory = config.data_dir / "postgres"
        given = config.database_url
        url = given.get_secret_value() if given is not None else embedded.hold(self._directory)
        self.url = settings.mask_url(url)
        self._engine = sqlalchemy.create_engine(
            _with_driver(url), pool_size=8, max_overflow=16, pool_pre_ping=True, connect_args=_KEEPALIVE
        )
        self._patience_seconds = _PATIENCE_LEASES * config.lease_seconds
        sqlalchemy.event.listen(self._engine, "do_connect", self._connect)
        sqlalchemy.event.listen(self._engine, "connect", _limit_idleness(config.lease_seconds))
        self._sessions = orm.sessionmaker(self._engine, expire_on_commit=False)
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[orm.Session]:
        """Yield a session that commits at the end, or rolls back on an error.

        Raises:
            DatabaseError: the server does not answer.
        """
        try:
            with self._sessions.begin() as session:
                yield session
        except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.TimeoutError) as error:
            raise self._unreachable(error) from error
        except sqlalchemy.exc.DBAPIError as error:
            # A connection that was lost between two statements is reported by many classes.
            if error.connection_invalidated:
                raise self._unreachable(error) from error
            raise

    def revive(self) -> None:
        """Start the embedded server again if it died; nothing for any other server.

        Raises:
            DatabaseError: it does not start.
        """
        if self.embedded:
            embedded.start(self._directory)

    def version(self) -> str:
        """Return the server's version, e.g. ``18.1``."""
        with self.transaction() as session:
            return str(session.scalar(sqlalchemy.text("SHOW server_version"))).partition(" ")[0]

    def close(self) -> None:
        """Close the pool; the embedded server stops with its last user."""
        self._engine.dispose()
        if self.embedded and not self._closed:
            self._closed = True
            embedded.release(self._directory)

    def _connect(self, _dialect: Any, _record: Any, given: Any, named: Any) -> PatientConnection:
        connection = PatientConnection.connect(*given, **named)
        connection.patience_seconds = self._patience_seconds
        return connection

    def _migrate(self) -> None:
        try:
            with self._engine.begin() as connection:
                if _is_current(connection):
                    return
            self._upgrade()
        except sqlalchemy.exc.OperationalError as error:
            raise self._unreachable(error) from error
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise errors.DatabaseError(
                f"cannot create the tables in PostgreSQL at {self.url}: {_first_line(error)}",
                remedy="The user of PRAVAH_DATABASE_URL must own the database or be allowed to create tables in its "
                "public schema.",
            ) from error

    def _upgrade(self) -> None:
        # Alembic takes a third of a second to import; nearly always there is nothing to do.
        from services.db import migrate

        try:
            with self._engine.begin() as connection, _any_time(connection):
                migrate.upgrade(connection, _MIGRATIONS)
        except migrate.NewerSchemaError as error:
            raise errors.DatabaseError(
                f"the tables in PostgreSQL at {self.url} belong to a newer version of Pravah: {error}",
                remedy="Use that version, or another database in PRAVAH_DATABASE_URL.",
            ) from error

    def _unreachable(self, error: Exception) -> errors.DatabaseError:
        return errors.DatabaseError(f"PostgreSQL at {self.url}: {_first_line(error)}")


def newest_revision() -> str:
    """Return the last migration there is: they are numbered, and their files are named by it."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _is_current(connection: sqlalchemy.Connection) -> bool:
    if connection.scalar(sqlalchemy.text("SELECT to_regclass('alembic_version')")) is None:
        return False
    return bool(connection.scalar(sqlalchemy.text("SELECT version_num FROM alembic_version")) == newest_revision())


@contextlib.contextmanager
def _any_time(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Let statements take as long as they need: they change a large table, or wait for another starter."""
    driver: Any = connection.connection.driver_connection
    before, driver.patience_seconds = driver.patience_seconds, None
    yield
    driver.patience_seconds = before


def _limit_idleness(seconds: float) -> Callable[[Any, Any], None]:
    # A process that is paused inside a transaction keeps its row locks, and `SKIP LOCKED` would pass its job
    # by for as long as it sleeps; after a lease the server ends the transaction.
    statement = f"SET idle_in_transaction_session_timeout = {round(seconds * 1000)}"

    def limit(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.commit()

    return limit


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0]


def _with_driver(url: str) -> sqlalchemy.URL:
    scheme, separator, _ = url.partition("://")
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        parsed = None
    if parsed is None or scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not separator:
        # Not the URL itself: it may hold a password in a place where nobody looks for one.
        raise errors.InvalidOptionsError(
            "PRAVAH_DATABASE_URL is not a postgresql:// URL",
            remedy="Write it as postgresql://user:password@host/name; %-encode special characters.",
            field="database_url",
        )
    return parsed.set(drivername="postgresql+psycopg")
