"""Which finished jobs exceed a retention limit. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.models.retention import Reason


@dataclass(frozen=True)
class Finished:
    """A job that has ended.

    Attributes:
        size_bytes: of its stored files.
    """

    id: UUID
    ended_at: datetime
    size_bytes: int


@dataclass(frozen=True)
class Known:
    """What a job's row says of the files it needs.

    Attributes:
        tokens: of the workers that have stored, or are storing, what it needs.
    """

    status: str
    tokens: frozenset[int]


@dataclass(frozen=True)
class Limits:
    """``None`` is no limit."""

    days: float | None = None
    jobs: int | None = None
    size_bytes: int | None = None

    @property
    def are_none(self) -> bool:
        """True when nothing is ever deleted."""
        return self.days is None and self.jobs is None and self.size_bytes is None


def choose(
    finished: Sequence[Finished], limits: Limits, now: datetime, spared: Collection[UUID]
) -> list[tuple[Finished, Reason]]:
    """Return the jobs to delete, the oldest first.

    Args:
        finished: all of them, the oldest first.
        spared: of jobs that are never deleted. They do not count as jobs, as they stay anyway; their bytes do count.
    """
    free = [job for job in finished if job.id not in spared]
    chosen: dict[UUID, Reason] = {}
    if limits.days is not None:
        oldest = now - timedelta(days=limits.days)
        chosen |= {job.id: Reason.AGE for job in free if job.ended_at < oldest}
    if limits.jobs is not None:
        for job in free[: max(0, len(free) - limits.jobs)]:
            chosen.setdefault(job.id, Reason.NUMBER)
    if limits.size_bytes is not None:
        _choose_by_bytes(finished, free, limits.size_bytes, chosen)
    return [(job, chosen[job.id]) for job in free if job.id in chosen]


def _choose_by_bytes(
    finished: Sequence[Finished], free: Sequence[Finished], limit_bytes: int, chosen: dict[UUID, Reason]
) -> None:
    held = sum(job.size_bytes for job in finished if job.id not in chosen)
    # One result larger than the limit must not be gone before anybody has seen it.
    newest = next((job.id for job in reversed(finished) if job.size_bytes > 0), None)
    for job in free:
        if held <= limit_bytes:
            return
        # A job without files takes no room: deleting it would help nothing.
        if job.size_bytes > 0 and job.id != newest and job.id not in chosen:
            chosen[job.id] = Reason.BYTES
            held -= job.size_bytes
