"""Jobs of schedules that end with something to tell, and the servers that are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.db import job_rows
from services.models.jobs import JobRequest, JobView, Source
from services.models.schedules import ScheduleRequest, ScheduleView
from services.workers.messenger import Messenger
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.notifications.servers import Hook, Mailbox, mail_server, web_server
from tests.integration.schedules.conftest import SetClock

SECRET = "a long secret of the test"
ANYBODY = "ops@host.example"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_server() as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as server:
        yield server


@pytest.fixture
def services(settings: settings_module.Settings, hook: Hook, mailbox: Mailbox) -> Iterator[bootstrap.Services]:
    """Yield services that may tell both servers; nothing runs yet."""
    more: dict[str, Any] = {
        "webhook_secret": SECRET,
        "allowed_webhooks": (f"{hook.url}/hooks",),
        "smtp_url": f"smtp://me%40host:pass%3Aword@{mailbox.address}",
        "mail_from": "pravah@host.example",
    }
    config = settings_module.load_settings(**settings.model_dump(exclude=set(more)), **more)
    with bootstrap.open_services(config) as opened:
        yield opened


@pytest.fixture
def clock(services: bootstrap.Services) -> SetClock:
    """Return a clock that is ahead of the database's: what was written a moment ago is due."""
    with services.database.transaction() as session:
        now = job_rows.now(session) + timedelta(hours=1)
    return SetClock(now)


@pytest.fixture
def sender(services: bootstrap.Services, clock: SetClock) -> Messenger:
    """Return a messenger whose thread is not started: `look` is called by hand."""
    return Messenger(services.database, services.jobs, services.settings, clock)


@pytest.fixture
def failed_verify(tree: TreeBuilder) -> JobRequest:
    """Return a job that finds a changed file."""
    root = tree({"a.txt": b"changed", "MD5SUMS": b"0" * 32 + b"  a.txt\n"}, name="verified")
    return one_job(operation="verify", source=Source.of_path(root), options={"manifest": str(root / "MD5SUMS")})


def made(services: bootstrap.Services, job: JobRequest, **values: object) -> ScheduleView:
    """Keep a schedule that is paused: a test runs it."""
    asked = {"name": "nightly", "job": job, "when": "every 6h", "enabled": False} | values
    return services.schedules.create(ScheduleRequest.model_validate(asked))


def ended(services: bootstrap.Services, schedule: ScheduleView) -> JobView:
    """Run the job of a schedule to its end, by a worker without a messenger beside it."""
    run = services.schedules.run(schedule.id)
    services.start_worker(only=run.id)
    done = services.jobs.wait(run.id, 30)
    services.background.stop()
    return done


def notes(services: bootstrap.Services, job: JobView) -> list[str]:
    """Return what the history of a job says of notifications."""
    return [
        event.note for event in services.jobs.get(job.id).events if event.note.startswith(("webhook:", "e-mail to"))
    ]


def states(services: bootstrap.Services) -> list[str]:
    """Return the states of all notifications."""
    with services.database.transaction() as session:
        return session.scalars("SELECT state FROM notifications ORDER BY id")
