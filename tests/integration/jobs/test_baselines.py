"""A job that is run again reads only what changed; an attempt goes on from what the one before has made."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.db import recovery
from services.models import results
from services.models.jobs import JobRequest, JobView, OperationRequest, Source, Status
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.jobs.conftest import claim


@pytest.fixture
def source(tree: TreeBuilder) -> Path:
    return tree({f"{number % 5}/{number}": b"x" * number for number in range(200)} | {b"\xff": b"not text"})


def _run(services: bootstrap.Services, request: JobRequest) -> JobView:
    view = services.jobs.wait(services.jobs.submit(request)[0].id, 60)
    assert view.status == Status.COMPLETED, view.error
    return view


def _again(services: bootstrap.Services, job: JobView, *, fresh: bool = False) -> JobView:
    view = services.jobs.wait(services.jobs.rerun(job.id, from_scratch=fresh).id, 60)
    assert view.status == Status.COMPLETED, view.error
    return view


def _summary(job: JobView) -> dict[str, int]:
    summary = job.result("checksum")["summary"]
    return {name: summary[name] for name in ("files", "reused_files", "reused_bytes")}


def _rows(services: bootstrap.Services, job: JobView) -> list[dict[str, object]]:
    query = results.ResultQuery(limit=1000, sort=("path",))
    return services.results.query(job.id, "checksum.result", query).rows


def test_run_again_reads_only_what_changed(running: bootstrap.Services, source: Path) -> None:
    first = _run(running, one_job(operation="checksum", source=Source.of_path(source)))
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    assert _summary(first) == {"files": 201, "reused_files": 0, "reused_bytes": 0}
    second = _again(running, first)
    assert second.baseline == first.id
    assert _summary(second) == {"files": 201, "reused_files": 201, "reused_bytes": size}
    assert _rows(running, second) == _rows(running, first)
    (source / "1" / "1").write_bytes(b"y")
    (source / "new").write_bytes(b"new")
    (source / "0" / "100").unlink()
    # The baseline of the third is the second, whose own rows were taken over.
    third = _again(running, second)
    assert (_summary(third)["files"], _summary(third)["reused_files"]) == (201, 199)
    fresh = _again(running, third, fresh=True)
    assert fresh.baseline is None
    assert _summary(fresh)["reused_files"] == 0
    assert _rows(running, fresh) == _rows(running, third)


def test_a_baseline_is_not_deleted_while_a_job_needs_it(settings: settings_module.Settings, source: Path) -> None:
    request = one_job(operation="checksum", source=Source.of_path(source))
    with bootstrap.open_services(settings) as services:
        services.start_worker()
        first = _run(services, request)
    with bootstrap.open_services(settings) as others:
        view = others.jobs.rerun(first.id)
        with pytest.raises(errors.JobConflictError, match="needs the result"):
            others.jobs.delete(first.id)
        others.jobs.cancel(view.id)
        others.jobs.delete(first.id)
        with pytest.raises(errors.InvalidOptionsError, match="the job does not exist"):
            others.jobs.submit(request.model_copy(update={"baseline": first.id}))


def test_what_is_no_baseline_is_refused(running: bootstrap.Services, source: Path, tree: TreeBuilder) -> None:
    request = one_job(operation="checksum", source=Source.of_path(source))
    first = _run(running, request)
    elsewhere = _run(running, one_job(operation="checksum", source=Source.of_path(tree({"a": b"a"}, name="other"))))
    inventory = _run(running, one_job(operation="inventory", source=Source.of_path(source)))
    for job_id, words in (
        (uuid.uuid4(), "the job does not exist"),
        (elsewhere.id, "it has a different source"),
        (inventory.id, "it has the operations inventory"),
    ):
        with pytest.raises(errors.InvalidOptionsError, match=words) as found:
            running.jobs.submit(request.model_copy(update={"baseline": job_id}))
        assert found.value.details["field"] == "baseline"
    # Other options may make it useless, not wrong.
    options = {"algorithms": ["md5"]}
    other = request.model_copy(
        update={"baseline": first.id, "operations": (OperationRequest(operation="checksum", options=options),)}
    )
    assert _summary(_run(running, other))["reused_files"] == 0


def test_an_attempt_goes_on_from_the_shards_of_the_one_that_died(
    settings: settings_module.Settings, source: Path
) -> None:
    request = one_job(operation="checksum", source=Source.of_path(source))
    with bootstrap.open_services(settings) as services:
        services.start_worker()
        whole = _run(services, request)
    with bootstrap.open_services(settings) as others:
        view = others.jobs.submit(request)[0]
        held = claim(others)
        assert held is not None
        # Half of the result as an attempt leaves it that dies: whole under its name, the next shard under none.
        folder = others.settings.work_dir / str(view.id) / "1" / "out" / "checksum" / "result"
        folder.mkdir(parents=True)
        names = [artifact.name for artifact in others.artifacts.list(whole.id) if "/result/" in artifact.name]
        paths = [others.artifacts.local_path(whole.id, name) for name in names]
        table = pa.concat_tables([pq.read_table(path) for path in paths if path is not None])
        assert table.num_rows == 201
        pq.write_table(table.slice(0, 120), folder / "part-00000.parquet")
        shutil.copy(folder / "part-00000.parquet", folder / ".part-00001.parquet.tmp")
        os.truncate(folder / ".part-00001.parquet.tmp", 100)
        with others.database.transaction() as session:
            recovery.interrupt(session, view.id, "it died", died=True)
        others.start_worker()
        done = others.jobs.wait(view.id, 60)
        assert (done.status, done.attempt) == (Status.COMPLETED, 2)
        assert (_summary(done)["files"], _summary(done)["reused_files"]) == (201, 120)
        assert _rows(others, done) == _rows(others, whole)
        assert not folder.exists()


_KEPT = {
    "search": ({"patterns": ["row 1", "^x+$"]}, "search.result", ("path", "line", "column_start")),
    "duplicates": ({}, "duplicates.result", ("path",)),
    "profile": ({}, "profile.by_file", ("path", "position")),
    "validate": ({}, "validate.result", ("path",)),
}


@pytest.fixture
def records(tree: TreeBuilder) -> Path:
    rows = {f"{number % 5}/{number}.csv": _records(number) for number in range(60)}
    return tree(rows | {"copy.csv": _records(1), "x": b"xxx\n", "b": b"\0row 1"}, name="records")


def _records(number: int) -> bytes:
    return b"id,name\n" + b"".join(b"%d,row %d\n" % (row % 9, row % number if number else 0) for row in range(200))


@pytest.mark.parametrize("operation", _KEPT)
def test_what_is_kept_beside_the_result_is_taken_over_too(
    running: bootstrap.Services, records: Path, operation: str
) -> None:
    options, table, order = _KEPT[operation]
    first = _run(running, one_job(operation=operation, options=options, source=Source.of_path(records)))

    def rows(job: JobView) -> list[dict[str, object]]:
        return running.results.query(job.id, table, results.ResultQuery(limit=1000, sort=order)).rows

    def summary(job: JobView) -> dict[str, object]:
        told = dict(job.result(operation)["summary"])
        return {name: told[name] for name in told.keys() - {"bytes_per_second", "reused_files", "reused_bytes"}}

    second = _again(running, first)
    reused = second.result(operation)["summary"]["reused_files"]
    assert reused > 0
    assert (rows(second), summary(second)) == (rows(first), summary(first))
    (records / "1" / "1.csv").write_bytes(_records(7))
    (records / "new.csv").write_bytes(_records(8))
    (records / "0" / "20.csv").unlink()
    third = _again(running, second)
    assert 0 < third.result(operation)["summary"]["reused_files"] < reused
    fresh = _again(running, third, fresh=True)
    assert fresh.result(operation)["summary"]["reused_files"] == 0
    assert (rows(third), summary(third)) == (rows(fresh), summary(fresh))


def _copy(services: bootstrap.Services, job: JobView, kept: tuple[str, ...], out: Path) -> None:
    names = [one.name for one in services.artifacts.list(job.id) if one.name.startswith(kept)]
    assert names
    for name in names:
        stored = services.artifacts.local_path(job.id, name)
        assert stored is not None
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(stored, out / name)


def test_an_attempt_of_several_tables_goes_on(settings: settings_module.Settings, records: Path) -> None:
    request = one_job(operation="search", options=_KEPT["search"][0], source=Source.of_path(records))
    with bootstrap.open_services(settings) as services:
        services.start_worker()
        whole = _run(services, request)
    with bootstrap.open_services(settings) as others:
        view = others.jobs.submit(request)[0]
        assert claim(others) is not None
        # All files are told to be searched, and one shard has lines: of its files alone the lines are all there.
        out = others.settings.work_dir / str(view.id) / "1" / "out"
        kept = ("search/result/", "search/searched/")
        _copy(others, whole, kept, out)
        lines = sorted((out / "search" / "result").glob("*.parquet"))
        table = pq.read_table(lines[0])
        pq.write_table(table.slice(0, table.num_rows // 2), lines[0])
        with others.database.transaction() as session:
            recovery.interrupt(session, view.id, "it died", died=True)
        others.start_worker()
        done = others.jobs.wait(view.id, 60)
        assert (done.status, done.attempt) == (Status.COMPLETED, 2)
        told, wanted = (job.result("search")["summary"] for job in (done, whole))
        assert 0 < told["reused_files"] < wanted["files"]
        assert told["matches"] == wanted["matches"]
        query = results.ResultQuery(limit=1000, sort=("path", "line", "column_start"))
        found, expected = (others.results.query(job.id, "search.result", query).rows for job in (done, whole))
        assert found == expected


@pytest.mark.parametrize("operation", ["verify", "compress", "convert"])
def test_an_attempt_goes_on_where_a_later_job_begins_anew(
    settings: settings_module.Settings, records: Path, tmp_path: Path, operation: str
) -> None:
    (tmp_path / "SHA256SUMS").write_bytes(hashlib.sha256(b"xxx\n").hexdigest().encode() + b"  x\n")
    destination = tmp_path / "packed"
    options = {"verify": {"manifest": str(tmp_path / "SHA256SUMS")}}
    options |= {name: {"destination": str(destination)} for name in ("compress", "convert")}
    request = one_job(operation=operation, options=options[operation], source=Source.of_path(records))
    files = sum(path.is_file() for path in records.rglob("*.csv" if operation == "convert" else "*"))
    with bootstrap.open_services(settings) as services:
        services.start_worker()
        whole = _run(services, request)
        if operation == "verify":
            again = _again(services, whole)
            assert (again.baseline, again.result(operation)["summary"]["reused_files"]) == (whole.id, 0)
    marker = destination / ".pravah-unfinished"
    if operation != "verify":
        # As it stands until the job is recorded as complete.
        marker.touch()
    with bootstrap.open_services(settings) as others:
        view = others.jobs.submit(request)[0]
        assert claim(others) is not None
        out = others.settings.work_dir / str(view.id) / "1" / "out"
        _copy(others, whole, (f"{operation}/digests/", f"{operation}/made/"), out)
        if marker.exists():
            marker.write_text(str(view.id))
        with others.database.transaction() as session:
            recovery.interrupt(session, view.id, "it died", died=True)
        others.start_worker()
        done = others.jobs.wait(view.id, 60)
        assert (done.status, done.attempt) == (Status.COMPLETED, 2), done.error
        told, wanted = (dict(job.result(operation)["summary"]) for job in (done, whole))
        assert (told.pop("reused_files"), wanted.pop("reused_files")) == (files, 0)
        assert {name: told[name] for name in told.keys() - {"reused_bytes"}} == {
            name: wanted[name] for name in wanted.keys() - {"reused_bytes"}
        }
        assert not marker.exists()
