"""Workers that stop or die, and who takes their jobs up."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time

import pytest

from services import bootstrap
from services.base import identity
from services.base import settings as settings_module
from services.db import job_rows, recovery
from services.models import results
from services.models.jobs import JobRequest, JobView, Status
from services.workers.worker import Claim
from tests.conftest import wait_until
from tests.integration.jobs.conftest import Spawn, claim, statuses, wait_for
from tests.rows import change


def test_a_graceful_stop_leaves_the_job_interrupted_and_the_next_worker_takes_it_up(
    settings: settings_module.Settings, slow_job: JobRequest
) -> None:
    with bootstrap.open_services(settings) as first:
        first.start_worker()
        view = first.jobs.submit(slow_job)[0]
        wait_for(first, view, Status.RUNNING)
    with bootstrap.open_services(settings) as second:
        stopped = second.jobs.get(view.id)
        assert stopped.status == Status.INTERRUPTED
        assert not stopped.is_final
        # What it has made last is left to the next attempt.
        assert [path.name for path in settings.work_dir.iterdir()] == [str(view.id)]
        second.start_worker()
        again = wait_for(second, view, Status.RUNNING)
        assert again.attempt == 2
        assert statuses(again) == ["PENDING", "RUNNING", "INTERRUPTED", "PENDING", "RUNNING"]
        second.jobs.cancel(view.id)
        second.jobs.wait(view.id, 60)
        wait_until(lambda: list(settings.work_dir.iterdir()) == [], "its work is removed")


def test_an_interrupted_job_is_cancelled_at_once(settings: settings_module.Settings, slow_job: JobRequest) -> None:
    with bootstrap.open_services(settings) as first:
        first.start_worker()
        view = first.jobs.submit(slow_job)[0]
        wait_for(first, view, Status.RUNNING)
    with bootstrap.open_services(settings) as second:
        assert second.jobs.cancel(view.id).status == Status.CANCELLED
        assert list(settings.work_dir.iterdir()) == []
        second.jobs.delete(view.id)


def test_after_kill_9_a_restart_shows_interrupted_and_takes_the_job_up_at_once(
    services: bootstrap.Services, slow_job: JobRequest, spawn: Spawn
) -> None:
    # Longer than this test waits: the end of a lease tells nothing here.
    process = spawn(PRAVAH_LEASE_SECONDS="600")
    view = services.jobs.submit(slow_job)[0]
    wait_for(services, view, Status.RUNNING)
    wait_until(lambda: services.jobs.get(view.id).progress, "the job works")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert services.jobs.get(view.id).status == Status.RUNNING
    left = list(services.settings.work_dir.glob("*/*"))
    assert left
    spawn()
    wait_until(lambda: services.jobs.get(view.id).attempt == 2, "the job is taken up")
    again = wait_for(services, view, Status.RUNNING)
    assert statuses(again) == ["PENDING", "RUNNING", "INTERRUPTED", "PENDING", "RUNNING"]
    services.jobs.cancel(view.id)
    assert services.jobs.wait(view.id, 60).status == Status.CANCELLED
    wait_until(lambda: not left[0].exists(), "what the attempts left is removed")


def test_a_job_of_another_machine_waits_for_the_end_of_its_lease(
    settings: settings_module.Settings, small_job: JobRequest
) -> None:
    with bootstrap.open_services(settings) as services:
        view = services.jobs.submit(small_job)[0]
        assert claim(services, lease_seconds=1.5)
        with services.database.transaction() as session:
            change(session, "jobs", view.id, worker="another-boot pid:[1] 1 1")
        services.start_worker()
        claimed_at = time.monotonic()
        done = services.jobs.wait(view.id, 30)
        assert time.monotonic() - claimed_at > 1
        assert done.status == Status.COMPLETED
        assert done.attempt == 2


def test_a_job_whose_worker_dies_again_and_again_fails(services: bootstrap.Services, small_job: JobRequest) -> None:
    view = services.jobs.submit(small_job)[0]
    for attempt in range(1, recovery.MOST_DEATHS + 1):
        assert claim(services, alone=True)
        assert services.jobs.get(view.id).attempt == attempt
        with services.database.transaction() as session:
            recovery.interrupt(session, view.id, "it died", died=True)
        with services.database.transaction() as session:
            recovery.requeue(session)
    failed = services.jobs.get(view.id)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert failed.error.code == "limit_exceeded"
    assert "crashed 5 times" in failed.error.message
    assert failed.finished_at is not None
    assert claim(services) is None
    assert services.jobs.rerun(view.id).attempt == 1


def test_graceful_stops_do_not_count_as_deaths(services: bootstrap.Services, small_job: JobRequest) -> None:
    view = services.jobs.submit(small_job)[0]
    for _ in range(3 * recovery.MOST_DEATHS):
        assert claim(services)
        with services.database.transaction() as session:
            recovery.interrupt(session, view.id, "stopped", died=False)
        with services.database.transaction() as session:
            recovery.requeue(session)
    assert services.jobs.get(view.id).status == Status.PENDING


def test_a_job_whose_worker_is_dead_can_be_cancelled_and_deleted_without_a_worker(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    view = services.jobs.submit(small_job)[0]
    assert claim(services)
    own = identity.own()
    assert own is not None
    with services.database.transaction() as session:
        change(session, "jobs", view.id, worker=own.rpartition(" ")[0] + " 1")
    assert services.jobs.cancel(view.id).status == Status.CANCELLED
    services.jobs.delete(view.id)


def test_identity_tells_a_dead_process_from_a_living_one(spawn: Spawn) -> None:
    process = spawn()
    own = identity.own()
    assert own is not None
    assert not identity.is_gone(own)
    started = identity._started(process.pid)
    other = " ".join([*own.split(" ")[:-2], str(process.pid), str(started)])
    assert not identity.is_gone(other)
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: identity.is_gone(other), "the killed process is gone, also before it is waited for")
    assert not identity.is_gone(None)
    assert not identity.is_gone("nonsense")
    assert not identity.is_gone("boot pid:[9] 1 2")


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_what_an_attempt_that_died_stored_goes_with_the_end_of_the_job(
    services: bootstrap.Services, small_job: JobRequest, status: Status
) -> None:
    view = services.jobs.submit(small_job)[0]
    claimed = claim(services)
    assert claimed is not None
    stored = services.settings.data_dir / "results" / "jobs" / str(view.id)
    # Killed before its first file, and after: of a job that others might have helped with, too.
    (stored / str(claimed[1])).mkdir(parents=True)
    (stored / "999998/inventory/result").mkdir(parents=True)
    (stored / "999999/inventory").mkdir(parents=True)
    (stored / "999999/inventory/part").write_bytes(b"1")
    take_over_dead(services, view)
    if status == Status.FAILED:
        shutil.rmtree(small_job.source.os_path)
    services.start_worker()
    ended = services.jobs.wait(view.id, 30)
    assert (ended.status, ended.attempt) == (status, 2)
    with services.database.transaction() as session:
        token = job_rows.get_row(session, view.id).fencing_token
    left = [] if token is None else [str(token)]
    wait_until(lambda: not stored.exists() or [one.name for one in stored.iterdir()] == left, "the rest is removed")
    if status == Status.COMPLETED:
        assert services.results.query(view.id, "inventory.result", results.ResultQuery()).total_rows


def take_over_dead(services: bootstrap.Services, view: JobView) -> None:
    """Queue a job again as if its worker had died."""
    with services.database.transaction() as session:
        recovery.interrupt(session, view.id, "test", died=True)
    with services.database.transaction() as session:
        recovery.requeue(session)


def test_nothing_that_fails_after_the_end_of_a_job_takes_its_result(
    services: bootstrap.Services, small_job: JobRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = services.jobs.submit(small_job)[0]
    assert claim(services)
    take_over_dead(services, view)
    reached = threading.Event()

    def fail(*_: object) -> None:
        reached.set()
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(services.storage, "unfinished", fail)
    services.start_worker()
    assert services.jobs.wait(view.id, 30).status == Status.COMPLETED
    assert reached.wait(10)
    services.close()
    with bootstrap.open_services(services.settings) as opened:
        assert opened.results.query(view.id, "inventory.result", results.ResultQuery()).total_rows


def test_a_worker_that_lost_its_job_takes_nothing_of_the_result(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    view = services.jobs.submit(small_job)[0]
    claimed = claim(services)
    assert claimed is not None
    take_over_dead(services, view)
    services.start_worker()
    assert services.jobs.wait(view.id, 30).status == Status.COMPLETED
    worker = services.start_worker()
    stale = Claim(view.id, view.id, claimed[1], 2, small_job)
    for is_completed in (True, False):
        worker._tidy(stale, is_completed=is_completed)
    assert services.results.query(view.id, "inventory.result", results.ResultQuery()).total_rows
