"""Statements on access keys. Takes a session; never commits. Times are the database's: one clock for all processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from services.db.database import Session

_VALID = "expires_at > now() AND (idle_seconds IS NULL OR used_at > now() - make_interval(secs => idle_seconds))"
_COLUMNS = "id, kind, digest, name, address, created_at, used_at, expires_at"
_USED_SECONDS = 60
"""A use is written this often: a page sends many requests."""


@dataclass(frozen=True)
class KeyRow:
    """A key.

    Attributes:
        digest: the hash of its text, which is not stored.
    """

    id: str
    kind: str
    digest: bytes
    name: str
    address: str | None
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True)
class NewKey:
    """A key to add.

    Attributes:
        idle_seconds: it ends earlier when it is not used for so long.
    """

    id: str
    kind: str
    digest: bytes
    name: str
    valid_seconds: float
    address: str | None = None
    idle_seconds: float | None = None


def insert(session: Session, key: NewKey) -> None:
    """Add a key that is valid from now on, and delete those that have expired.

    Raises:
        ConstraintError: a valid token has this name.
    """
    session.execute(f"DELETE FROM access_keys WHERE NOT ({_VALID})")
    session.execute(
        """INSERT INTO access_keys (id, kind, digest, name, address, created_at, used_at, expires_at, idle_seconds)
        VALUES (%(id)s, %(kind)s, %(digest)s, %(name)s, %(address)s, now(),
            CASE WHEN %(kind)s = 'session' THEN now() END,
            now() + make_interval(secs => %(valid_seconds)s), %(idle_seconds)s)""",
        **asdict(key),
    )


def find(session: Session, key_id: str) -> KeyRow | None:
    """Return a valid key, and note that it is used."""
    row = session.first(KeyRow, f"SELECT {_COLUMNS} FROM access_keys WHERE id = %(id)s AND {_VALID}", id=key_id)
    if row is not None:
        session.execute(
            """UPDATE access_keys SET used_at = now() WHERE id = %(id)s
            AND (used_at IS NULL OR used_at < now() - make_interval(secs => %(seconds)s))""",
            id=key_id,
            seconds=_USED_SECONDS,
        )
    return row


def take(session: Session, key_id: str, digest: bytes) -> bool:
    """Delete a valid link; return whether it was there. Of two that take it at once, one gets it."""
    return bool(
        session.scalars(
            f"DELETE FROM access_keys WHERE id = %(id)s AND digest = %(digest)s AND kind = 'link' AND {_VALID}"
            " RETURNING id",
            id=key_id,
            digest=digest,
        )
    )


def valid(session: Session, kind: str) -> list[KeyRow]:
    """Return the valid keys of a kind, newest first."""
    return session.all(
        KeyRow,
        f"SELECT {_COLUMNS} FROM access_keys WHERE kind = %(kind)s AND {_VALID} ORDER BY created_at DESC, id",
        kind=kind,
    )


def delete(session: Session, key_id: str) -> None:
    """Delete a key; one that is not there is fine."""
    session.execute("DELETE FROM access_keys WHERE id = %(id)s", id=key_id)
