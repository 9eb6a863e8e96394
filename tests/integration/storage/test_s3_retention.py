"""The sweep over results in S3, on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.models.jobs import Source, Status
from services.use_cases.retention import RetentionService
from tests.asking import one_job
from tests.conftest import TreeBuilder, fill, wait_until
from tests.integration.storage.conftest import Proxy

NOBODY = "00000000-0000-4000-8000-00000000000a"


@pytest.fixture
def s3(s3_server: str, s3_bucket: str) -> Any:
    """Return a plain client."""
    return boto3.client("s3", endpoint_url=s3_server)


@pytest.fixture
def config(settings: settings_module.Settings, s3_server: str, s3_bucket: str) -> settings_module.Settings:
    """Return settings with results in S3."""
    change = {"storage": f"s3://{s3_bucket}/results", "s3_endpoint_url": s3_server}
    return settings.model_copy(update=change)


@pytest.fixture
def opened(config: settings_module.Settings) -> Iterator[bootstrap.Services]:
    """Yield services with a worker."""
    with bootstrap.open_services(config) as services:
        services.start_worker()
        yield services


def run(services: bootstrap.Services, source: Path) -> Any:
    request = one_job(operation="inventory", source=Source.of_path(source))
    done = services.jobs.wait(services.jobs.submit(request)[0].id, 60)
    assert done.status == Status.COMPLETED, done.error
    # The sweep of these tests thinks that a day has passed: what the worker is about to remove would be an orphan.
    wait_until(lambda: not (services.settings.work_dir / str(done.id)).exists(), "the job's work folder goes")
    return done.id


def limited(services: bootstrap.Services, **limits: Any) -> RetentionService:
    return RetentionService(services.database, services.storage, services.settings.model_copy(update=limits))


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sweep think that a day has passed: the times of objects cannot be set."""
    moment = time.time() + 86_400
    monkeypatch.setattr("services.use_cases.retention.time.time", lambda: moment)


def keys(s3: Any, bucket: str) -> set[str]:
    """Return the keys of all results."""
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="results/jobs/").get("Contents", [])}


def test_a_job_beyond_a_limit_goes_with_its_objects_and_its_local_copy(
    opened: bootstrap.Services, tree: TreeBuilder, s3: Any, s3_bucket: str
) -> None:
    first, second = (run(opened, tree({"a": b"1"})) for _ in range(2))
    assert opened.results.query(first, "inventory.result").total_rows == 1
    assert (opened.settings.data_dir / "cache" / str(first)).is_dir()
    done = limited(opened, keep_jobs=1).sweep()
    assert [job.id for job in done.jobs] == [first]
    assert done.freed_bytes == done.jobs[0].size_bytes > 0
    assert keys(s3, s3_bucket)
    assert all(key.startswith(f"results/jobs/{second}/") for key in keys(s3, s3_bucket))
    assert not (opened.settings.data_dir / "cache" / str(first)).exists()
    assert opened.results.query(second, "inventory.result").total_rows == 1


def test_orphaned_objects_and_uploads_go_once_they_are_old(
    opened: bootstrap.Services, tree: TreeBuilder, s3: Any, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = run(opened, tree({"a": b"1"}))
    before = keys(s3, s3_bucket)
    s3.put_object(Bucket=s3_bucket, Key=f"results/jobs/{NOBODY}/3/part", Body=bytes(100))
    s3.put_object(Bucket=s3_bucket, Key=f"results/jobs/{known}/999999/part", Body=bytes(20))
    s3.put_object(Bucket=s3_bucket, Key=f"elsewhere/jobs/{NOBODY}/3/part", Body=bytes(1))
    upload = {"Bucket": s3_bucket, "Key": f"results/jobs/{NOBODY}/4/half"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    s3.upload_part(**upload, PartNumber=1, Body=bytes(3))
    assert limited(opened).sweep().orphans == []
    later(monkeypatch)
    foreseen = limited(opened).sweep(dry_run=True)
    found = {one.name: one.size_bytes for one in foreseen.orphans}
    assert found == {f"jobs/{NOBODY}/": 103, f"jobs/{known}/999999/": 20}
    done = limited(opened).sweep()
    assert (done.orphans, done.troubles) == (foreseen.orphans, [])
    assert keys(s3, s3_bucket) == before
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=s3_bucket)
    assert s3.head_object(Bucket=s3_bucket, Key=f"elsewhere/jobs/{NOBODY}/3/part")["ContentLength"] == 1
    assert opened.results.query(known, "inventory.result").total_rows == 1
    assert limited(opened).sweep().orphans == []


def test_a_copy_without_job_is_removed_also_where_another_machine_deleted_the_job(
    opened: bootstrap.Services, tree: TreeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = run(opened, tree({"a": b"1"}))
    opened.results.query(known, "inventory.result")
    cache = opened.settings.data_dir / "cache"
    fill(cache, {f"{NOBODY}/inventory/part": b"12345"})
    later(monkeypatch)
    done = limited(opened).sweep()
    assert [(one.name, one.size_bytes) for one in done.orphans] == [(f"cache/{NOBODY}", 5)]
    assert (cache / str(known)).is_dir()


def test_s3_that_refuses_a_deletion_is_told_and_asked_again(
    config: settings_module.Settings, proxy: Proxy, tree: TreeBuilder, s3: Any, s3_bucket: str
) -> None:
    with bootstrap.open_services(config.model_copy(update={"s3_endpoint_url": proxy.endpoint})) as services:
        services.start_worker()
        source = tree({"a": b"1"})
        first, _ = run(services, source), run(services, source)
        proxy.fail = lambda method, path: 403 if method == "POST" and "delete" in path else None
        done = limited(services, keep_jobs=1).sweep()
        assert [one.name for one in done.troubles] == [f"jobs/{first}/"]
        assert [job.id for job in done.jobs] == [first]
        assert any(str(first) in key for key in keys(s3, s3_bucket))
        proxy.fail = lambda method, path: None
        again = limited(services, keep_jobs=1).sweep()
        assert ([one.name for one in again.orphans], again.troubles) == ([f"jobs/{first}/"], [])
        assert not any(str(first) in key for key in keys(s3, s3_bucket))
