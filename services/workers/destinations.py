"""The marker in a destination: it stays until the job is known to be complete.

Until then an attempt may die whose files the next one has to replace.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from uuid import UUID

import pydantic
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from services import operations
from services.base import regular
from services.db.tables import JobRow
from services.models import request_paths
from services.models.jobs import JobRequest, Status
from services.use_cases.sources import UNFINISHED

_RECENT_DAYS = 7
_MARKER_BYTES = 4096


def settle(request: JobRequest, origin: UUID) -> None:
    """Take the markers of a completed job away; what cannot be removed is left to `settle_recent`."""
    for option in request_paths.path_options(request):
        if option.is_destination:
            marker = Path(os.path.expanduser(option.value)) / UNFINISHED
            with contextlib.suppress(OSError):
                if regular.read(marker, _MARKER_BYTES) == str(origin).encode():
                    marker.unlink()


def _writing() -> list[str]:
    """Return the operations that may have a destination."""
    found = []
    for operation in operations.OPERATIONS:
        extras = (field.json_schema_extra for field in operation.options.model_fields.values())
        if any(isinstance(extra, dict) and extra.get("widget") == "destination" for extra in extras):
            found.append(operation.name)
    return found


def settle_recent(session: Session) -> None:
    """Take away what a process left that died between the end of a job and this."""
    since = sa.func.clock_timestamp() - sa.func.make_interval(0, 0, 0, _RECENT_DAYS)
    query = sa.select(JobRow.id, JobRow.rerun_of, JobRow.request)
    query = query.where(JobRow.status == Status.COMPLETED, JobRow.finished_at > since)
    for row in session.execute(query.where(JobRow.operations.has_any(sa.cast(_writing(), ARRAY(sa.Text))))):
        with contextlib.suppress(pydantic.ValidationError):
            settle(JobRequest.model_validate(row.request), row.rerun_of or row.id)
