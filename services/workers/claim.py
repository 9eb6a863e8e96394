"""A job that a worker holds, and which jobs it may take."""

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


@dataclass(frozen=True)
class Assignment:
    """What a worker is for.

    Attributes:
        only: run this job and no other, as a command in the foreground does.
        restarts: how often the server of this worker had to restart it.
        is_alone: its process is for the job `only`, which has to run alone.
    """

    only: UUID | None = None
    restarts: int = 0
    is_alone: bool = False


ANY_JOB = Assignment()
