"""Schedules on a clock that a test sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services import bootstrap
from services.db.database import Session
from services.models.jobs import JobRequest, JobView, Source
from services.models.schedules import ScheduleRequest, ScheduleView
from services.use_cases.schedules import ScheduleService
from services.workers.scheduler import Scheduler
from tests.asking import one_job
from tests.conftest import TreeBuilder

START = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


@dataclass
class SetClock:
    """A clock that stands still until it is set."""

    now: datetime = START

    def __call__(self, session: Session) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        """Let some time pass."""
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def schedules(services: bootstrap.Services, clock: SetClock) -> ScheduleService:
    """Return the use-cases by the test's clock; a worker of this test starts what is due by it too."""
    vars(services)["schedules"] = ScheduleService(services.database, services.jobs, services.settings, clock)
    return services.schedules


@pytest.fixture
def scheduler(services: bootstrap.Services, schedules: ScheduleService) -> Scheduler:
    """Return a scheduler whose thread is not started: `look` is called by hand."""
    return Scheduler(services.database, services.jobs, schedules)


@pytest.fixture
def job(tree: TreeBuilder) -> JobRequest:
    """Return a job that takes some milliseconds."""
    return one_job(operation="inventory", source=Source.of_path(tree({"a.txt": b"hello"}, name="watched")))


Add = Callable[..., ScheduleView]


@pytest.fixture
def add(schedules: ScheduleService, job: JobRequest) -> Add:
    """Return a function that keeps a schedule, every six hours unless told otherwise."""

    def add_(**values: object) -> ScheduleView:
        return schedules.create(
            ScheduleRequest.model_validate({"name": "nightly", "job": job, "when": "every 6h"} | values)
        )

    return add_


def runs(services: bootstrap.Services, schedule_id: UUID) -> list[JobView]:
    """Return the jobs of a schedule, oldest first, with their history."""
    found = [view for view in services.jobs.list(limit=200).items if view.schedule_id == schedule_id]
    return [services.jobs.get(view.id) for view in reversed(found)]
