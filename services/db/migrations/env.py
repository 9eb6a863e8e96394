"""Alembic's entry: the connection is handed over by ``services.db.migrate``."""

from alembic import context

from services.db import tables

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=tables.Base.metadata)
context.run_migrations()
