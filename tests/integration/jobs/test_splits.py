"""A job that several workers share, split by split: the same result, whoever does what and whoever dies."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.db import job_rows, registry, splits
from services.db.job_rows import Hold
from services.models import results
from services.models.jobs import JobRequest, JobView, OperationRequest, Source, Status
from services.workers.worker import Worker
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.integration.jobs.conftest import Spawn, statuses
from tests.integration.storage.conftest import Proxy
from tests.rows import change

FILES = 400
# The lease is the default: nothing here waits for its end, and a busy machine may let a test wait for seconds inside a
# transaction, which the server ends after one lease.
SMALL = {"PRAVAH_SPLIT_FILES": "16", "PRAVAH_SPLIT_BYTES": "20000000", "PRAVAH_HEARTBEAT_SECONDS": "0.3"}
OPERATIONS = ("checksum", "text_statistics")


@pytest.fixture
def settings(settings: settings_module.Settings) -> settings_module.Settings:
    small = {"split_files": 16, "split_bytes": 20_000_000, "heartbeat_seconds": 0.3}
    return settings.model_copy(update=small)


@pytest.fixture
def source(tree: TreeBuilder) -> Path:
    files = {f"{number % 7}/{number % 3}/{number}\n": b"line\n" * number for number in range(FILES)}
    return tree(files | {b"\xff": b"not text", "empty": b""})


@pytest.fixture
def wanted(source: Path) -> JobRequest:
    return JobRequest(
        operations=tuple(OperationRequest(operation=name) for name in OPERATIONS), source=Source.of_path(source)
    )


@pytest.fixture
def large(tree: TreeBuilder) -> JobRequest:
    """Return a job whose splits each take a good while: 12 files of 20 MB, digested slowly."""
    source = tree({f"{number}": bytes([number]) * 20_000_000 for number in range(12)}, name="large")
    options = {"algorithms": ["md5", "sha1", "sha256", "blake3"]}
    return one_job(operation="checksum", source=Source.of_path(source), options=options)


@pytest.fixture
def idle(settings: settings_module.Settings) -> Iterator[bootstrap.Services]:
    """Return services without a worker, while another one, which does nothing, is known to be there."""
    with bootstrap.open_services(settings) as opened:
        _announce_somebody(opened)
        yield opened


def _announce_somebody(services: bootstrap.Services) -> None:
    with services.database.transaction() as session:
        # As if from the future: it is heard of during the whole test.
        session.execute("INSERT INTO workers VALUES (gen_random_uuid(), clock_timestamp() + interval '1 hour')")


def _workers(services: bootstrap.Services) -> int:
    with services.database.transaction() as session:
        return registry.count(session, services.settings.lease_seconds)


def _rows(services: bootstrap.Services, job: JobView, table: str) -> list[dict[str, object]]:
    return services.results.query(job.id, table, results.ResultQuery(limit=1000, sort=("path",))).rows


def _summary(job: JobView, operation: str) -> dict[str, object]:
    return {k: v for k, v in job.result(operation)["summary"].items() if k != "bytes_per_second"}


def _is_same(services: bootstrap.Services, one: JobView, other: JobView) -> None:
    assert one.status == other.status == Status.COMPLETED, (one.error, other.error)
    for name in one.request.names:
        rows = _rows(services, one, f"{name}.result")
        assert rows
        assert rows == _rows(services, other, f"{name}.result")
        assert _summary(one, name) == _summary(other, name)
    manifests = [
        sorted(b"".join(services.artifacts.open(job.id, "checksum/manifest.b3").chunks).splitlines())
        for job in (one, other)
    ]
    assert manifests[0] == manifests[1]
    # A name that is not text is an issue where a manifest would need it.
    assert one.issues_count == other.issues_count
    assert len(manifests[0]) + one.issues_count == _summary(one, "checksum")["files"]


def _alone(settings: settings_module.Settings, request: JobRequest) -> JobView:
    """Run a job in one go: a split would take all of it."""
    whole = {"split_files": 1_000_000, "split_bytes": 1 << 40}
    with bootstrap.open_services(settings.model_copy(update=whole)) as services:
        view = services.jobs.submit(request)[0]
        services.start_worker(only=view.id)
        return services.jobs.wait(view.id, 60)


def _split_rows(services: bootstrap.Services) -> list[Any]:
    with services.database.transaction() as session:
        return session.rows("SELECT * FROM splits ORDER BY number")


def _states(services: bootstrap.Services) -> set[str]:
    return {row.state for row in _split_rows(services)}


def _claim_split(services: bootstrap.Services) -> splits.SplitClaim | None:
    with services.database.transaction() as session:
        return splits.claim(session, services.settings.lease_seconds)


def _nothing_is_left(services: bootstrap.Services, view: JobView) -> None:
    """Wait until of a job's splits neither rows nor files are there."""
    with services.database.transaction() as session:
        token = job_rows.get_row(session, view.id).fencing_token

    def is_clean() -> bool:
        keys = services.storage.list(f"jobs/{view.id}/")
        tokens = {key.split("/")[2] for key in keys}
        is_ours = tokens <= ({str(token)} if view.status == Status.COMPLETED else set())
        work = services.settings.work_dir / str(view.id)
        return (
            _split_rows(services) == [] and is_ours and not any("splits" in key for key in keys) and not work.exists()
        )

    wait_until(is_clean, "what the splits stored is removed")


