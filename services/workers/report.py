"""Writes what is known of a running job: progress, rates, issues and shards, at most four times a second."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from services import engine
from services.base import errors, settings
from services.db import job_files, job_rows
from services.db.database import Database, Session
from services.models.jobs import Progress, RateSample

log = logging.getLogger(__name__)

_SAMPLES = 240


@dataclass
class Shared:
    """What workers that share a job have done of it before its own run.

    Attributes:
        shards: by operation: those that the splits made; empty for a job that was not shared.
        stages: how many came before those of the job's own run.
        seconds: that they took.
    """

    shards: dict[str, list[Path]] = field(default_factory=dict)
    stages: int = 0
    seconds: float = 0
    samples: list[RateSample] = field(default_factory=list)


def add_sample(samples: list[RateSample], progress: Progress) -> None:
    """Add a point to the rate chart."""
    sample = RateSample(
        elapsed_seconds=round(progress.elapsed_seconds, 3),
        files_done=progress.files_done,
        bytes_done=progress.bytes_done,
    )
    samples.append(sample)
    if len(samples) > _SAMPLES:
        del samples[1:-1:2]  # every second one: the chart keeps its shape at half the density


class Report:
    """The rows of one running job."""

    def __init__(
        self,
        database: Database,
        job_id: UUID,
        token: int,
        handle: engine.Handle,
        config: settings.Settings,
        before: Shared | None = None,
    ) -> None:
        """Keep what a write needs."""
        self._database = database
        self._job_id = job_id
        self._token = token
        self._handle = handle
        self._config = config
        self._before = before or Shared()
        self._samples = self._before.samples
        self._issues = 0
        self._shards = 0

    def progress(self) -> Progress:
        """Return how the whole job stands, with what was done before its own run."""
        own, before = self._handle.progress(), self._before
        return own.model_copy(
            update={
                "stage_index": own.stage_index + before.stages,
                "stage_count": own.stage_count + before.stages,
                "elapsed_seconds": own.elapsed_seconds + before.seconds,
            }
        )

    def write(self) -> None:
        """Write how the job stands; a database that is away is left to the lease."""
        progress = self.progress()
        add_sample(self._samples, progress)
        try:
            with self._database.transaction() as session:
                hold = job_rows.heartbeat(
                    session,
                    self._job_id,
                    self._token,
                    self._config.lease_seconds,
                    progress=progress.model_dump(mode="json"),
                    samples=[sample.model_dump(mode="json") for sample in self._samples],
                    issues_count=progress.issues,
                )
                seen = self._add(session) if hold is not job_rows.Hold.LOST else None
        except errors.DatabaseError as error:
            log.warning("progress of job %s is not written: %s", self._job_id, error)
            return
        if seen is not None:
            self._issues, self._shards = seen

    def finish(self, session: Session) -> None:
        """Add the last issues and shards; the caller's transaction holds the job's row."""
        self._add(session)

    def _add(self, session: Session) -> tuple[int, int]:
        issues = self._handle.issues(self._issues, max(0, job_files.ISSUES_WHILE_RUNNING - self._issues))
        shards = self._handle.shards(self._shards)
        job_files.add_issues(session, self._job_id, issues)
        job_files.add_shards(session, self._job_id, self._token, shards)
        return self._issues + len(issues), self._shards + len(shards)
