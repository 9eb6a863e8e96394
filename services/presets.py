"""Job requests kept under a name."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services import errors
from services.db.engine import Database
from services.db.tables import PresetRow
from services.jobs.models import JobRequest

_NAME_LENGTH = 100


class PresetService:
    """Save, list, delete presets."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def save(self, name: str, request: JobRequest) -> None:
        """Keep a request under a name; an older one of this name is replaced.

        Raises:
            InvalidOptionsError: the name is empty or longer than 100 characters, or the request is not valid.
        """
        name = name.strip()
        if not name or len(name) > _NAME_LENGTH or "\0" in name:
            raise errors.InvalidOptionsError(f"a preset's name has 1 to {_NAME_LENGTH} characters", field="name")
        document = request.validated().model_dump(mode="json", exclude={"idempotency_key"})
        values = insert(PresetRow).values(name=name, request=document, saved_at=sa.func.now())
        update = {"request": values.excluded.request, "saved_at": values.excluded.saved_at}
        with self._database.transaction() as session:
            session.execute(values.on_conflict_do_update(index_elements=[PresetRow.name], set_=update))

    def list(self) -> dict[str, JobRequest]:
        """Return the presets by name."""
        with self._database.transaction() as session:
            rows = session.scalars(sa.select(PresetRow).order_by(PresetRow.name))
            return {row.name: JobRequest.model_validate(row.request) for row in rows}

    def delete(self, name: str) -> None:
        """Forget a preset; one that is none is fine."""
        with self._database.transaction() as session:
            session.execute(sa.delete(PresetRow).where(PresetRow.name == name))
