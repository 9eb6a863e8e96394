"""Whole jobs with their results in S3, and with an S3 prefix as their source."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import sqlalchemy as sa

from services import bootstrap, errors, results, s3_source
from services import settings as settings_module
from services.db.tables import JobRow
from services.jobs.models import JobRequest, JobView, OperationRequest, Source, Status
from services.results import ResultQuery
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.integration.storage.conftest import Proxy

KEYS = ("AKTESTIDENTIFIER", "TestSecretKey")


@pytest.fixture
def s3(s3_server: str, s3_bucket: str) -> Any:
    """Return a plain client."""
    return boto3.client("s3", endpoint_url=s3_server)


@pytest.fixture
def config(
    settings: settings_module.Settings, s3_server: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> settings_module.Settings:
    """Return settings with results in S3; credentials that can be found again wherever they leak."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    change = {"storage": f"s3://{s3_bucket}/results", "s3_endpoint_url": s3_server}
    return settings.model_copy(update=change)


@pytest.fixture
def opened(config: settings_module.Settings) -> Iterator[bootstrap.Services]:
    """Yield services with a runner."""
    with bootstrap.open_services(config) as services:
        services.start_runner()
        yield services


def keys(s3: Any, bucket: str) -> set[str]:
    """Return the keys of all results; the database's mark is none."""
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {entry["Key"] for entry in listed if not entry["Key"].startswith("results/owners/")}


def run(services: bootstrap.Services, source: Source, operation: str = "checksum", **more: Any) -> JobView:
    """Run a job to its end."""
    view = services.jobs.submit(one_job(operation=operation, source=source, **more))[0]
    return services.jobs.wait(view.id, 60)


def test_a_whole_job_with_its_results_in_s3(
    opened: bootstrap.Services, tree: TreeBuilder, s3: Any, s3_bucket: str
) -> None:
    source = Source.of_path(tree({"a.txt": b"hello", b"odd-\xff\n": b"x", "b/c": b"y" * 1000}))
    done = run(opened, source, options={"algorithms": ["sha256"]})
    assert done.status == Status.COMPLETED, done.error
    stored = keys(s3, s3_bucket)
    artifacts = opened.artifacts.list(done.id)
    assert len(stored) == len(artifacts)
    assert all(key.startswith(f"results/jobs/{done.id}/") for key in stored)
    assert list((opened.settings.data_dir / "results").iterdir()) == []
    manifest = b"".join(opened.artifacts.open(done.id, "checksum/manifest.sha256").chunks)
    assert manifest.count(b"\n") == 3
    assert b"".join(opened.artifacts.open(done.id, "checksum/manifest.sha256", 3, 9).chunks) == manifest[3:9]
    outcome = json.loads(b"".join(opened.artifacts.open(done.id, "outcome.json").chunks))
    assert outcome["results"][0]["summary"] == (done.outcome or {})["results"][0]["summary"]
    page = opened.results.query(done.id, "checksum.result", ResultQuery(sort=("path",)))
    assert page.total_rows == 3
    assert [row["path"] for row in page.rows] == ["a.txt", "b/c", "odd-\\xff\\n"]
    assert b"".join(opened.results.export(done.id, "checksum.result", "csv")).count(b"\r\n") == 4
    opened.jobs.delete(done.id)
    assert keys(s3, s3_bucket) == set()


def test_a_verify_takes_a_result_that_is_in_s3(opened: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"1", "b": b"2"})
    first = run(opened, Source.of_path(root))
    (root / "b").write_bytes(b"3")
    second = run(opened, Source.of_path(root), "verify", options={"manifest": f"job:{first.id}"})
    assert second.status == Status.COMPLETED, second.error
    assert (second.outcome or {})["results"][0]["summary"]["verdict"] == "failed"
    assert (second.outcome or {})["results"][0]["summary"]["statuses"]["changed"] == 1


def test_several_operations_take_over_what_an_earlier_job_has_in_s3(
    opened: bootstrap.Services, tree: TreeBuilder
) -> None:
    asked = tuple(OperationRequest(operation=name) for name in ("checksum", "text_statistics"))
    source = Source.of_path(tree({"a": b"1\n", "b": b"2\n"}))
    first = opened.jobs.wait(opened.jobs.submit(JobRequest(operations=asked, source=source))[0].id, 60)
    again = opened.jobs.wait(opened.jobs.retry(first.id).id, 60)
    assert again.status == Status.COMPLETED, again.error
    assert [one["summary"]["reused_files"] for one in (again.outcome or {})["results"]] == [2, 2]


