"""Files that belong to no job are found and removed; what is young, needed or somebody else's is not."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.db import job_rows, retention_rows
from services.models.jobs import FINAL, JobRequest, Source, Status
from services.models.retention import OrphanKind
from services.use_cases.owner import Owner
from tests.asking import one_job
from tests.conftest import TreeBuilder, fill, wait_until
from tests.integration.jobs.conftest import claim, take_over, wait_for
from tests.integration.retention.conftest import Finish, age, folder, foresee, retention, sweep, waiting
from tests.rows import change

NOBODY = "00000000-0000-4000-8000-00000000000a"


@pytest.fixture(autouse=True)
def _marked(services: bootstrap.Services) -> None:
    """Let the storage be this database's, as after its first job."""
    Owner(services.database, services.storage).mark()


def results(services: bootstrap.Services) -> Path:
    return services.settings.data_dir / "results"


def names(found: object) -> dict[str, tuple[str, int]]:
    return {one.name: (one.kind.value, one.size_bytes) for one in found.orphans}  # type: ignore[attr-defined]


def test_every_kind_is_found_told_and_removed(services: bootstrap.Services, finish: Finish) -> None:
    known = finish()
    with services.database.transaction() as session:
        token = job_rows.get_row(session, known).fencing_token or 0
    data = services.settings.data_dir
    left = {
        f"results/jobs/{NOBODY}/7/inventory/part": bytes(100),
        f"results/jobs/{NOBODY}/8/.put-half": bytes(20),
        f"results/jobs/{known}/{token - 1}/earlier": bytes(3),
        f"work/{NOBODY}/9/out/part": bytes(1000),
        f"work/{known}/{token}/out/part": bytes(5),
        f"cache/{NOBODY}/inventory/part": bytes(50),
        "cache/spill-4194999/duckdb": bytes(7),
    }
    fill(data, dict(left))
    for name in ("results/jobs", "work", "cache"):
        age(data / name)
    expected = {
        f"jobs/{NOBODY}/": ("stored", 120),
        f"jobs/{known}/{token - 1}/": ("stored", 3),
        f"work/{NOBODY}/9": ("work", 1000),
        f"work/{known}/{token}": ("work", 5),
        f"cache/{NOBODY}": ("cache", 50),
        "cache/spill-4194999": ("cache", 7),
    }
    foreseen = foresee(services)
    assert names(foreseen) == expected
    assert foreseen.freed_bytes == sum(size for _, size in expected.values())
    assert all((data / name).exists() for name in left)
    done = sweep(services)
    assert names(done) == expected
    assert done.troubles == []
    assert not any((data / name).exists() for name in left)
    assert list((data / "work").iterdir()) == []
    assert list((data / "cache").iterdir()) == []
    assert folder(services.settings, known).is_dir()
    assert services.storage.size(f"jobs/{known}/{token}/file") == 10
    assert names(sweep(services)) == {}


def test_what_is_young_is_left_alone(services: bootstrap.Services) -> None:
    data = services.settings.data_dir
    places = (f"results/jobs/{NOBODY}/7", f"work/{NOBODY}/9", f"cache/{NOBODY}", "cache/spill-4194999")
    for place in places:
        fill(data, {f"{place}/old": b"1", f"{place}/young": b"2"})
        age(data / place)
        os.utime(data / place / "young")
    assert names(sweep(services)) == {}
    for place in places:
        age(data / place, seconds=services.settings.orphan_grace_seconds - 60)
    assert names(sweep(services)) == {}
    for place in places:
        age(data / place, seconds=services.settings.orphan_grace_seconds + 60)
    assert len(names(sweep(services))) == len(places)


def test_a_grace_of_nothing_is_still_a_lease(services: bootstrap.Services) -> None:
    place = services.settings.data_dir / f"cache/{NOBODY}"
    fill(place.parent, {f"{NOBODY}/part": b"1"})
    assert names(sweep(services, orphan_grace_seconds=0)) == {}
    age(place, seconds=services.settings.lease_seconds + 5)
    assert len(names(sweep(services, orphan_grace_seconds=0))) == 1


def test_what_seems_to_be_of_the_future_is_not_old(services: bootstrap.Services) -> None:
    place = services.settings.data_dir / f"cache/{NOBODY}"
    fill(place.parent, {f"{NOBODY}/part": b"1"})
    age(place, seconds=-1e8)
    assert names(sweep(services)) == {}


