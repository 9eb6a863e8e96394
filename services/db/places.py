"""Statements on favourite directories. Takes a session; never commits."""

from __future__ import annotations

from services.db.database import Session


def paths(session: Session) -> list[str]:
    """Return the favourites by path."""
    return session.scalars("SELECT path FROM places ORDER BY path")


def add(session: Session, path: str) -> None:
    """Keep a favourite; a second time changes nothing."""
    session.execute(
        "INSERT INTO places (path, added_at) VALUES (%(path)s, now()) ON CONFLICT DO NOTHING",
        path=path,
    )


def remove(session: Session, path: str) -> None:
    """Forget a favourite; one that is none is fine."""
    session.execute("DELETE FROM places WHERE path = %(path)s", path=path)
