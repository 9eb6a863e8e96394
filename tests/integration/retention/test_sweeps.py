"""Sweeps beside each other, sweeps that die, and files that cannot be deleted."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.db import retention_rows
from services.models.jobs import Source
from services.models.retention_rules import Limits
from tests.conftest import TreeBuilder, wait_until
from tests.integration.jobs.conftest import Spawn
from tests.integration.retention.conftest import Finish, folder, foresee, retention, sweep, there, waiting


def test_many_sweeps_at_once_delete_each_job_once_and_none_too_many(
    services: bootstrap.Services, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [finish(days_ago=40 - number) for number in range(30)]
    monkeypatch.setattr("services.use_cases.retention._BATCH", 2)
    together = threading.Barrier(4)

    def one(_: int) -> list[UUID]:
        own = retention(services, keep_bytes=100)
        together.wait(10)
        done = own.sweep()
        assert done.troubles == []
        return [job.id for job in done.jobs]

    with ThreadPoolExecutor(4) as pool:
        gone = [job_id for found in pool.map(one, range(4)) for job_id in found]
    assert sorted(gone, key=ids.index) == ids[:20]
    assert there(services) == set(ids[20:])
    assert {path.name for path in (services.settings.data_dir / "results/jobs").iterdir()} == {str(i) for i in ids[20:]}


def test_servers_sweep_by_themselves_and_beside_each_other(
    services: bootstrap.Services, finish: Finish, spawn: Spawn
) -> None:
    more = {"PRAVAH_SWEEP_SECONDS": "1", "PRAVAH_KEEP_JOBS": "2"}
    for _ in range(2):
        spawn(**more)
    ids = [finish(days_ago=9 - number) for number in range(6)]
    wait_until(lambda: there(services) == set(ids[4:]), "two servers delete four of six jobs")
    wait_until(lambda: (last := services.retention.last()) and last.jobs == 0, "they sweep again")
    assert there(services) == set(ids[4:])


def test_a_server_that_is_stopped_does_not_wait_for_its_sweep(
    services: bootstrap.Services, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(days_ago=9)
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(errors.CancelledError):
        retention(services, keep_days=1).sweep(stopping=stopping)
    assert len(there(services)) == 1


def test_a_foreground_run_sweeps_nothing(settings: settings_module.Settings, tree: TreeBuilder) -> None:
    config = settings.model_copy(update={"sweep_seconds": 0.01})
    with bootstrap.open_services(config) as services:
        view = waiting(services, operation="inventory", source=Source.of_path(tree({"a": b"1"})))
        services.start_worker(only=view.id)
        services.jobs.wait(view.id, 30)
        assert not services.runs_schedules
        assert services.retention.last() is None


def test_a_sweep_that_dies_between_rows_and_files_is_finished_by_the_next(
    services: bootstrap.Services, finish: Finish
) -> None:
    ids = [finish(days_ago=days) for days in (9, 8)]
    with services.database.transaction() as session:
        retention_rows.delete_beyond(session, Limits(days=1), set(), 10)
    assert there(services) == set()
    assert all(folder(services.settings, job_id).exists() for job_id in ids)
    foreseen = foresee(services)
    assert {one.name for one in foreseen.orphans} == {f"jobs/{job_id}/" for job_id in ids}
    done = sweep(services)
    assert done.orphans == foreseen.orphans
    assert done.freed_bytes == foreseen.freed_bytes == 20
    assert not any(folder(services.settings, job_id).exists() for job_id in ids)
    assert sweep(services).orphans == []


@pytest.mark.parametrize("how", ["sweep", "delete"])
def test_files_that_cannot_be_deleted_are_told_and_go_later(
    services: bootstrap.Services, finish: Finish, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    stuck, other = finish(days_ago=9), finish(days_ago=8)
    remove = services.storage.delete

    def refuse(prefix: str) -> None:
        if str(stuck) in prefix:
            raise errors.StorageError("cannot delete: Operation not permitted")
        remove(prefix)

    with monkeypatch.context() as patch:
        patch.setattr(services.storage, "delete", refuse)
        if how == "delete":
            services.jobs.delete(stuck)
        done = sweep(services, keep_days=1)
        assert [(one.name, one.message) for one in done.troubles] == [
            (f"jobs/{stuck}/", "cannot delete: Operation not permitted")
        ]
        assert other in {job.id for job in done.jobs}
        assert done.freed_bytes == 10
        last = services.retention.last()
        assert last is not None
        assert (last.troubles, last.freed_bytes) == (1, 10)
    assert folder(services.settings, stuck).exists()
    assert there(services) == set()
    done = sweep(services)
    assert ([one.name for one in done.orphans], done.troubles) == ([f"jobs/{stuck}/"], [])
    assert not folder(services.settings, stuck).exists()


def test_a_local_directory_that_cannot_be_deleted_is_a_trouble_of_its_own(
    services: bootstrap.Services, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = finish(days_ago=9)

    remove = shutil.rmtree

    def refuse(path: Path, **more: Any) -> None:
        if path == folder(services.settings, job_id):
            raise PermissionError(13, "Permission denied", str(path))
        remove(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr("services.storage.local.shutil.rmtree", refuse)
        (trouble,) = sweep(services, keep_days=1).troubles
    assert str(job_id) in trouble.name
    assert "Permission denied" in trouble.message
    assert sweep(services).troubles == []
