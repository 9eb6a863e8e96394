"""Alembic's entry: the connection is handed over by ``services.db.migrate``."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection)
context.run_migrations()