def test_copies_are_kept_evicted_and_fetched_again(config: settings_module.Settings, tree: TreeBuilder) -> None:
    with bootstrap.open_services(config.model_copy(update={"result_cache_bytes": 1, "shard_rows": 2})) as services:
        services.start_runner()
        source = Source.of_path(tree({f"file-{number}": b"x" for number in range(9)}))
        first, second = run(services, source), run(services, source)
        cache = services.settings.data_dir / "cache"
        for _ in range(3):
            for job in (first, second):
                page = services.results.query(job.id, "checksum.result", ResultQuery(sort=("-path",), limit=3))
                assert page.total_rows == 9
                assert [row["path"] for row in page.rows] == ["file-8", "file-7", "file-6"]
        copies = list(cache.rglob("*.parquet"))
        assert {path.relative_to(cache).parts[0] for path in copies} == {str(second.id)}
        services.jobs.delete(second.id)
        with pytest.raises(errors.JobNotFoundError):
            services.results.query(second.id, "checksum.result")
        assert not (cache / str(second.id)).exists()


def test_an_evicted_copy_is_fetched_once_for_many_readers(
    opened: bootstrap.Services, tree: TreeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = run(opened, Source.of_path(tree({"a": b"1"})))
    fetched: list[str] = []
    fetch = opened.results.cache._fetch
    monkeypatch.setattr(opened.results.cache, "_fetch", lambda *given: (fetched.append(given[1]), fetch(*given)))
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            assert opened.results.query(job.id, "checksum.result").total_rows == 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert "checksum/result/part-00000.parquet" in fetched
    assert len(fetched) == len(set(fetched))


def test_results_in_s3_are_compared_again_after_their_copies_are_gone(
    opened: bootstrap.Services, tree: TreeBuilder
) -> None:
    root = tree({"a": b"1", "b": b"2"})
    before = run(opened, Source.of_path(root))
    (root / "a").write_bytes(b"3")
    after = run(opened, Source.of_path(root))
    for _ in range(2):
        rows = opened.comparisons.query(after.id, "checksum", before.id).rows
        assert [(row["kind"], row["path"]) for row in rows] == [("changed", "a")]
        shutil.rmtree(opened.settings.data_dir / "cache")


def test_no_credential_is_in_a_row_a_file_or_a_message(
    opened: bootstrap.Services, tree: TreeBuilder, s3_bucket: str, capfd: pytest.CaptureFixture[str]
) -> None:
    good = run(opened, Source.of_path(tree({"a": b"1"})))
    bad = run(opened, Source(s3_uri=f"s3://{s3_bucket}-missing/x"))
    assert good.status == Status.COMPLETED
    assert bad.status == Status.FAILED
    assert bad.error is not None
    assert bad.error.code == "storage_unavailable"
    with opened.database.transaction() as session:
        rows = (
            session.execute(sa.select(sa.cast(sa.literal_column("jobs"), sa.Text)).select_from(JobRow)).scalars().all()
        )
    shown = json.dumps(settings_module.effective(opened.settings))
    told = "".join(rows) + repr([good, bad]) + str(opened.health()) + shown + "".join(capfd.readouterr())
    for path in opened.settings.data_dir.rglob("*"):
        if path.is_file():
            told += path.read_bytes().decode("latin-1")
    assert str(good.id) in told
    for key in KEYS:
        assert key not in told


def test_storage_that_fails_while_storing_fails_the_job_and_leaves_nothing(
    config: settings_module.Settings, proxy: Proxy, tree: TreeBuilder, s3: Any, s3_bucket: str
) -> None:
    proxy.fail = lambda method, path: 500 if method == "PUT" and "outcome.json" in path else None
    # A result waits for its storage for some leases.
    change = {"s3_endpoint_url": proxy.endpoint, "lease_seconds": 2, "heartbeat_seconds": 0.5}
    with bootstrap.open_services(config.model_copy(update=change)) as services:
        services.start_runner()
        done = run(services, Source.of_path(tree({"a": b"1"})))
    assert done.status == Status.FAILED
    assert done.error is not None
    assert done.error.code == "storage_unavailable"
    assert keys(s3, s3_bucket) == set()
    assert not list(config.work_dir.rglob("*"))


def fill(s3: Any, bucket: str, objects: dict[str, bytes]) -> None:
    """Put objects."""
    for key, content in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=content)


def paths_of(services: bootstrap.Services, view: JobView) -> dict[str, int]:
    """Return path → size of a job's files."""
    assert view.status == Status.COMPLETED, view.error
    query = ResultQuery(columns=("path", "size_bytes"), filters=(results.parse_filter("kind:eq:file"),))
    return {
        row["path"]: row["size_bytes"] for row in services.results.query(view.id, f"{view.names[0]}.result", query).rows
    }


def test_a_prefix_is_a_source(opened: bootstrap.Services, s3: Any, s3_bucket: str) -> None:
    fill(s3, s3_bucket, {"data/a.txt": b"hello", "data/sub/b": b"x" * 100, "data/empty": b"", "database/c": b"other"})
    for uri in (f"s3://{s3_bucket}/data", f"s3://{s3_bucket}/data/"):
        preview = opened.jobs.preview(one_job(operation="inventory", source=Source(s3_uri=uri)))
        assert (preview.files, preview.bytes, preview.complete) == (3, 105, True)
        assert preview.first_names == ["a.txt", "empty", "sub/b"]
        view = run(opened, Source(s3_uri=uri), "inventory")
        assert paths_of(opened, view) == {"a.txt": 5, "sub/b": 100, "empty": 0}
    assert not list(opened.settings.work_dir.rglob("*"))