def test_whatever_the_clock_says_a_running_job_keeps_its_files(
    running: bootstrap.Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "slow"
    source.mkdir()
    with (source / "large").open("wb") as file:
        file.truncate(400_000_000_000)
    view = waiting(running, operation="checksum", source=Source.of_path(source))
    wait_for(running, view, Status.RUNNING)
    work = running.settings.work_dir / str(view.id)
    wait_until(lambda: list(work.glob("*/out")), "the engine has made its folder")
    with running.database.transaction() as session:
        token = job_rows.get_row(session, view.id).fencing_token
    fill(results(running), {f"jobs/{view.id}/{token}/part": b"being stored", f"jobs/{view.id}/{token}/.put-x": b"half"})
    monkeypatch.setattr("services.use_cases.retention.time.time", lambda: 4e9)
    assert names(sweep(running)) == {}
    assert list(work.glob("*/out"))
    assert (results(running) / f"jobs/{view.id}/{token}/.put-x").exists()
    running.jobs.cancel(view.id)
    assert running.jobs.wait(view.id, 10).status == Status.CANCELLED


def test_what_a_worker_without_a_lease_stored_goes_and_its_successors_stays(
    services: bootstrap.Services, tree: TreeBuilder
) -> None:
    view = waiting(services, operation="inventory", source=Source.of_path(tree({"a": b"1"})))
    claimed = claim(services)
    assert claimed is not None
    stale, fresh = claimed[1], take_over(services, view.id)
    fill(results(services), {f"jobs/{view.id}/{token}/part": b"1" for token in (stale, fresh)})
    fill(services.settings.work_dir, {f"{view.id}/{token}/part": b"1" for token in (stale, fresh)})
    age(results(services))
    age(services.settings.work_dir)
    assert set(names(sweep(services))) == {f"jobs/{view.id}/{stale}/"}
    assert services.storage.list("jobs/") == [f"jobs/{view.id}/{fresh}/part"]
    # What the stale worker did not store is a baseline of its successor, however long that one runs.
    assert (services.settings.work_dir / f"{view.id}/{stale}/part").exists()


@pytest.mark.parametrize("status", [status for status in Status if status not in FINAL])
def test_the_work_of_a_job_that_has_not_ended_stays(
    services: bootstrap.Services, tree: TreeBuilder, status: Status
) -> None:
    view = waiting(services, operation="inventory", source=Source.of_path(tree({"a": b"1"})))
    with services.database.transaction() as session:
        change(session, "jobs", view.id, status=status)
    part = services.settings.work_dir / f"{view.id}/7/out/part"
    fill(services.settings.work_dir, {f"{view.id}/7/out/part": b"1"})
    age(services.settings.work_dir)
    assert names(sweep(services)) == {}
    assert part.exists()
    with services.database.transaction() as session:
        change(session, "jobs", view.id, status=Status.CANCELLED)
    assert set(names(sweep(services))) == {f"work/{view.id}/7"}
    assert not part.exists()


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_what_a_job_without_result_stored_goes(services: bootstrap.Services, finish: Finish, status: Status) -> None:
    job_id = finish(status=status)
    with services.database.transaction() as session:
        change(session, "jobs", job_id, fencing_token=None)
    age(results(services))
    assert len(names(sweep(services))) == 1
    assert services.jobs.get(job_id).status == status


def test_empty_directories_of_nobody_go_as_well(services: bootstrap.Services, finish: Finish) -> None:
    known = finish()
    fill(results(services), {f"jobs/{NOBODY}/7/": None, f"jobs/{known}/999999/": None})
    age(results(services))
    assert names(sweep(services)) == {f"jobs/{NOBODY}/": ("stored", 0), f"jobs/{known}/999999/": ("stored", 0)}
    assert not (results(services) / f"jobs/{NOBODY}").exists()
    assert folder(services.settings, known).exists()


def test_what_pravah_has_not_made_is_left_alone(services: bootstrap.Services) -> None:
    data = services.settings.data_dir
    strange: dict[str | bytes, bytes | None] = {
        "results/README": b"1",
        "results/jobs/notes.txt": b"1",
        f"results/jobs/{NOBODY.upper()}/1/x": b"1",
        f"results/jobs/{{{NOBODY}}}/1/x": b"1",
        f"results/jobs/{NOBODY}/not-a-token/x": b"1",
        "results/other/x": b"1",
        "work/preview/x": b"1",
        "cache/thumbnails/x": b"1",
        f"cache/spill-{os.getpid()}/x": b"1",
        "cache/a-file": b"1",
    }
    fill(data, strange)
    age(data / "results")
    age(data / "work")
    age(data / "cache")
    assert names(sweep(services)) == {}
    assert all((data / os.fsdecode(name)).exists() for name in strange)


def test_no_link_leads_the_sweep_out(services: bootstrap.Services, tmp_path: Path) -> None:
    precious = fill(tmp_path / "precious", {"a/b": b"1"})
    data = services.settings.data_dir
    for place in (f"results/jobs/{NOBODY}/7", f"work/{NOBODY}/9", f"cache/{NOBODY}"):
        (data / place).mkdir(parents=True)
        (data / place / "link").symlink_to(precious)
        age(data / place)
    for name in ("cache", "work", "results/jobs"):
        (data / f"{name}/{uuid.UUID(int=5)}").symlink_to(precious)
    fill(precious, {"7/b": b"1"})
    age(precious)
    done = sweep(services)
    assert (len(done.orphans), done.troubles) == (3, [])
    assert (precious / "a/b").read_bytes() == (precious / "7/b").read_bytes() == b"1"
    assert not (data / f"results/jobs/{NOBODY}").exists()


def test_one_that_cannot_be_removed_is_told_and_stops_no_other(
    services: bootstrap.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = services.settings.data_dir
    fill(data, {f"cache/{NOBODY}/x": b"12", f"work/{NOBODY}/9/x": b"1", f"results/jobs/{NOBODY}/1/x": b"1"})
    for name in ("results", "work", "cache"):
        age(data / name)

    def refuse(prefix: str) -> None:
        raise errors.StorageError("the storage is read-only")

    with monkeypatch.context() as patch:
        patch.setattr(services.storage, "delete", refuse)
        done = sweep(services)
    assert [(one.name, one.message) for one in done.troubles] == [(f"jobs/{NOBODY}/", "the storage is read-only")]
    assert set(names(done)) == {f"cache/{NOBODY}", f"work/{NOBODY}/9"}
    assert set(names(sweep(services))) == {f"jobs/{NOBODY}/"}


def test_a_storage_that_does_not_answer_leaves_the_rest_to_be_swept(
    services: bootstrap.Services, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(days_ago=9)
    data = services.settings.data_dir
    fill(data, {f"cache/{NOBODY}/x": b"12"})
    age(data / "cache")

    def away(*_: object) -> Iterator[object]:
        raise errors.StorageError("it does not answer")

    for name in ("list", "entries", "unfinished", "delete"):
        monkeypatch.setattr(services.storage, name, away)
    done = sweep(services, keep_days=1)
    assert len(done.jobs) == 1
    assert names(done) == {f"cache/{NOBODY}": ("cache", 2)}
    assert {one.message for one in done.troubles} == {"it does not answer"}


def test_what_vanishes_meanwhile_is_no_trouble(services: bootstrap.Services, monkeypatch: pytest.MonkeyPatch) -> None:
    data = services.settings.data_dir
    fill(data, {f"cache/{NOBODY}/x": b"12", f"work/{NOBODY}/9/x": b"1", f"results/jobs/{NOBODY}/1/x": b"1"})
    for name in ("results", "work", "cache"):
        age(data / name)
    first, second = retention(services), retention(services)
    remove = first._remove

    def others_are_faster(*given: object) -> bool:
        second.sweep()
        return remove(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(first, "_remove", others_are_faster)
    assert first.sweep().troubles == []
    assert not list(data.rglob(f"*{NOBODY}*"))


def test_another_databases_results_are_left_alone_until_its_mark_is_removed(
    services: bootstrap.Services, settings: settings_module.Settings
) -> None:
    fill(results(services), {f"jobs/{NOBODY}/1/x": b"1234"})
    age(results(services))
    with services.database.transaction() as session:
        own = retention_rows.database_id(session)
        session.execute("UPDATE retention SET database_id = gen_random_uuid()")
    for _ in range(2):
        done = sweep(services)
        assert names(done) == {}
        assert done.foreign is not None
        assert f"owners/{own}" in done.foreign
    assert services.storage.list("jobs/") == [f"jobs/{NOBODY}/1/x"]
    services.storage.delete(f"owners/{own}")
    done = sweep(services)
    assert (set(names(done)), done.foreign) == ({f"jobs/{NOBODY}/"}, None)


def test_a_second_database_without_orphans_is_not_complained_about(services: bootstrap.Services) -> None:
    with services.database.transaction() as session:
        session.execute("UPDATE retention SET database_id = gen_random_uuid()")
    assert sweep(services).foreign is None


def test_results_from_before_there_were_marks_are_ours_if_we_know_one_of_them(
    services: bootstrap.Services, finish: Finish
) -> None:
    known = finish()
    fill(results(services), {f"jobs/{NOBODY}/1/x": b"1234"})
    age(results(services))
    services.storage.delete("owners/")
    assert set(names(foresee(services))) == {f"jobs/{NOBODY}/"}
    assert set(names(sweep(services))) == {f"jobs/{NOBODY}/"}
    assert len(services.storage.list("owners/")) == 1
    assert folder(services.settings, known).exists()


def test_a_new_database_takes_nothing_of_what_it_does_not_know_also_not_after_its_first_job(
    services: bootstrap.Services, tree: TreeBuilder
) -> None:
    fill(results(services), {f"jobs/{NOBODY}/1/x": b"1234"})
    age(results(services))
    services.storage.delete("owners/")
    assert foresee(services).foreign is not None
    request: JobRequest = one_job(operation="inventory", source=Source.of_path(tree({"a": b"1"})))
    services.start_worker()
    job_id: UUID = services.jobs.submit(request)[0].id
    assert services.jobs.wait(job_id, 30).status == Status.COMPLETED
    done = sweep(services)
    assert (names(done), done.foreign is not None) == ({}, True)
    assert f"jobs/{NOBODY}/1/x" in services.storage.list("jobs/")


def test_kinds_are_those_that_the_faces_have_words_for() -> None:
    from pages.components import retention as page
    from services.cli import clean

    assert set(page._KINDS) == set(OrphanKind)
    assert set(clean._KINDS) == {kind.value for kind in OrphanKind}
    assert set(clean._REASONS) == {reason.value for reason in page._REASONS}
