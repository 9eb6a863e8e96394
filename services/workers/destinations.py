"""The marker in a destination: it stays until the job is complete.

Until then an attempt may die whose files the next one has to replace.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from uuid import UUID

import pydantic

from services import operations
from services.base import regular
from services.db import job_rows
from services.db.database import Session
from services.models import request_paths
from services.models.jobs import JobRequest
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
    for origin, request in job_rows.completed_recently(session, _RECENT_DAYS, _writing()):
        with contextlib.suppress(pydantic.ValidationError):
            settle(JobRequest.model_validate(request), origin)
