"""Starting what is due: once each, caught up once, never beside itself, whoever dies when."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.db import schedule_rows
from services.db.database import Session
from services.db.rows import ScheduleRow
from services.models import schedule_times
from services.models.jobs import JobRequest, Status
from services.models.schedules import ScheduleChange, ScheduleRequest
from services.use_cases.schedules import ScheduleService
from services.workers.scheduler import Scheduler
from tests.conftest import wait_until
from tests.integration.schedules.conftest import START, Add, SetClock, runs
from tests.rows import change


def end(services: bootstrap.Services, job_id: object) -> None:
    """End a job as a worker would."""
    with services.database.transaction() as session:
        change(session, "jobs", job_id, status=Status.COMPLETED)


def test_nothing_starts_before_its_time(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock
) -> None:
    schedule = add()
    assert schedule.next_run_at == START + timedelta(hours=6)
    assert scheduler.look() == 6 * 3600
    clock.advance(hours=5, minutes=59)
    assert scheduler.look() == 60
    assert runs(services, schedule.id) == []


def test_what_is_due_starts_once_and_says_who_started_it(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock, job: JobRequest
) -> None:
    schedule = add()
    clock.advance(hours=6)
    services.jobs.submitted.clear()
    assert scheduler.look() == 6 * 3600
    assert scheduler.look() == 6 * 3600
    (run,) = runs(services, schedule.id)
    assert services.jobs.submitted.is_set()
    assert (run.schedule_id, run.schedule_name, run.name) == (schedule.id, "nightly", "nightly")
    assert run.source == job.source
    assert [event.note for event in run.events] == ["started by schedule nightly"]
    view = services.schedules.get(schedule.id)
    assert view.next_run_at == START + timedelta(hours=12)
    assert view.last_run is not None
    assert (view.last_run.job_id, view.last_run.status) == (run.id, Status.PENDING)


def test_missed_runs_are_caught_up_once(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock
) -> None:
    interval, cron = add(), add(name="cron", when="0 * * * *", zone="Europe/Berlin")
    clock.advance(days=9, minutes=20)
    scheduler.look()
    for schedule, due in ((interval, "2026-05-01T16:00:00+00:00"), (cron, "2026-05-01T11:00:00+00:00")):
        (run,) = runs(services, schedule.id)
        assert run.events[-1].note == f"was due at {due}; later missed runs are skipped"
    assert services.schedules.get(interval.id).next_run_at == START + timedelta(days=9, hours=6)
    assert services.schedules.get(cron.id).next_run_at == START + timedelta(days=9, hours=1)


def test_a_run_is_skipped_and_told_of_while_the_one_before_has_not_ended(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock
) -> None:
    schedule = add()
    clock.advance(hours=6)
    scheduler.look()
    clock.advance(hours=6)
    scheduler.look()
    (run,) = runs(services, schedule.id)
    view = services.schedules.get(schedule.id)
    assert view.note == f"skipped: the previous run, job {run.id}, had not ended"
    assert view.noted_at == START + timedelta(hours=12)
    assert view.next_run_at == START + timedelta(hours=18)
    assert run.events[-1].note == "the run due at 2026-05-01T22:00:00+00:00 was skipped, because this job had not ended"
    end(services, run.id)
    clock.advance(hours=6)
    scheduler.look()
    assert len(runs(services, schedule.id)) == 2
    assert services.schedules.get(schedule.id).note is None


def test_a_paused_schedule_starts_nothing_and_catches_nothing_up(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock
) -> None:
    schedule = add()
    paused = services.schedules.change(schedule.id, ScheduleChange(enabled=False))
    assert paused.next_run_at is None
    clock.advance(days=3)
    assert scheduler.look() is None
    resumed = services.schedules.change(schedule.id, ScheduleChange(enabled=True))
    assert resumed.next_run_at == START + timedelta(days=3, hours=6)
    scheduler.look()
    assert runs(services, schedule.id) == []


def test_the_day_the_clocks_change_has_one_run(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock
) -> None:
    clock.now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    schedule = add(when="30 2 * * *", zone="Europe/Berlin")
    started = []
    for _ in range(48 * 4):
        clock.advance(minutes=15)
        scheduler.look()
        for run in runs(services, schedule.id)[len(started) :]:
            started.append(clock.now)
            end(services, run.id)
    assert [moment.isoformat() for moment in started] == ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"]


def test_a_crash_before_the_end_of_the_transaction_starts_nothing_twice(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = add()
    clock.advance(hours=6)

    def die(*_: object) -> datetime:
        raise KeyboardInterrupt("killed after the job was written")

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(schedule_times, "next_after", die)
        scheduler.look()
    assert runs(services, schedule.id) == []
    scheduler.look()
    (run,) = runs(services, schedule.id)
    # And as if the job alone had been written: the key of schedule and due time finds it.
    with services.database.transaction() as session:
        change(session, "schedules", schedule.id, next_run_at=START + timedelta(hours=6))
    end(services, run.id)
    scheduler.look()
    assert [one.id for one in runs(services, schedule.id)] == [run.id]
    assert services.schedules.get(schedule.id).next_run_at == START + timedelta(hours=12)


def test_a_schedule_that_another_process_starts_just_now_is_passed_by(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock
) -> None:
    first, second = add(), add(name="other")
    clock.advance(hours=6)
    with services.database.transaction() as session:
        locked = schedule_rows.due(session, clock.now)
        assert locked is not None
        scheduler.look()
        started = {schedule.id: len(runs(services, schedule.id)) for schedule in (first, second)}
    assert started == {locked.id: 0, ({first.id, second.id} - {locked.id}).pop(): 1}


def test_many_schedulers_at_once_start_each_due_time_once(
    services: bootstrap.Services, schedules: ScheduleService, add: Add, clock: SetClock
) -> None:
    made = [add(name=f"number {number}") for number in range(12)]
    clock.advance(hours=6)
    parts = (services.database, services.jobs, schedules)
    threads = [threading.Thread(target=Scheduler(*parts).look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(runs(services, schedule.id)) for schedule in made] == [1] * 12


PROCESS = """
import sys
from datetime import datetime
from services import bootstrap
from services.base import settings
from services.workers.scheduler import Scheduler
moment = datetime.fromisoformat(sys.argv[1])
with bootstrap.open_services(settings.load_settings()) as opened:
    opened.schedules.clock = lambda session: moment
    scheduler = Scheduler(opened.database, opened.jobs, opened.schedules)
    print("ready", flush=True)
    sys.stdin.read(1)
    scheduler.look()
