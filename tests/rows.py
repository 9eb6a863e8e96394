"""Rows as a test needs them, where no use-case writes them so."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from services.db.database import Session

_DOCUMENTS = {"operations", "request", "outcome", "samples", "progress"}
_KEYS = {"presets": "name"}


def change(session: Session, table: str, key: object, /, **values: object) -> None:
    """Set columns of the row with this key."""
    assigned = ", ".join(f"{name} = %({name})s" for name in values)
    adapted = {name: Jsonb(value) if name in _DOCUMENTS else value for name, value in values.items()}
    session.execute(f"UPDATE {table} SET {assigned} WHERE {_KEYS.get(table, 'id')} = %(key)s", key=key, **adapted)
