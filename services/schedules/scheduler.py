"""Starts the jobs of schedules that are due; safe beside other processes on the same database.

A job and the next time of its schedule are written in one transaction, under a lock of the schedule's row that
other processes pass by: a due time starts one job, whoever dies when.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from services import errors
from services.db.engine import Database
from services.db.tables import ScheduleRow
from services.jobs import repository as job_repository
from services.jobs.models import Status
from services.jobs.service import JobService
from services.loops import Loop
from services.schedules import repository, times
from services.schedules.service import ScheduleService

log = logging.getLogger(__name__)

_LATE = timedelta(minutes=1)


class Scheduler:
    """Looks for what is due until it is stopped."""

    def __init__(self, database: Database, jobs: JobService, schedules: ScheduleService) -> None:
        """Keep the parts; `start` begins."""
        self._database = database
        self._jobs = jobs
        self._clock = schedules.clock
        self._loop = Loop("pravah-scheduler", self.look, schedules.changed)

    @property
    def is_alive(self) -> bool:
        """True while it looks for what is due."""
        return self._loop.is_alive

    def start(self) -> None:
        """Begin to look for what is due, in the background."""
        self._loop.start()

    def stop(self) -> None:
        """Stop; jobs that were started run on."""
        self._loop.stop()

    def look(self) -> float | None:
        """Start everything that is due, once each; return the seconds until the next time, if there is one."""
        while not self._loop.stopping.is_set() and self._start_one():
            self._jobs.submitted.set()
        with self._database.transaction() as session:
            next_due_at = repository.next_due_at(session)
            return None if next_due_at is None else (next_due_at - self._clock(session)).total_seconds()

    def _start_one(self) -> bool:
        with self._database.transaction() as session:
            now = self._clock(session)
            row = repository.due(session, now)
            if row is None or row.next_run_at is None:
                return False
            due_at = row.next_run_at
            self._start(session, row, due_at, now)
            try:
                # After now, not after the due time: what passed while nothing ran is caught up by this one run.
                row.next_run_at = times.next_after(row.rule, row.zone, now, due_at)
            except errors.InvalidOptionsError as error:
                log.warning("schedule %s ends: %s", row.id, error)
                row.next_run_at = None
                repository.set_note(row, error.message, due_at)
        return True

    def _start(self, session: Session, row: ScheduleRow, due_at: datetime, now: datetime) -> None:
        active = repository.active_job(session, row.id)
        if active is not None:
            repository.tell_skipped(session, row, active)
            return
        try:
            job_id = repository.start(session, row, due_at)
        except errors.InvalidOptionsError as error:
            repository.set_note(row, error.message, due_at)
            return
        repository.set_note(row, None, None)
        if now - due_at > _LATE:
            note = f"was due at {due_at.isoformat(timespec='seconds')}; times that passed meanwhile are not caught up"
            job_repository.add_event(session, job_id, Status.PENDING, note)
