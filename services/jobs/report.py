"""What a running job tells: its progress, rates, issues and shards, written at most four times a second."""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy.orm import Session

from services import engine, errors, settings
from services.db.engine import Database
from services.jobs import repository
from services.jobs.models import RateSample

log = logging.getLogger(__name__)

_SAMPLES = 240


class Report:
    """The rows of one running job."""

    def __init__(
        self, database: Database, job_id: UUID, token: int, handle: engine.Handle, config: settings.Settings
    ) -> None:
        """Keep what a write needs."""
        self._database = database
        self._job_id = job_id
        self._token = token
        self._handle = handle
        self._config = config
        self._samples: list[RateSample] = []
        self._issues = 0
        self._shards = 0

    def write(self) -> None:
        """Write how the job stands; a database that is away is left to the lease."""
        progress = self._handle.progress()
        sample = RateSample(
            elapsed_seconds=round(progress.elapsed_seconds, 3),
            files_done=progress.files_done,
            bytes_done=progress.bytes_done,
        )
        self._samples.append(sample)
        if len(self._samples) > _SAMPLES:
            del self._samples[1:-1:2]  # every second one: the chart keeps its shape at half the density
        values = {
            "progress": progress.model_dump(mode="json"),
            "samples": [sample.model_dump(mode="json") for sample in self._samples],
            "issues_count": progress.issues,
        }
        try:
            with self._database.transaction() as session:
                lease_seconds = self._config.lease_seconds
                hold = repository.heartbeat(session, self._job_id, self._token, lease_seconds, **values)
                seen = self._add(session) if hold is not repository.Hold.LOST else None
        except errors.DatabaseError as error:
            log.warning("progress of job %s is not written: %s", self._job_id, error)
            return
        if seen is not None:
            self._issues, self._shards = seen

    def finish(self, session: Session) -> None:
        """Add the last issues and shards; the caller's transaction holds the job's row."""
        self._add(session)

    def _add(self, session: Session) -> tuple[int, int]:
        issues = self._handle.issues(self._issues, max(0, repository.ISSUES_WHILE_RUNNING - self._issues))
        shards = self._handle.shards(self._shards)
        repository.add_issues(session, self._job_id, issues)
        repository.add_shards(session, self._job_id, self._token, shards)
        return self._issues + len(issues), self._shards + len(shards)
