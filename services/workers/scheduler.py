"""Starts the jobs of schedules that are due; safe beside other processes on the same database.

A job and the next time of its schedule are written in one transaction, under a lock of the schedule's row that
other processes pass by: a due time starts one job, whoever dies when.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from services.base import errors
from services.base.loops import Loop
from services.db import job_rows, schedule_rows
from services.db.database import Database, Session
from services.db.rows import ScheduleRow
from services.models import schedule_times
from services.models.jobs import Status
from services.use_cases.jobs import JobService
from services.use_cases.schedules import ScheduleService

log = logging.getLogger(__name__)

_LATE = timedelta(minutes=1)


class Scheduler(Loop):
    """Looks for what is due until it is stopped."""

    def __init__(self, database: Database, jobs: JobService, schedules: ScheduleService) -> None:
        """Keep the parts; `start` begins."""
        super().__init__("pravah-scheduler", schedules.changed)
        self._database = database
        self._jobs = jobs
        self._clock = schedules.clock

    def look(self) -> float | None:
        """Start everything that is due, once each; return the seconds until the next time, if there is one.

        A schedule that cannot be started, whatever the error, is noted and tried again at the next look.
        """
        failed: set[UUID] = set()
        while not self.stopping.is_set() and self._start_one(failed):
            self._jobs.submitted.set()
        with self._database.transaction() as session:
            next_due_at = schedule_rows.next_due_at(session, failed)
            return None if next_due_at is None else (next_due_at - self._clock(session)).total_seconds()

    def _start_one(self, failed: set[UUID]) -> bool:
        """Start the schedule that is due longest; False when none is due but those that failed."""
        due: tuple[UUID, datetime] | None = None
        try:
            with self._database.transaction() as session:
                now = self._clock(session)
                row = schedule_rows.due(session, now, failed)
                if row is None or row.next_run_at is None:
                    return False
                due = row.id, row.next_run_at
                self._start(session, row, row.next_run_at, now)
                # After now, not after the due time: what passed while nothing ran is caught up by this one run.
                next_run_at = schedule_times.next_after(row.rule, row.zone, now, row.next_run_at)
                schedule_rows.update(session, row.id, next_run_at=next_run_at)
        except Exception as error:  # of one schedule: the others are started
            if due is None:
                raise
            failed.add(due[0])
            # Where the database itself is away, this raises.
            self._note(*due, error)
        return True

    def _note(self, schedule_id: UUID, due_at: datetime, error: Exception) -> None:
        """Keep why a schedule could not be started; each process tries again, and a newer one may know how."""
        is_expected = isinstance(error, errors.InvalidOptionsError)
        note = error.message if isinstance(error, errors.PravahError) else f"internal error: {error}"
        try:
            with self._database.transaction() as session:
                if not schedule_rows.note_failure(session, schedule_id, note, due_at):
                    return  # said already
        except errors.DatabaseError:
            raise
        except Exception:
            log.exception("why schedule %s is not started could not be saved", schedule_id)
        log.warning("schedule %s is not started: %s", schedule_id, note, exc_info=None if is_expected else error)

    def _start(self, session: Session, row: ScheduleRow, due_at: datetime, now: datetime) -> None:
        active = schedule_rows.active_job(session, row.id)
        if active is not None:
            schedule_rows.tell_skipped(session, row, active)
            return
        job_id = schedule_rows.start(session, row, due_at)
        schedule_rows.set_note(session, row.id, None, None)
        if now - due_at > _LATE:
            note = f"was due at {due_at.isoformat(timespec='seconds')}; later missed runs are skipped"
            job_rows.add_event(session, job_id, Status.PENDING, note)
