"""Presets: job requests saved under a name."""

from __future__ import annotations

import logging

import pydantic

from services.base import errors
from services.db import presets
from services.db.database import Database
from services.models.jobs import JobRequest

log = logging.getLogger(__name__)

_NAME_LENGTH = 100


class PresetService:
    """Save, list, delete presets."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def save(self, name: str, request: JobRequest) -> None:
        """Save a request under a name; it replaces an older one.

        Raises:
            InvalidOptionsError: the name is empty or longer than 100 characters, or the request is not valid.
        """
        name = name.strip()
        if not name or len(name) > _NAME_LENGTH or not _is_text(name):
            message = f"the name of a preset must have 1 to {_NAME_LENGTH} characters"
            raise errors.InvalidOptionsError(message, field="name")
        document = request.validated().model_dump(mode="json", exclude={"idempotency_key", "baseline"})
        with self._database.transaction() as session:
            presets.save(session, name, document)

    def list(self) -> dict[str, JobRequest]:
        """Return the presets by name; one that this version does not understand is left out."""
        with self._database.transaction() as session:
            documents = presets.requests(session)
        found = {}
        for name, document in documents.items():
            try:
                found[name] = JobRequest.model_validate(document)
            except pydantic.ValidationError:
                log.warning("the preset %r is of another version and is left out", name)
        return found

    def delete(self, name: str) -> None:
        """Delete a preset, if there is one of this name."""
        if not _is_text(name):
            return
        with self._database.transaction() as session:
            presets.delete(session, name)


def _is_text(name: str) -> bool:
    return "\0" not in name and name.encode("utf-8", "replace").decode() == name
