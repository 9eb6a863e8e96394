"""Bringing the tables up to date with Alembic; imported only when there is something to do."""

from __future__ import annotations

import threading
from pathlib import Path

import alembic.command
import alembic.config
import alembic.util.exc
import psycopg
import sqlalchemy
import sqlalchemy.exc
import sqlalchemy.pool

_MIGRATION_LOCK = 0x70726176  # "prav": any constant; two starters must only agree on it
# Alembic keeps its state in modules.
_alembic = threading.Lock()


class NewerSchemaError(Exception):
    """The tables are of a newer Pravah."""


def upgrade(connection: psycopg.Connection, migrations: Path) -> None:
    """Run the migrations that are missing, in one transaction.

    Raises:
        NewerSchemaError: the tables are of a newer Pravah.
        psycopg.Error: a statement failed.
    """
    config = alembic.config.Config()
    # The value is interpolated: a per cent sign in the path must be doubled.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: connection, poolclass=sqlalchemy.pool.StaticPool
    )
    try:
        with _alembic, engine.begin() as transaction:
            config.attributes["connection"] = transaction
            # Released with the transaction: a second starter waits here, then finds nothing to do.
            transaction.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            alembic.command.upgrade(config, "head")
    except alembic.util.exc.CommandError as error:
        raise NewerSchemaError(str(error)) from error
    except sqlalchemy.exc.DBAPIError as error:
        # The caller knows the driver's errors, not those of what Alembic works with.
        raise (error.orig or error) from error
