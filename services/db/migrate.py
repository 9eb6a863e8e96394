"""Bringing the tables up to date with Alembic; imported only when there is something to do."""

from __future__ import annotations

import threading
from pathlib import Path

import alembic.command
import alembic.config
import alembic.util.exc
import sqlalchemy

_MIGRATION_LOCK = 0x70726176  # "prav": any constant; two starters must only agree on it
# Alembic keeps its state in modules.
_alembic = threading.Lock()


class NewerSchemaError(Exception):
    """The tables are of a newer Pravah."""


def upgrade(connection: sqlalchemy.Connection, migrations: Path) -> None:
    """Run the migrations that are missing.

    Raises:
        NewerSchemaError: the tables are of a newer Pravah.
    """
    config = alembic.config.Config()
    # The value is interpolated: a per cent sign in the path must be doubled.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _alembic:
        # Released with the transaction: a second starter waits here, then finds nothing to do.
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        try:
            alembic.command.upgrade(config, "head")
        except alembic.util.exc.CommandError as error:
            raise NewerSchemaError(str(error)) from error