def test_a_prefix_may_end_in_the_middle_of_a_name(opened: bootstrap.Services, s3: Any, s3_bucket: str) -> None:
    fill(s3, s3_bucket, {"logs/2024-01/a": b"1", "logs/2024-02/b": b"22", "logs/2025-01/c": b"333"})
    view = run(opened, Source(s3_uri=f"s3://{s3_bucket}/logs/2024-"), "inventory")
    assert paths_of(opened, view) == {"2024-01/a": 1, "2024-02/b": 2}


def test_a_whole_bucket_and_a_single_object_are_sources(opened: bootstrap.Services, s3: Any, s3_bucket: str) -> None:
    fill(s3, s3_bucket, {"x/one.txt": b"1", "y/two.txt": b"22"})
    view = run(opened, Source(s3_uri=f"s3://{s3_bucket}/x/one.txt"), "inventory")
    assert paths_of(opened, view) == {"one.txt": 1}
    preview = opened.jobs.preview(one_job(operation="inventory", source=Source(s3_uri=f"s3://{s3_bucket}")))
    assert preview.files >= 2


def test_files_keep_the_objects_time(opened: bootstrap.Services, s3: Any, s3_bucket: str) -> None:
    fill(s3, s3_bucket, {"t/a": b"1"})
    modified = s3.head_object(Bucket=s3_bucket, Key="t/a")["LastModified"]
    view = run(opened, Source(s3_uri=f"s3://{s3_bucket}/t/"), "inventory")
    row = opened.results.query(view.id, "inventory.result", ResultQuery(columns=("modified",))).rows[0]
    assert abs((datetime.fromisoformat(row["modified"]) - modified).total_seconds()) < 1


def test_keys_that_would_lead_elsewhere_stay_inside_and_distinct(
    tmp_path: Path,
) -> None:
    # SeaweedFS is a file system and takes no such key; Amazon's S3 does. The names are what is tested.
    keys = ["../../x", "/abs", "a", "a/b", "a//b", "a/./b", "a/../b", "..", ".", "a%", "\0", "ü" * 200, "x" * 1000]
    staged = tmp_path / "staged"
    staged.mkdir()
    made = [s3_source._reserve(staged, key) for key in keys]
    assert len({os.path.realpath(path) for path in made}) == len(keys)
    for path in made:
        assert path.is_file()
        assert Path(os.path.realpath(path)).is_relative_to(staged)
    assert [path.name for path in tmp_path.iterdir() if path.name in {"x", "abs"}] == []


def test_a_prefix_that_is_too_large_is_refused_before_it_is_copied(
    config: settings_module.Settings, s3: Any, s3_bucket: str
) -> None:
    fill(s3, s3_bucket, {f"big/{number}": b"x" * 1000 for number in range(20)})
    with bootstrap.open_services(config.model_copy(update={"s3_source_limit_bytes": 10_000})) as services:
        services.start_runner()
        done = run(services, Source(s3_uri=f"s3://{s3_bucket}/big/"))
    assert done.status == Status.FAILED
    assert done.error is not None
    assert done.error.code == "limit_exceeded"
    assert "PRAVAH_S3_SOURCE_LIMIT_BYTES" in done.error.remedy
    assert not list(config.work_dir.rglob("*"))


@pytest.mark.parametrize("uri", ["s3://{}/nothing/here/", "s3://{}/nothing"])
def test_an_empty_prefix_is_a_source_that_was_not_found(opened: bootstrap.Services, s3_bucket: str, uri: str) -> None:
    done = run(opened, Source(s3_uri=uri.format(s3_bucket)))
    assert done.status == Status.FAILED
    assert done.error is not None
    assert done.error.code == "source_not_found"


def test_staging_is_cancelled_at_once(config: settings_module.Settings, proxy: Proxy, s3: Any, s3_bucket: str) -> None:
    fill(s3, s3_bucket, {f"slow/{number:03d}": b"x" for number in range(40)})
    held = threading.Event()

    def hold(method: str, path: str) -> None:
        if method == "GET" and "/slow/" in path:
            held.wait(1)

    proxy.fail = hold
    with bootstrap.open_services(config.model_copy(update={"s3_endpoint_url": proxy.endpoint})) as services:
        services.start_runner()
        view = services.jobs.submit(one_job(operation="inventory", source=Source(s3_uri=f"s3://{s3_bucket}/slow/")))[0]
        wait_until(lambda: any("/slow/" in path for _, path in proxy.requests), "objects are fetched")
        services.jobs.cancel(view.id)
        done = services.jobs.wait(view.id, 10)
        held.set()
        assert done.status == Status.CANCELLED
        assert sum("/slow/" in path for _, path in proxy.requests) < 40
