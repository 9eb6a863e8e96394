"""Whole jobs with their results in S3."""

from __future__ import annotations

import json
import shutil
import threading
from typing import Any

import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.models.jobs import JobRequest, JobView, OperationRequest, Source, Status
from services.models.results import ResultQuery
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.storage.conftest import KEYS, Proxy


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
    again = opened.jobs.wait(opened.jobs.rerun(first.id).id, 60)
    assert again.status == Status.COMPLETED, again.error
    assert [one["summary"]["reused_files"] for one in (again.outcome or {})["results"]] == [2, 2]


def test_copies_are_kept_evicted_and_fetched_again(config: settings_module.Settings, tree: TreeBuilder) -> None:
    with bootstrap.open_services(config.model_copy(update={"result_cache_bytes": 1, "shard_rows": 2})) as services:
        services.start_worker()
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
    read = run(opened, Source(s3_uri=f"s3://{s3_bucket}/results/jobs"))
    assert (good.status, read.status) == (Status.COMPLETED, Status.COMPLETED)
    assert bad.status == Status.FAILED
    assert bad.error is not None
    assert bad.error.code == "source_not_found"
    with opened.database.transaction() as session:
        rows = session.scalars("SELECT jobs::text FROM jobs")
    shown = json.dumps(settings_module.effective(opened.settings))
    told = "".join(rows) + repr([good, bad, read]) + str(opened.health()) + shown + "".join(capfd.readouterr())
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
        services.start_worker()
        done = run(services, Source.of_path(tree({"a": b"1"})))
    assert done.status == Status.FAILED
    assert done.error is not None
    assert done.error.code == "storage_unavailable"
    assert keys(s3, s3_bucket) == set()
    assert not list(config.work_dir.rglob("*"))
