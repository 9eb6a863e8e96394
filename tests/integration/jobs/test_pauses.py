"""A job that is paused lets go of its worker, keeps what it has made, and goes on when it is resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.db import recovery
from services.models.jobs import JobRequest, Source, Status
from tests.asking import one_job
from tests.conftest import wait_until
from tests.integration.jobs.conftest import claim, statuses, wait_for
from tests.integration.retention.conftest import age

_FILES = 3000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return many sparse files that take a second, and one that takes longer than any test."""
    root = tmp_path / "many"
    for number in range(_FILES):
        path = root / f"{number % 30:02d}" / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(str(number).encode())
    with (root / "zz-large").open("wb") as file:
        file.truncate(400_000_000_000)
    return root


@pytest.fixture
def settings(settings: settings_module.Settings) -> settings_module.Settings:
    """Return settings with a thread for the large file, and one for the others."""
    return settings.model_copy(update={"engine_threads": 2})


def test_a_running_job_is_paused_and_goes_on_from_what_it_has_made(running: bootstrap.Services, source: Path) -> None:
    # One thread reads the large file; of BLAKE3 all would.
    options = {"algorithms": ["sha256"]}
    view = running.jobs.submit(one_job(operation="checksum", source=Source.of_path(source), options=options))[0]
    shards = running.settings.work_dir / str(view.id)
    # What is older than some seconds is made last, whatever is read meanwhile.
    wait_until(lambda: list(shards.glob("*/out/checksum/result/part-*.parquet")), "a shard is there", seconds=60)
    assert running.jobs.pause(view.id).pause_requested
    paused = wait_for(running, view, Status.PAUSED)
    assert paused.heartbeat_at is not None
    assert list(shards.glob("*/out/checksum/result/part-*.parquet"))
    with pytest.raises(errors.JobConflictError):
        running.jobs.rerun(view.id)
    age(shards)
    assert running.retention.sweep().orphans == [], "a job may stay paused for longer than the sweep spares files"
    (source / "zz-large").unlink()
    resumed = running.jobs.resume(view.id)
    assert (resumed.status, resumed.attempt) == (Status.PENDING, 2)
    done = running.jobs.wait(view.id, 60)
    assert done.status == Status.COMPLETED, done.error
    summary = done.result("checksum")["summary"]
    assert summary["files"] == _FILES
    assert summary["reused_files"] > 0
    assert statuses(done) == ["PENDING", "RUNNING", "PAUSED", "PENDING", "RUNNING", "COMPLETED"]
    wait_until(lambda: not shards.exists(), "its work is removed")


def test_a_waiting_job_is_paused_at_once_and_takes_no_place(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    first, second = (services.jobs.submit(small_job)[0] for _ in range(2))
    paused = services.jobs.pause(first.id)
    assert (paused.status, paused.queue_position) == (Status.PAUSED, None)
    assert services.jobs.pause(first.id).status == Status.PAUSED
    assert services.jobs.get(second.id).queue_position == 1
    resumed = services.jobs.resume(first.id)
    # It has not begun: this is still its first attempt, in its old place.
    assert (resumed.status, resumed.attempt, resumed.queue_position) == (Status.PENDING, 1, 1)
    assert services.jobs.resume(first.id).status == Status.PENDING


def test_a_paused_job_outlives_a_restart_and_can_be_cancelled(
    settings: settings_module.Settings, slow_job: JobRequest
) -> None:
    with bootstrap.open_services(settings) as first:
        first.start_worker()
        view = first.jobs.submit(slow_job)[0]
        wait_for(first, view, Status.RUNNING)
        first.jobs.pause(view.id)
        wait_for(first, view, Status.PAUSED)
    with bootstrap.open_services(settings) as second:
        second.start_worker()
        other = second.jobs.submit(slow_job)[0]
        wait_for(second, other, Status.RUNNING)
        assert second.jobs.get(view.id).status == Status.PAUSED
        assert second.jobs.cancel(view.id).status == Status.CANCELLED
        second.jobs.cancel(other.id)
        assert second.jobs.wait(other.id, 60).status == Status.CANCELLED


def test_a_pause_is_kept_when_the_worker_dies(services: bootstrap.Services, small_job: JobRequest) -> None:
    view = services.jobs.submit(small_job)[0]
    assert claim(services)
    assert services.jobs.pause(view.id).status == Status.RUNNING
    with services.database.transaction() as session:
        recovery.interrupt(session, view.id, "it died", died=True)
    with services.database.transaction() as session:
        recovery.requeue(session)
    assert services.jobs.get(view.id).status == Status.PAUSED


def test_a_wish_to_pause_can_be_taken_back_and_a_cancel_wins(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    view = services.jobs.submit(small_job)[0]
    assert claim(services)
    services.jobs.pause(view.id)
    assert not services.jobs.resume(view.id).pause_requested
    services.jobs.cancel(view.id)
    with pytest.raises(errors.JobConflictError, match="being cancelled"):
        services.jobs.pause(view.id)


def test_what_has_ended_is_neither_paused_nor_resumed(running: bootstrap.Services, small_job: JobRequest) -> None:
    view = running.jobs.submit(small_job)[0]
    running.jobs.wait(view.id, 30)
    with pytest.raises(errors.JobConflictError):
        running.jobs.pause(view.id)
    with pytest.raises(errors.JobConflictError):
        running.jobs.resume(view.id)
