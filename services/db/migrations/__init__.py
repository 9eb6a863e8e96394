"""Alembic's environment and its migrations."""
