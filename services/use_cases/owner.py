"""Marks in the storage: which databases store results there.

Two databases over one storage, or a new database over an old one's results, would each take the other's results for
files without a job. Where there is a mark of another one, no sweep removes what it does not know.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from uuid import UUID

from services.base import errors
from services.db import removals, retention_rows
from services.db.database import Database
from services.storage import Storage
from services.use_cases import orphans

_MARKS = "owners/"
_EARLIER = "an-earlier-database"
"""Stands for whoever stored results before there were marks."""


class Owner:
    """The mark of this database, and those of others."""

    def __init__(self, database: Database, storage: Storage) -> None:
        """Keep both; nothing is looked at."""
        self._database = database
        self._storage = storage
        self._is_marked = False

    def mark(self) -> None:
        """Leave this database's mark; before the first result is stored, and before anything is swept.

        Raises:
            StorageError: it could not be stored.
        """
        if self._is_marked:
            return
        marks, own = self._marks(), self._own()
        if not marks and self._holds_only_strangers():
            self._put(_EARLIER)
        if own not in marks:
            self._put(own)
        self._is_marked = True

    def others(self) -> list[str]:
        """Return the keys of other databases' marks.

        Raises:
            StorageError: they could not be listed.
        """
        marks = self._marks()
        if not marks and self._holds_only_strangers():
            marks = {_EARLIER}
        return [_MARKS + name for name in sorted(marks - {self._own()})]

    def _marks(self) -> set[str]:
        return {key.removeprefix(_MARKS) for key in self._storage.list(_MARKS)}

    def _own(self) -> str:
        with self._database.transaction() as session:
            return str(retention_rows.database_id(session))

    def _holds_only_strangers(self) -> bool:
        stored: set[UUID] = {
            place.job_id for entry in self._storage.entries("jobs/") if (place := orphans.place(entry))
        }
        with self._database.transaction() as session:
            known = removals.known_jobs(session)
        return bool(stored) and not stored & known

    def _put(self, name: str) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="pravah-owner-", ignore_cleanup_errors=True) as directory:
                path = Path(directory) / "mark"
                path.write_text(
                    "A Pravah database stores results here. Delete this file when the database no longer exists.\n"
                )
                self._storage.put(_MARKS + name, path)
        except OSError as error:
            if isinstance(error, errors.PravahError):
                raise
            raise errors.StorageError(f"cannot store {_MARKS}{name}: {error}") from error