"""


def test_of_several_processes_exactly_one_starts_a_due_run(
    services: bootstrap.Services, settings: settings_module.Settings, add: Add, clock: SetClock, tmp_path: Path
) -> None:
    made = [add(name=f"number {number}") for number in range(5)]
    clock.advance(days=2)
    assert settings.database_url is not None
    environment = {
        **os.environ,
        "PRAVAH_DATA_DIR": str(settings.data_dir),
        "PRAVAH_DATABASE_URL": settings.database_url.get_secret_value(),
        "PRAVAH_ALLOWED_ROOTS": str(tmp_path),
    }
    command = [sys.executable, "-c", PROCESS, clock.now.isoformat()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    processes = [subprocess.Popen(command, env=environment, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"!")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert [len(runs(services, schedule.id)) for schedule in made] == [1] * 5


def test_a_schedule_whose_source_has_gone_fails_as_a_job_and_goes_on(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock, job: JobRequest
) -> None:
    schedule = add()
    shutil.rmtree(job.source.os_path)
    clock.advance(hours=6)
    scheduler.look()
    services.start_worker()
    (run,) = runs(services, schedule.id)
    failed = services.jobs.wait(run.id, 30)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert failed.error.code == "source_not_found"
    view = services.schedules.get(schedule.id)
    assert view.enabled
    assert view.next_run_at == START + timedelta(hours=12)
    assert view.last_run is not None
    assert view.last_run.status == Status.FAILED


def test_a_row_of_another_version_hinders_no_other_and_is_left_to_that_version(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock
) -> None:
    job, rule, good = add(name="job"), add(name="rule"), add(name="good")
    with services.database.transaction() as session:
        understood = schedule_rows.get_row(session, job.id).request
        change(session, "schedules", job.id, request={"made_up": True})
        change(session, "schedules", rule.id, rule="at full moon")
    clock.advance(hours=6)
    assert scheduler.look() == 6 * 3600
    assert len(runs(services, good.id)) == 1
    views = {view.name: view for view in services.schedules.list()}
    assert views["job"].job is None
    assert views["job"].note == "this version of Pravah does not support the job of this schedule"
    assert "at full moon" in (views["rule"].note or "")
    # The due time is not used up: a process of the version that wrote it starts it.
    due_at = START + timedelta(hours=6)
    assert all((view.next_run_at, view.noted_at) == (due_at, due_at) for name, view in views.items() if name != "good")
    with services.database.transaction() as session:
        change(session, "schedules", job.id, request=understood)
    scheduler.look()
    assert len(runs(services, job.id)) == 1
    assert services.schedules.get(job.id).note is None
    services.schedules.delete(rule.id)


def test_a_schedule_that_raises_whatever_it_is_hinders_no_other(
    scheduler: Scheduler,
    services: bootstrap.Services,
    add: Add,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad, good = add(name="bad"), add(name="good", when="every 7h")
    clock.advance(hours=8)
    start = schedule_rows.start

    def raising(session: Session, row: ScheduleRow, due_at: datetime | None = None) -> UUID:
        if row.id == bad.id:
            session.execute("SELECT 1 / 0")
        return start(session, row, due_at)

    with monkeypatch.context() as patched:
        patched.setattr(schedule_rows, "start", raising)
        # The one that raises is due longest, and at the head of each look.
        for _ in range(3):
            assert scheduler.look() == 6 * 3600
    assert [len(runs(services, one.id)) for one in (bad, good)] == [0, 1]
    assert "division by zero" in (services.schedules.get(bad.id).note or "")
    assert len([record for record in caplog.records if str(bad.id) in record.getMessage()]) == 1
    scheduler.look()
    assert len(runs(services, bad.id)) == 1
    assert services.schedules.get(bad.id).note is None


def test_a_key_that_a_user_chose_suppresses_no_run(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock, job: JobRequest
) -> None:
    schedule = add()
    key = f"pravah-schedule:{schedule.id}:{(START + timedelta(hours=6)).isoformat()}"
    mine, _ = services.jobs.submit(job.model_copy(update={"idempotency_key": key}))
    clock.advance(hours=6)
    assert scheduler.look() == 6 * 3600
    (run,) = runs(services, schedule.id)
    assert run.id != mine.id
    assert services.schedules.get(schedule.id).note is None


def test_a_deleted_schedule_leaves_its_running_job_alone(
    scheduler: Scheduler, services: bootstrap.Services, add: Add, clock: SetClock
) -> None:
    schedule = add()
    clock.advance(hours=6)
    scheduler.look()
    (run,) = runs(services, schedule.id)
    services.schedules.delete(schedule.id)
    services.start_worker()
    done = services.jobs.wait(run.id, 30)
    assert done.status == Status.COMPLETED
    assert (done.schedule_id, done.schedule_name) == (None, "nightly")


def test_the_thread_starts_what_is_due_and_what_is_made_meanwhile(
    services: bootstrap.Services, job: JobRequest, add: Add, schedules: ScheduleService, clock: SetClock
) -> None:
    scheduler = Scheduler(services.database, services.jobs, schedules)
    scheduler.start()
    try:
        first = add()
        clock.advance(hours=6)
        second = add(name="second")
        wait_until(lambda: runs(services, first.id), "the first one is started")
        assert scheduler.is_alive
        clock.advance(hours=6)
        schedules.changed.set()
        wait_until(lambda: runs(services, second.id), "the second one is started")
    finally:
        scheduler.stop()
    assert not scheduler.is_alive


def test_a_worker_starts_by_the_databases_clock_what_was_due_while_it_was_away(
    services: bootstrap.Services, job: JobRequest
) -> None:
    asked = ScheduleRequest(name="nightly", job=job, when="every 1m")
    schedule = services.schedules.create(asked)
    with services.database.transaction() as session:
        change(session, "schedules", schedule.id, next_run_at=datetime(2026, 1, 1, tzinfo=UTC))
    services.start_worker()
    wait_until(lambda: runs(services, schedule.id), "the missed run is caught up")
    (run,) = runs(services, schedule.id)
    assert services.jobs.wait(run.id, 30).status == Status.COMPLETED
    assert [part.ok for part in services.health() if part.part == "schedules"] == [True]
