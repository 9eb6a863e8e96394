"""Statements on presets. Takes a session; never commits."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from services.db.database import Session


def save(session: Session, name: str, request: dict[str, Any]) -> None:
    """Keep a request under a name; an older one of this name is replaced."""
    session.execute(
        """INSERT INTO presets (name, request, saved_at) VALUES (%(name)s, %(request)s, now())
        ON CONFLICT (name) DO UPDATE SET request = excluded.request, saved_at = excluded.saved_at""",
        name=name,
        request=Jsonb(request),
    )


def requests(session: Session) -> dict[str, dict[str, Any]]:
    """Return the requests by name."""
    return {row.name: row.request for row in session.rows("SELECT name, request FROM presets ORDER BY name")}


def delete(session: Session, name: str) -> None:
    """Forget a preset; one that is none is fine."""
    session.execute("DELETE FROM presets WHERE name = %(name)s", name=name)
