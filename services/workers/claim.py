"""A job that a worker holds."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.models import stored_files
from services.models.jobs import JobRequest


@dataclass(frozen=True)
class Claim:
    """A job that this worker holds.

    Attributes:
        origin: the job itself, or the one it is a retry of.
    """

    job_id: UUID
    origin: UUID
    token: int
    attempt: int
    request: JobRequest

    @property
    def prefix(self) -> str:
        """Where its files are stored."""
        return stored_files.storage_prefix(self.job_id, self.token)
