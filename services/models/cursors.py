"""The cursor of a list of jobs: a place in time, as opaque text."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from uuid import UUID

from services.base import errors


def encode(created_at: datetime, job_id: UUID) -> str:
    """Return the cursor of what follows a job."""
    return base64.urlsafe_b64encode(json.dumps([created_at.isoformat(), str(job_id)]).encode()).decode()


def decode(cursor: str) -> tuple[datetime, UUID]:
    """Return when the job of a cursor was made, and its id.

    Raises:
        InvalidOptionsError: it is not one that was given out.
    """
    try:
        created_at, job_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        moment = datetime.fromisoformat(created_at)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment, UUID(job_id)
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise errors.InvalidOptionsError(
            "the cursor is invalid; use `next_cursor` of a previous page", field="cursor"
        ) from error
