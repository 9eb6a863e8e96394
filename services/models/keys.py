"""What opens the door: a one-time link, the session of a browser, an API token."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from enum import StrEnum

from services.models.jobs import Model

_ID_BYTES = 8
_SECRET_BYTES = 32
_FORM = re.compile(r"pravah_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)


class Kind(StrEnum):
    """What a key is."""

    LINK = "link"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind, not a token


class KeyView(Model):
    """A key, without its secret.

    Attributes:
        name: what the owner calls a token; the browser of a session.
        address: from where a session was opened.
        used_at: last use; known to the minute.
    """

    id: str
    kind: Kind
    name: str
    address: str | None
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime


def made() -> tuple[str, str]:
    """Return a new key: its id, which is no secret, and its text, which is one."""
    key_id = secrets.token_hex(_ID_BYTES)
    return key_id, f"pravah_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def id_of(text: str) -> str | None:
    """Return the id in a key's text; ``None`` when it does not have the form of a key."""
    found = _FORM.fullmatch(text)
    return None if found is None else found[1]


def digest_of(text: str) -> bytes:
    """Return what is stored of a key. Its 256 random bits cannot be guessed, so the hash need not be slow."""
    return hashlib.sha256(text.encode()).digest()


def is_of(digest: bytes, text: str) -> bool:
    """Return whether a stored digest is that of a text, in a time that does not depend on where they differ."""
    return hmac.compare_digest(digest, digest_of(text))