def test_a_job_is_shared_with_another_worker_and_its_result_is_that_of_one(
    settings: settings_module.Settings, wanted: JobRequest, spawn: Spawn
) -> None:
    alone = _alone(settings, wanted)
    spawn(**SMALL)
    with bootstrap.open_services(settings) as services:
        services.start_worker()
        wait_until(lambda: _workers(services) == 2, "both are announced")
        stages: set[str] = set()
        view = services.jobs.submit(wanted)[0]

        def is_done() -> bool:
            job = services.jobs.get(view.id)
            stages.add(job.progress.stage if job.progress else "")
            return job.status in {Status.COMPLETED, Status.FAILED}

        wait_until(is_done, "the job is done", 60)
        shared = services.jobs.get(view.id)
        _is_same(services, shared, alone)
        assert statuses(shared) == ["PENDING", "RUNNING", "COMPLETED"]
        assert _summary(shared, "checksum")["reused_files"] == 0, "what a split found, this job computed"
        assert any("splits done" in stage for stage in stages), stages
        _nothing_is_left(services, shared)
        again = services.jobs.wait(services.jobs.rerun(view.id).id, 60)
        assert _summary(again, "checksum")["reused_files"] == FILES + 2, "a shared result is a baseline like any other"


def test_one_large_file_is_shared_range_by_range(
    settings: settings_module.Settings, tree: TreeBuilder, spawn: Spawn
) -> None:
    root = tree({"small": b"some text"}, name="one")
    with (root / "large").open("wb") as file:
        file.truncate(20 * (64 << 20) + 5)  # 21 of the engine's parts
        file.write(b"at the start")
    wanted = one_job(operation="checksum", source=Source.of_path(root))
    alone = _alone(settings, wanted)
    spawn(**SMALL)
    with bootstrap.open_services(settings) as services:
        services.start_worker()
        wait_until(lambda: _workers(services) == 2, "both are announced")
        view = services.jobs.submit(wanted)[0]
        seen: dict[int, Any] = {}

        def is_done() -> bool:
            seen.update({row.number: row for row in _split_rows(services)})
            return services.jobs.get(view.id).status in {Status.COMPLETED, Status.FAILED}

        wait_until(is_done, "the job is done", 60)
        shared = services.jobs.get(view.id)
        _is_same(services, shared, alone)
        assert len(seen) > 10
        assert sum(row.files for row in seen.values()) == 2, "a file of many ranges is one file"
        assert sum(row.bytes for row in seen.values()) == _summary(alone, "checksum")["bytes"]
        assert _summary(shared, "checksum")["reused_files"] == 0
        _nothing_is_left(services, shared)
        # The digest of a shared file is a baseline like any other.
        again = services.jobs.wait(services.jobs.rerun(view.id).id, 60)
        assert _summary(again, "checksum")["reused_files"] == 2


