"""Who may come in: one-time links, sessions of browsers, API tokens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.base import errors, settings
from services.db import key_rows
from services.db.database import ConstraintError, Database
from services.models import keys
from services.models.keys import KeyView, Kind

LOOK_SECONDS = 1.0
"""A server looks a key up this often: a revoked one is refused everywhere when this time has passed."""
LINK_SECONDS = 3600.0
_GRACE_SECONDS = 300.0
"""While the database does not respond, its last answer stands this long: the dashboard can say what is wrong."""
_NAME_LENGTH = 100
_CACHED = 10_000
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class _Answer:
    """What the database said of a key."""

    view: KeyView
    at: float


class KeyService:
    """Make, look up, list and revoke keys."""

    def __init__(
        self, database: Database, config: settings.Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep the parts."""
        self._database = database
        self._settings = config
        self._clock = clock
        self._answers: dict[bytes, _Answer] = {}
        self._lock = threading.Lock()

    def new_link(self) -> str:
        """Return the secret of a link that opens one session, within an hour."""
        return self._add(Kind.LINK, "link", LINK_SECONDS)

    def open_session(self, link: str, browser: str, address: str | None) -> str | None:
        """Use up a link; return the secret of a new session, or ``None`` when the link is not valid any more.

        Args:
            browser: what the browser says that it is.
        """
        key_id = keys.id_of(link)
        if key_id is None:
            return None
        with self._database.transaction() as session:
            is_taken = key_rows.take(session, key_id, keys.digest_of(link))
        if not is_taken:
            return None
        idle = self._settings.session_idle_hours * 3600
        name = "".join(character for character in browser if character.isprintable())[:_NAME_LENGTH] or "unknown"
        seconds = self._settings.session_days * _DAY_SECONDS
        return self._add(Kind.SESSION, name, seconds, address=address, idle_seconds=idle)

    def add_token(self, name: str, days: float) -> tuple[str, KeyView]:
        """Return the secret of a new token, which is not stored, and the token.

        Raises:
            InvalidOptionsError: the name or the number of days is not valid, or a token has this name.
        """
        name = name.strip()
        if not name or len(name) > _NAME_LENGTH or not name.isprintable():
            message = f"the name of a token must have 1 to {_NAME_LENGTH} printable characters"
            raise errors.InvalidOptionsError(message, field="name")
        if not 0 < days <= 3650:
            raise errors.InvalidOptionsError("a token must expire after 1 to 3650 days", field="days")
        try:
            secret = self._add(Kind.TOKEN, name, days * _DAY_SECONDS)
        except ConstraintError:
            message = f"there is already a token {name!r}"
            raise errors.InvalidOptionsError(
                message, remedy="Revoke it, or choose another name.", field="name"
            ) from None
        return secret, next(view for view in self.list(Kind.TOKEN) if view.id == keys.id_of(secret))

    def _add(self, kind: Kind, name: str, seconds: float, **more: Any) -> str:
        key_id, secret = keys.made()
        with self._database.transaction() as session:
            key_rows.insert(session, key_rows.NewKey(key_id, kind, keys.digest_of(secret), name, seconds, **more))
        return secret

    def list(self, kind: Kind) -> list[KeyView]:
        """Return the valid keys of a kind, newest first."""
        with self._database.transaction() as session:
            return [_view(row) for row in key_rows.valid(session, kind)]

    def revoke(self, key_id: str) -> None:
        """Delete a key. This process refuses it at once, others when `LOOK_SECONDS` have passed."""
        with self._database.transaction() as session:
            key_rows.delete(session, key_id)
        with self._lock:
            self._answers = {one: answer for one, answer in self._answers.items() if answer.view.id != key_id}

    def known(self, secret: str, kind: Kind) -> KeyView | None:
        """Return the key if it was looked up a moment ago; it asks nobody, so it may run on an event loop."""
        answer = self._answers.get(keys.digest_of(secret))
        if answer is None or answer.view.kind != kind or self._clock() - answer.at > LOOK_SECONDS:
            return None
        return answer.view

    def look(self, secret: str, kind: Kind) -> KeyView | None:
        """Return a valid key; ``None`` when there is none of this secret and kind.

        Raises:
            DatabaseError: the server does not respond, and this process has not seen the key for a while.
        """
        key_id = keys.id_of(secret)
        if key_id is None:
            return None
        digest, now = keys.digest_of(secret), self._clock()
        try:
            with self._database.transaction() as session:
                row = key_rows.find(session, key_id)
        except errors.DatabaseError:
            last = self._answers.get(digest)
            if last is None or last.view.kind != kind or now - last.at > _GRACE_SECONDS:
                raise
            return last.view
        if row is None or not keys.is_of(row.digest, secret) or row.kind != kind:
            self._answers.pop(digest, None)
            return None
        view = _view(row)
        with self._lock:
            if len(self._answers) >= _CACHED:
                self._answers.clear()
            self._answers[digest] = _Answer(view, now)
        return view


def _view(row: key_rows.KeyRow) -> KeyView:
    return KeyView(
        id=row.id,
        kind=Kind(row.kind),
        name=row.name,
        address=row.address,
        created_at=row.created_at,
        used_at=row.used_at,
        expires_at=row.expires_at,
    )
