"""The use-cases on a schedule, and what is refused."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.models.jobs import JobRequest, Source, Status
from services.models.schedules import Occasion, ScheduleChange, ScheduleRequest
from services.use_cases.schedules import ScheduleService
from tests.asking import one_job, other
from tests.integration.schedules.conftest import START, Add, SetClock, runs


def test_a_schedule_is_made_looked_at_changed_and_deleted(
    schedules: ScheduleService, add: Add, clock: SetClock
) -> None:
    made = add(name="  nightly ", when=" 30 2 * * MON-FRI ", zone="Europe/Berlin")
    assert (made.name, made.when, made.enabled, made.note, made.last_run) == (
        "nightly",
        "30 2 * * MON-FRI",
        True,
        None,
        None,
    )
    assert made.words == "At 02:30 on Monday through Friday (Europe/Berlin)"
    assert made.next_run_at is not None
    assert made.next_run_at.isoformat() == "2026-05-04T00:30:00+00:00"
    assert made.notify_on == tuple(Occasion)
    assert schedules.list() == [made]
    assert schedules.get(made.id) == made
    clock.advance(hours=1)
    renamed = schedules.change(made.id, ScheduleChange(name="other", notify_on=(Occasion.FINDING,)))
    assert renamed == made.model_copy(update={"name": "other", "notify_on": (Occasion.FINDING,)})
    changed = schedules.change(made.id, ScheduleChange(when="every 1h"))
    assert changed.next_run_at == START + timedelta(hours=2)
    schedules.delete(made.id)
    assert schedules.list() == []


def test_the_job_is_kept_as_a_submit_would_take_it(schedules: ScheduleService, add: Add, job: JobRequest) -> None:
    request = other(job, operation="checksum").model_copy(update={"idempotency_key": "mine"})
    made = add(job=request)
    assert made.job is not None
    assert made.job.idempotency_key is None
    assert made.job.operations[0].options == {"algorithms": ["blake3"], "write_manifests": True}
    changed = schedules.change(made.id, ScheduleChange(job=job))
    assert changed.job is not None
    assert changed.job.names == ("inventory",)
    assert changed.next_run_at == made.next_run_at


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "   "),
        ("when", "at full moon"),
        ("when", "every 10s"),
        ("zone", "Mars/Base"),
        ("webhook_url", "https://hooks.example/x"),
        ("email", "somebody@host.example"),
        ("email", "nobody"),
    ],
)
def test_what_is_not_acceptable_is_refused_by_its_field(
    schedules: ScheduleService, add: Add, field: str, value: str
) -> None:
    with pytest.raises(errors.InvalidOptionsError) as caught:
        add(**{field: value})
    assert caught.value.details["field"] == field
    made = add()
    with pytest.raises(errors.InvalidOptionsError):
        schedules.change(made.id, ScheduleChange.model_validate({field: value}))
    assert schedules.list() == [made]


def test_a_name_is_taken_once(schedules: ScheduleService, add: Add) -> None:
    first, second = add(), add(name="second")
    with pytest.raises(errors.InvalidOptionsError, match="'nightly' already"):
        add()
    with pytest.raises(errors.InvalidOptionsError, match="'nightly' already"):
        schedules.change(second.id, ScheduleChange(name="nightly"))
    assert schedules.change(first.id, ScheduleChange(name="nightly")).name == "nightly"


def test_a_source_that_is_not_there_or_not_allowed_is_refused(add: Add, tmp_path: Path) -> None:
    with pytest.raises(errors.SourceNotFoundError):
        add(job=one_job(operation="inventory", source=Source.of_path(tmp_path / "gone")))
    with pytest.raises(errors.SourceForbiddenError):
        add(job=one_job(operation="inventory", source=Source.of_path("/etc")))
    with pytest.raises(errors.InvalidOptionsError):
        add(job=one_job(operation="no_such", source=Source.of_path(tmp_path)))


def test_a_schedule_is_found_by_its_name_and_by_the_beginning_of_its_id(schedules: ScheduleService, add: Add) -> None:
    made, other_one = add(), add(name="0123")
    assert schedules.find("nightly") == made.id
    assert schedules.find(str(made.id)) == made.id
    assert schedules.find(str(made.id)[:8]) == made.id
    assert schedules.find("0123") == other_one.id
    for unknown in ("nothing", "", "ffff", str(uuid.UUID(int=1))):
        with pytest.raises(errors.ScheduleNotFoundError):
            schedules.find(unknown)


def test_what_is_not_there_is_said(schedules: ScheduleService) -> None:
    unknown = uuid.UUID(int=7)
    for call in (schedules.get, schedules.delete, schedules.run):
        with pytest.raises(errors.ScheduleNotFoundError):
            call(unknown)
    with pytest.raises(errors.ScheduleNotFoundError):
        schedules.change(unknown, ScheduleChange(enabled=False))


def test_a_run_at_once_leaves_the_next_one_and_is_one_at_a_time(
    services: bootstrap.Services, schedules: ScheduleService, add: Add
) -> None:
    made = add(enabled=False)
    run = schedules.run(made.id)
    assert (run.status, run.schedule_id, run.name) == (Status.PENDING, made.id, "nightly")
    with pytest.raises(errors.JobConflictError, match=str(run.id)):
        schedules.run(made.id)
    services.jobs.cancel(run.id)
    assert schedules.run(made.id).id != run.id
    assert schedules.get(made.id).next_run_at is None
    assert len(runs(services, made.id)) == 2


def test_a_run_at_once_says_that_the_source_has_gone(schedules: ScheduleService, add: Add, tmp_path: Path) -> None:
    folder = tmp_path / "short-lived"
    folder.mkdir()
    made = add(job=one_job(operation="inventory", source=Source.of_path(folder)))
    folder.rmdir()
    with pytest.raises(errors.SourceNotFoundError):
        schedules.run(made.id)


def test_a_retry_is_not_a_run_of_the_schedule(
    services: bootstrap.Services, schedules: ScheduleService, add: Add
) -> None:
    made = add()
    run = schedules.run(made.id)
    services.jobs.cancel(run.id)
    assert services.jobs.rerun(run.id).schedule_id is None


def test_no_secret_is_shown(settings: settings_module.Settings, job: JobRequest) -> None:
    more = {
        "webhook_secret": "s3cret",
        "allowed_webhooks": ("https://hooks.example",),
        "smtp_url": "smtp://me:s3cret@mail.example",
        "mail_from": "pravah@host.example",
    }
    config = settings_module.load_settings(**settings.model_dump(exclude=set(more)), **more)
    with bootstrap.open_services(config) as services:
        asked = ScheduleRequest(
            name="n", job=job, when="every 1h", webhook_url="https://hooks.example/T0/s3cret", email="me@host.example"
        )
        made = services.schedules.create(asked)
        assert made.webhook == "https://hooks.example"
        assert "s3cret" not in made.model_dump_json() + str(settings_module.effective(config)) + repr(config)
        removed = services.schedules.change(made.id, ScheduleChange(webhook_url="", email=""))
        assert (removed.webhook, removed.email) == (None, None)
