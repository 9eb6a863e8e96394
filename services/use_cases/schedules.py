"""Use cases on schedules; one public method is one transaction."""

from __future__ import annotations

import builtins
import contextlib
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.base import errors, settings
from services.db import job_rows, schedule_rows
from services.db.database import ConstraintError, Database, Session
from services.db.rows import ScheduleRow
from services.models import schedule_times
from services.models.jobs import JobRequest, JobView
from services.models.schedules import Occasion, ScheduleChange, ScheduleRequest, ScheduleView
from services.notifications import mails, webhooks
from services.use_cases.jobs import JobService

Clock = Callable[[Session], datetime]


class ScheduleService:
    """Create, list, change, run and delete schedules."""

    def __init__(
        self, database: Database, jobs: JobService, config: settings.Settings, clock: Clock = job_rows.now
    ) -> None:
        """Keep the parts; nothing is opened.

        Args:
            clock: what time it is; the database's by default.
        """
        self._database = database
        self._jobs = jobs
        self._config = config
        self.clock = clock
        self.changed = threading.Event()
        """Set by every change: a scheduler in this process looks at once."""

    def list(self) -> list[ScheduleView]:
        """Return all schedules by name."""
        with self._database.transaction() as session:
            rows = schedule_rows.list_rows(session)
            runs = schedule_rows.last_runs(session, [row.id for row in rows])
            return [schedule_rows.to_view(row, runs.get(row.id)) for row in rows]

    def get(self, schedule_id: UUID) -> ScheduleView:
        """Return a schedule.

        Raises:
            ScheduleNotFoundError: there is none.
        """
        with self._database.transaction() as session:
            return self._view(session, schedule_rows.get_row(session, schedule_id))

    def find(self, text: str) -> UUID:
        """Return the schedule that a text names: its name, its id or the first four or more digits of it.

        Raises:
            ScheduleNotFoundError: there is none.
            InvalidOptionsError: it is the beginning of several ids.
        """
        with self._database.transaction() as session:
            rows = schedule_rows.list_rows(session)
        named = [row.id for row in rows if row.name == text.strip()]
        digits = text.strip().lower().replace("-", "")
        found = named
        if not named and re.fullmatch("[0-9a-f]{4,32}", digits):
            found = [row.id for row in rows if row.id.hex.startswith(digits)]
        if len(found) > 1:
            message = f"several schedules start with {text}"
            raise errors.InvalidOptionsError(message, remedy="Use more digits, or the name.", field="id")
        if not found:
            raise errors.ScheduleNotFoundError(f"schedule {text!r} does not exist")
        return found[0]

    def create(self, request: ScheduleRequest) -> ScheduleView:
        """Save a schedule; its first run is the first time its rule comes true from now on.

        Raises:
            InvalidOptionsError, SourceNotFoundError, SourceForbiddenError: nothing was saved.
        """
        name, rule = _name(request.name), request.when.strip()
        document, occasions = self._document(request.job), _occasions(request.notify_on)
        webhook_url, email = self._webhook(request.webhook_url), self._email(request.email)
        schedule_times.check(rule, request.zone)
        with self._keeping(name) as session:
            row = ScheduleRow(
                id=uuid.uuid4(),
                name=name,
                request=document,
                rule=rule,
                zone=request.zone,
                enabled=request.enabled,
                notify_on=occasions,
                webhook_url=webhook_url,
                email=email,
                next_run_at=None,
                note=None,
                noted_at=None,
                created_at=self.clock(session),
            )
            row = replace(row, next_run_at=self._next_run_at(session, row))
            schedule_rows.insert(session, row)
            view = self._view(session, row)
        self.changed.set()
        return view

    def change(self, schedule_id: UUID, change: ScheduleChange) -> ScheduleView:
        """Change what is given; another rule, or its end of a pause, counts from now on: nothing is caught up.

        Raises:
            ScheduleNotFoundError: there is none.
            InvalidOptionsError, SourceNotFoundError, SourceForbiddenError: nothing was changed.
        """
        values = self._values(change)
        with self._keeping(values.get("name")) as session:
            before = schedule_rows.get_row(session, schedule_id, lock=True)
            row = schedule_rows.update(session, schedule_id, **values)
            if (row.rule, row.zone, row.enabled) != (before.rule, before.zone, before.enabled):
                next_run_at = self._next_run_at(session, row)
                row = schedule_rows.update(session, schedule_id, next_run_at=next_run_at, note=None, noted_at=None)
            view = self._view(session, row)
        self.changed.set()
        return view

    def delete(self, schedule_id: UUID) -> None:
        """Delete a schedule. Its jobs stay, also a running one.

        Raises:
            ScheduleNotFoundError: there is none.
        """
        with self._database.transaction() as session:
            schedule_rows.get_row(session, schedule_id, lock=True)
            schedule_rows.delete(session, schedule_id)

    def run(self, schedule_id: UUID) -> JobView:
        """Start the job of a schedule at once, also of one that is paused; its next run stays as it is.

        Raises:
            ScheduleNotFoundError: there is none.
            JobConflictError: the run before has not ended.
            InvalidOptionsError, SourceNotFoundError, SourceForbiddenError: nothing was queued.
        """
        job = self.get(schedule_id).job
        if job is not None:
            self._jobs.check(job)
        with self._database.transaction() as session:
            row = schedule_rows.get_row(session, schedule_id, lock=True)
            active = schedule_rows.active_job(session, schedule_id)
            if active is not None:
                message = f"the previous run of schedule {row.name!r}, job {active}, has not ended"
                raise errors.JobConflictError(message, remedy="Wait until it ends, or cancel it.", job_id=str(active))
            job_id = schedule_rows.start(session, row)
        self._jobs.submitted.set()
        return self._jobs.get(job_id)

    @contextlib.contextmanager
    def _keeping(self, name: object) -> Iterator[Session]:
        try:
            with self._database.transaction() as session:
                yield session
        except ConstraintError as error:
            message = f"a schedule with the name {name!r} already exists"
            raise errors.InvalidOptionsError(message, remedy="Choose another name.", field="name") from error

    def _view(self, session: Session, row: ScheduleRow) -> ScheduleView:
        return schedule_rows.to_view(row, schedule_rows.last_runs(session, [row.id]).get(row.id))

    def _next_run_at(self, session: Session, row: ScheduleRow) -> datetime | None:
        return schedule_times.next_after(row.rule, row.zone, self.clock(session)) if row.enabled else None

    def _document(self, job: JobRequest) -> dict[str, object]:
        return self._jobs.check(job).model_dump(mode="json", exclude={"idempotency_key"})

    def _webhook(self, url: str) -> str | None:
        if url:
            webhooks.check(url, self._config)
        return url or None

    def _email(self, address: str) -> str | None:
        if address:
            mails.check(address, self._config)
        return address or None

    def _values(self, change: ScheduleChange) -> dict[str, object]:
        readers: dict[str, tuple[str, Callable[..., object]]] = {
            "name": ("name", _name),
            "job": ("request", self._document),
            "when": ("rule", str.strip),
            "zone": ("zone", str),
            "enabled": ("enabled", bool),
            "notify_on": ("notify_on", _occasions),
            "webhook_url": ("webhook_url", self._webhook),
            "email": ("email", self._email),
        }
        given = ((column, read, getattr(change, name)) for name, (column, read) in readers.items())
        return {column: read(value) for column, read, value in given if value is not None}


def _name(name: str) -> str:
    if not name.strip():
        raise errors.InvalidOptionsError("a schedule must have a name", field="name")
    return name.strip()


def _occasions(wanted: Iterable[Occasion]) -> builtins.list[str]:
    return [one.value for one in Occasion if one in set(wanted)]