def test_a_job_on_a_prefix_is_shared_as_one_on_a_directory_is(
    settings: settings_module.Settings, spawn: Spawn, s3_server: str, s3_bucket: str
) -> None:
    client = boto3.client("s3", endpoint_url=s3_server)
    for number in range(90):
        client.put_object(Bucket=s3_bucket, Key=f"p/{number % 4}/{number}", Body=b"line\n" * number)
    config = settings.model_copy(update={"s3_endpoint_url": s3_server})
    names = tuple(OperationRequest(operation=name) for name in OPERATIONS)
    wanted = JobRequest(operations=names, source=Source(s3_uri=f"s3://{s3_bucket}/p"))
    alone = _alone(config, wanted)
    proxy, both = Proxy(s3_server), threading.Event()

    def hold(method: str, path: str) -> None:
        # No object is had before each worker has a split.
        if method == "GET" and "/p/" in path.partition("?")[0]:
            both.wait(60)

    proxy.fail = hold
    spawn(**SMALL, PRAVAH_S3_ENDPOINT_URL=proxy.endpoint)
    with bootstrap.open_services(config.model_copy(update={"s3_endpoint_url": proxy.endpoint})) as services:
        services.start_worker()
        wait_until(lambda: _workers(services) == 2, "both are announced")
        view = services.jobs.submit(wanted)[0]
        wait_until(lambda: len({row.worker for row in _split_rows(services) if row.worker}) == 2, "both are at it", 60)
        both.set()
        shared = services.jobs.wait(view.id, 60)
        _is_same(services, shared, alone)
        assert _summary(shared, "checksum")["reused_files"] == 0, "what a split found, this job computed"
        _nothing_is_left(services, shared)
    proxy.server.shutdown()
    proxy.server.server_close()


def test_what_needs_all_files_at_once_or_is_too_small_is_not_shared(
    idle: bootstrap.Services, wanted: JobRequest, tree: TreeBuilder
) -> None:
    idle.start_worker()
    small = Source.of_path(tree({"a": b"a", "b": b"b"}, name="small"))
    for request in (
        one_job(operation="inventory", source=wanted.source),
        one_job(operation="duplicates", source=wanted.source),
        one_job(operation="checksum", source=small),
    ):
        done = idle.jobs.wait(idle.jobs.submit(request)[0].id, 60)
        assert done.status == Status.COMPLETED
        assert done.progress is not None
        assert (done.progress.stage, done.progress.stage_index + 1) == ("write", done.progress.stage_count)
        _nothing_is_left(idle, done)


def test_a_worker_that_dies_gives_its_splits_back(
    settings: settings_module.Settings, large: JobRequest, spawn: Spawn, idle: bootstrap.Services
) -> None:
    alone = _alone(settings, large)
    other = spawn(**SMALL)
    view = idle.jobs.submit(large)[0]
    wait_until(lambda: "TAKEN" in _states(idle) and "DONE" in _states(idle), "the other is at it", 60)
    # It does nothing more from here on: on a busy machine it might finish the job before the next worker has opened.
    other.send_signal(signal.SIGSTOP)
    assert idle.jobs.get(view.id).status == Status.RUNNING, "the job is larger than what was done by then"
    with bootstrap.open_services(settings) as services:
        # The job stays with the one that has it; this one takes splits only.
        services.start_worker()
        other.send_signal(signal.SIGKILL)
        other.wait()
        done = services.jobs.wait(view.id, 60)
        _is_same(services, done, alone)
        assert "INTERRUPTED" in statuses(done), "its own worker was the one that died"
        assert _summary(done, "checksum")["reused_files"] == 0
        _nothing_is_left(services, done)


def test_an_attempt_goes_on_with_the_splits_that_are_done(
    settings: settings_module.Settings, large: JobRequest, idle: bootstrap.Services
) -> None:
    alone = _alone(settings, large)
    view = idle.jobs.submit(large)[0]
    with bootstrap.open_services(settings) as services:
        services.start_worker()
        wait_until(lambda: "DONE" in _states(idle), "a split is done", 60)
        idle.jobs.pause(view.id)
        wait_until(lambda: idle.jobs.get(view.id).status == Status.PAUSED, "it is paused")
    rows = _split_rows(idle)
    done = {row.number: row.fencing_token for row in rows if row.state == "DONE"}
    assert 0 < len(done) < len(rows)
    assert {row.state for row in rows} == {"DONE", "WAITING"}
    sweep = idle.retention.sweep()
    assert sweep.orphans == [], "what a paused job's splits stored is needed"
    idle.jobs.resume(view.id)
    with bootstrap.open_services(settings) as services:
        services.start_worker()
        wait_until(lambda: services.jobs.get(view.id).status == Status.RUNNING, "it runs again")
        after = services.jobs.wait(view.id, 60)
        _is_same(services, after, alone)
        _nothing_is_left(services, after)


