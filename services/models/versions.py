"""Jobs of another version: a worker that does not understand one leaves it to a worker that does."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pydantic

from services.models.jobs import JobRequest


class StrangeJobError(Exception):
    """A job whose request this version does not understand; it rolls the claim back.

    Attributes:
        job_id: of the job.
        reason: what is not understood.
    """

    def __init__(self, job_id: UUID, reason: str) -> None:
        """Keep what is to be told."""
        super().__init__(f"job {job_id}: {reason}")
        self.job_id = job_id
        self.reason = reason


def read(job_id: UUID, request: dict[str, Any]) -> JobRequest:
    """Return the request of a job.

    Raises:
        StrangeJobError: this version does not understand it.
    """
    try:
        return JobRequest.model_validate(request)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise StrangeJobError(job_id, f"{place}: {first['msg']}") from error
