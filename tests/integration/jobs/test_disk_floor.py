"""A disk that fills up while a job runs: the job is stopped in time, with a reason that one can act on."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from services import bootstrap
from services.base import disk, errors
from services.base import settings as settings_module
from services.models.jobs import JobRequest, Source, Status
from services.workers import watching
from tests.asking import one_job
from tests.conftest import fill, wait_until
from tests.integration.jobs.conftest import statuses

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield the directory of a disk of 320 MiB, in memory."""
    directory = tmp_path / "small-disk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=320m", "pravah-test", str(directory)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a disk")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.fixture
def tight(settings: settings_module.Settings, small_disk: Path) -> settings_module.Settings:
    """Return settings whose data directory is on the small disk, with a floor of 192 MiB."""
    return settings.model_copy(update={"data_dir": small_disk / "data", "min_free_disk_bytes": 192 * MIB})


def test_a_job_that_fills_the_disk_is_stopped_before_it_is_full(
    tight: settings_module.Settings, tmp_path: Path
) -> None:
    source = fill(tmp_path / "source", {"0": random.Random(1).randbytes(8 * MIB)})
    for number in range(1, 100):
        os.link(source / "0", source / str(number))  # a zip has each of them in full
    request = one_job(operation="archive", source=Source.of_path(source), options={"form": "zip"})
    with bootstrap.open_services(tight) as services:
        services.start_worker()
        done = services.jobs.wait(services.jobs.submit(request)[0].id, 60)
        assert done.status == Status.FAILED
        assert done.error is not None
        assert done.error.code == "limit_exceeded", done.error
        assert "bytes are free in the data directory" in done.error.message
        assert f"{192 * MIB:,} bytes of PRAVAH_MIN_FREE_DISK_BYTES" in done.error.message
        assert done.error.remedy
        wait_until(lambda: disk.free_bytes(tight.data_dir) > 300 * MIB, "what the job wrote is removed")


def test_a_disk_that_others_fill_stops_the_running_job_and_no_new_one_starts(
    tight: settings_module.Settings, slow_job: JobRequest, small_job: JobRequest
) -> None:
    with bootstrap.open_services(tight) as services:
        services.start_worker()
        running = services.jobs.submit(slow_job)[0]
        wait_until(lambda: services.jobs.get(running.id).progress, "the job works")
        other = tight.data_dir / "somebody-elses"
        other.write_bytes(bytes(160 * MIB))
        stopped = services.jobs.wait(running.id, 30)
        assert stopped.error is not None
        assert stopped.error.code == "limit_exceeded"
        assert statuses(stopped) == ["PENDING", "RUNNING", "FAILED"]
        refused = services.jobs.wait(services.jobs.submit(small_job)[0].id, 30)
        assert refused.error is not None
        assert refused.error.code == "limit_exceeded"
        other.unlink()
        again = services.jobs.rerun(refused.id)
        assert services.jobs.wait(again.id, 30).status == Status.COMPLETED


class StoppedHandle:
    """An engine that was stopped a moment ago."""

    def __init__(self) -> None:
        self.cancels = 0

    def wait(self, seconds: float) -> bool:
        return self.cancels > 0

    def cancel(self) -> None:
        self.cancels += 1

    def result(self) -> bytes:
        raise errors.CancelledError("stopped")


@pytest.mark.parametrize("is_over", [True, False])
def test_a_lost_or_cancelled_job_is_not_told_as_one_that_the_disk_stopped(
    services: bootstrap.Services, monkeypatch: pytest.MonkeyPatch, is_over: bool
) -> None:
    config = services.settings.model_copy(update={"min_free_disk_bytes": 1})
    monkeypatch.setattr(disk, "free_bytes", lambda directory: 0)
    handle = StoppedHandle()
    expected = errors.CancelledError if is_over else errors.LimitExceededError
    with pytest.raises(expected):
        watching.outcome(handle, config, SimpleNamespace(is_over=is_over), lambda: None)  # type: ignore[arg-type]
    assert handle.cancels == 1


def test_results_that_are_there_can_be_read_and_deleted_on_a_full_disk(
    settings: settings_module.Settings, small_job: JobRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bootstrap.open_services(settings.model_copy(update={"min_free_disk_bytes": 1})) as services:
        services.start_worker()
        done = services.jobs.wait(services.jobs.submit(small_job)[0].id, 30)
        assert done.status == Status.COMPLETED
        monkeypatch.setattr(disk, "free_bytes", lambda directory: 0)
        assert services.results.query(done.id, "inventory.result").total_rows == 4
        services.jobs.delete(done.id)