def test_a_worker_that_lost_its_split_can_write_nothing_of_it(idle: bootstrap.Services, wanted: JobRequest) -> None:
    view = idle.jobs.submit(wanted)[0]
    with idle.database.transaction() as session:
        row = job_rows.claim(session, 10, 60)
        assert row is not None
        splits.add(session, view.id, row.fencing_token or 0, [{"files": 1, "bytes": 1}, {"files": 2, "bytes": 2}])
    stale, second = _claim_split(idle), _claim_split(idle)
    assert stale is not None
    assert second is not None
    assert (stale.number, second.number, _claim_split(idle)) == (0, 1, None)
    with idle.database.transaction() as session:
        ended = "UPDATE splits SET lease_expires_at = clock_timestamp() - interval '1 second' WHERE number = 0"
        session.execute(ended)
    fresh = _claim_split(idle)
    assert fresh is not None
    assert fresh.number == 0
    assert fresh.token > stale.token
    with idle.database.transaction() as session:
        assert not splits.extend(session, stale, 60, files_done=9)
        assert splits.finish(session, stale, ["checksum/result/part-00000.parquet"]) is False
        splits.give_back(session, stale, failed=True)
        assert splits.extend(session, fresh, 60, files_done=1)
    rows = _split_rows(idle)
    assert [(row.state, row.files_done, row.shards) for row in rows] == [("TAKEN", 1, []), ("TAKEN", 0, [])]
    idle.jobs.cancel(view.id)
    with idle.database.transaction() as session:
        assert splits.look(session, fresh) is Hold.STOP
        assert splits.claim(session, 60) is None, "nobody begins a split of a job that is to end"
        splits.give_back(session, fresh, failed=False)
    assert [row.tries for row in _split_rows(idle)] == [1, 1], "a split that was given back did not fail"


def test_a_split_that_fails_again_and_again_is_done_by_the_job_itself(
    settings: settings_module.Settings, wanted: JobRequest, idle: bootstrap.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = _alone(settings, wanted)
    broken = idle.storage.open
    tries: list[str] = []

    def refuse(key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if key.endswith("splits/00001.list"):
            tries.append(key)
            return broken("jobs/nowhere")
        return broken(key, start, end)

    monkeypatch.setattr(idle.storage, "open", refuse)
    idle.start_worker()
    view = idle.jobs.wait(idle.jobs.submit(wanted)[0].id, 60)
    assert len(tries) == splits.MOST_TRIES
    _is_same(idle, view, alone)
    _nothing_is_left(idle, view)


def test_a_shared_job_that_is_cancelled_ends_at_once_everywhere(
    settings: settings_module.Settings, large: JobRequest, spawn: Spawn, idle: bootstrap.Services
) -> None:
    spawn(**SMALL)
    with bootstrap.open_services(settings) as services:
        services.start_worker()
        view = services.jobs.submit(large)[0]
        wait_until(lambda: len({row.worker for row in _split_rows(idle) if row.worker}) == 2, "both are at it", 60)
        services.jobs.cancel(view.id)
        done = services.jobs.wait(view.id, 20)
        assert done.status == Status.CANCELLED
        _nothing_is_left(services, done)


def test_a_split_of_a_job_that_this_version_does_not_understand_is_left_to_others(
    idle: bootstrap.Services, wanted: JobRequest
) -> None:
    newer, own = (idle.jobs.submit(wanted)[0] for _ in range(2))
    with idle.database.transaction() as session:
        for _ in range(2):
            row = job_rows.claim(session, 10, 60)
            assert row is not None
            splits.add(session, row.id, row.fencing_token or 0, [{"files": 1, "bytes": 1}])
        change(session, "jobs", newer.id, request={**newer.request.model_dump(mode="json"), "made_up": True})
    parts = (idle.database, idle.jobs, idle.sources, idle.storage, idle.artifacts, idle.settings)
    split_worker = Worker(*parts)._split_worker
    claimed = split_worker._claim(None)
    assert claimed is not None
    assert claimed.job_id == own.id
    assert not split_worker.is_wanted()
    assert {row.job_id: (row.state, row.tries) for row in _split_rows(idle)} == {
        newer.id: ("WAITING", 0),
        own.id: ("TAKEN", 1),
    }
