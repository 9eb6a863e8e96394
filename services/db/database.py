"""The connection to PostgreSQL: embedded by default, migrated at start."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo
from psycopg.rows import class_row, namedtuple_row, scalar_row

from services.base import errors, settings
from services.db import embedded
from services.db.connection import PatientConnection
from services.db.pool import Pool

_MIGRATIONS = Path(__file__).parent / "migrations"
# The name of our connections in `pg_stat_activity`.
APPLICATION = "pravah"
_CONNECT_TIMEOUT_SECONDS = 5
# A server that vanished without a word is noticed within seconds, not after the kernel's two hours.
_KEEPALIVE: dict[str, Any] = {
    "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": APPLICATION,
}
# A statement may wait for the rows of a process that sleeps, which the server takes away from it after one lease.
_PATIENCE_LEASES = 3

T = TypeVar("T")


class ConstraintError(Exception):
    """A row contradicts others: its name or key is taken, or what it refers to is gone."""


class Session:
    """An open transaction: runs statements, and gives their rows. Values are named: ``%(name)s``."""

    def __init__(self, connection: PatientConnection) -> None:
        """Keep the connection."""
        self._connection = connection

    def execute(self, statement: str, /, **values: Any) -> None:
        """Run a statement."""
        self._connection.execute(statement, values or None)

    def execute_many(self, statement: str, values: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement once for each set of values."""
        with self._connection.cursor() as cursor:
            cursor.executemany(statement, values)

    def rows(self, statement: str, /, **values: Any) -> list[Any]:
        """Return the rows as named tuples."""
        with self._connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(statement, values or None).fetchall()

    def row(self, statement: str, /, **values: Any) -> Any | None:
        """Return the first row as a named tuple; ``None`` without one."""
        with self._connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(statement, values or None).fetchone()

    def scalars(self, statement: str, /, **values: Any) -> list[Any]:
        """Return the first column."""
        with self._connection.cursor(row_factory=scalar_row) as cursor:
            return cursor.execute(statement, values or None).fetchall()

    def scalar(self, statement: str, /, **values: Any) -> Any:
        """Return the first column of the first row; ``None`` without one."""
        with self._connection.cursor(row_factory=scalar_row) as cursor:
            return cursor.execute(statement, values or None).fetchone()

    def all(self, kind: type[T], statement: str, /, **values: Any) -> list[T]:
        """Return the rows as objects that have a field for each column."""
        with self._connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(statement, values or None).fetchall()

    def first(self, kind: type[T], statement: str, /, **values: Any) -> T | None:
        """Return the first row as an object that has a field for each column; ``None`` without one."""
        with self._connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(statement, values or None).fetchone()


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
        self._is_held = False
        self._directory = config.data_dir / "postgres"
        given = config.database_url
        if given is None:
            self._conninfo = embedded.hold(self._directory)
            self._is_held = True
        else:
            self._conninfo = _checked(given.get_secret_value())
        self.url = settings.mask_url(self._conninfo)
        self._lease_seconds = config.lease_seconds
        self._pool = Pool(self._connect)
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Session]:
        """Yield a session that commits at the end, or rolls back on an error.

        Raises:
            DatabaseError: the server does not answer.
            ConstraintError: a row contradicts others.
        """
        try:
            with self._pool.connection() as connection, _committed(connection):
                yield Session(connection)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise self._unreachable(error) from error
        except psycopg.IntegrityError as error:
            raise ConstraintError(_first_line(error)) from error

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
            return str(session.scalar("SHOW server_version")).partition(" ")[0]

    def close(self) -> None:
        """Close the pool; the embedded server stops with its last user."""
        self._pool.close()
        if self._is_held:
            self._is_held = False
            embedded.release(self._directory)

    def _connect(self) -> PatientConnection:
        connection = PatientConnection.connect(self._conninfo, **_KEEPALIVE)
        connection.patience_seconds = _PATIENCE_LEASES * self._lease_seconds
        # A process that is paused inside a transaction keeps its row locks, and `SKIP LOCKED` would pass its job
        # by for as long as it sleeps; after a lease the server ends the transaction.
        connection.execute(f"SET idle_in_transaction_session_timeout = {round(self._lease_seconds * 1000)}")
        connection.commit()
        return connection

    def _migrate(self) -> None:
        try:
            with self.transaction() as session:
                if _is_current(session):
                    return
            self._upgrade()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise self._unreachable(error) from error
        except psycopg.Error as error:
            raise errors.DatabaseError(
                f"cannot create the tables in PostgreSQL at {self.url}: {_first_line(error)}",
                remedy="The user of PRAVAH_DATABASE_URL must own the database or be allowed to create tables in its "
                "public schema.",
            ) from error

    def _upgrade(self) -> None:
        # Alembic and SQLAlchemy take more than half a second to import; nearly always there is nothing to do.
        from services.db import migrate

        try:
            with contextlib.closing(self._connect()) as connection:
                # Statements take as long as they need: they change a large table, or wait for another starter.
                connection.patience_seconds = None
                migrate.upgrade(connection, _MIGRATIONS)
        except migrate.NewerSchemaError as error:
            raise errors.DatabaseError(
                f"the tables in PostgreSQL at {self.url} belong to a newer version of Pravah: {error}",
                remedy="Use that version, or another database in PRAVAH_DATABASE_URL.",
            ) from error

    def _unreachable(self, error: Exception) -> errors.DatabaseError:
        return errors.DatabaseError(f"PostgreSQL at {self.url}: {_first_line(error)}")


@contextlib.contextmanager
def _committed(connection: PatientConnection) -> Iterator[None]:
    """Commit at the end; roll back on an error. A connection that was lost is reported as an `OperationalError`."""
    try:
        yield
        connection.commit()
    except psycopg.Error as error:
        # A connection that was lost between two statements is reported by many classes.
        is_lost = connection.closed
        _roll_back(connection)
        if is_lost:
            raise psycopg.OperationalError(_first_line(error)) from error
        raise
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: PatientConnection) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.rollback()


def newest_revision() -> str:
    """Return the last migration there is: they are numbered, and their files are named by it."""
    return max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _is_current(session: Session) -> bool:
    if session.scalar("SELECT to_regclass('alembic_version')") is None:
        return False
    return bool(session.scalar("SELECT version_num FROM alembic_version") == newest_revision())


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _checked(url: str) -> str:
    """Return a URL as libpq reads it.

    Raises:
        InvalidOptionsError: it is none of PostgreSQL.
    """
    scheme, separator, rest = url.partition("://")
    read: dict[str, Any] | None = None
    with contextlib.suppress(psycopg.ProgrammingError):
        read = conninfo.conninfo_to_dict(f"postgresql://{rest}")
    is_port = read is not None and all(port.isdecimal() for port in str(read.get("port", 0)).split(","))
    if not is_port or scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not separator:
        # Not the URL itself: it may hold a password in a place where nobody looks for one.
        raise errors.InvalidOptionsError(
            "PRAVAH_DATABASE_URL is not a postgresql:// URL",
            remedy="Write it as postgresql://user:password@host/name; %-encode special characters.",
            field="database_url",
        )
    return f"postgresql://{rest}"
