"""S3 when something is wrong: retries, limits of patience, nothing half done, no secret told."""

from __future__ import annotations

import logging
import random
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from services.base import errors
from services.storage.s3 import S3Storage
from tests.conftest import free_port
from tests.faults import proxy as faults
from tests.integration.storage.conftest import Proxy

MIB = 1 << 20


@pytest.fixture
def through(proxy: Proxy, s3_bucket: str) -> S3Storage:
    """Return a storage behind the proxy."""
    return S3Storage(s3_bucket, "", proxy.endpoint)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of 20 MiB."""
    path = tmp_path / "file"
    path.write_bytes(random.Random(3).randbytes(20 * MIB))
    return path


@pytest.mark.parametrize("status", [500, 503, 429])
def test_failing_requests_are_tried_again(through: S3Storage, proxy: Proxy, file: Path, status: int) -> None:
    failing = {"PUT": 2, "GET": 2}

    def fail(method: str, path: str) -> int | None:
        failing[method] = failing.get(method, 0) - 1
        return status if failing[method] >= 0 else None

    proxy.fail = fail
    small = file.with_name("small")
    small.write_bytes(b"content")
    through.put("key", small)
    assert b"".join(through.open("key")) == b"content"
    assert sum(method == "PUT" for method, _ in proxy.requests) == 3


@pytest.mark.parametrize("received", [10, 20, 40, 60, 90, 120, 150, 200])
def test_an_answer_that_breaks_off_in_its_head_is_not_an_empty_one(
    s3: Any, s3_server: str, s3_bucket: str, tmp_path: Path, received: int
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    S3Storage(s3_bucket, "", s3_server).put("jobs/key", tmp_path / "file")
    s3.create_multipart_upload(Bucket=s3_bucket, Key="jobs/begun")
    host, _, port = s3_server.removeprefix("http://").partition(":")
    road = faults.Proxy((host, int(port)), faults.is_request)
    try:
        through = S3Storage(s3_bucket, "", f"http://127.0.0.1:{road.port}")
        for call, expected in (
            (lambda: through.list("jobs/"), ["jobs/key"]),
            (lambda: [entry.key for entry in through.entries("jobs/")], ["jobs/key"]),
            (lambda: [entry.key for entry in through.unfinished("jobs/")], ["jobs/begun"]),
            (lambda: b"".join(through.open("jobs/key")), b"content"),
        ):
            road.plan(faults.Fault("truncate", at=1, amount=received))
            try:
                assert call() == expected  # asked again
            except errors.StorageError as error:
                assert error.is_passing, "whoever stores or deletes tries it again"
    finally:
        road.close()


def test_a_server_that_keeps_failing_is_given_up_within_seconds(through: S3Storage, proxy: Proxy) -> None:
    proxy.fail = lambda method, path: 503
    started = time.monotonic()
    with pytest.raises(errors.StorageError) as caught:
        through.check()
    assert time.monotonic() - started < 15
    assert "PRAVAH_STORAGE" in caught.value.remedy


def test_a_server_that_is_gone_is_told_of_within_seconds(s3_bucket: str, tmp_path: Path) -> None:
    storage = S3Storage(s3_bucket, "", f"http://127.0.0.1:{free_port()}")
    path = tmp_path / "file"
    path.write_bytes(b"1")
    started = time.monotonic()
    for call in (storage.check, lambda: storage.put("key", path), lambda: storage.open("key")):
        with pytest.raises(errors.StorageError, match="s3://"):
            call()
    assert time.monotonic() - started < 45
    assert path.exists()


def test_a_failed_multipart_upload_leaves_nothing(
    through: S3Storage, proxy: Proxy, file: Path, s3_server: str, s3_bucket: str
) -> None:
    proxy.fail = lambda method, path: 500 if "partNumber=2" in path else None
    with pytest.raises(errors.StorageError):
        through.put("large", file)
    assert any(method == "DELETE" and "uploadId=" in path for method, path in proxy.requests)
    plain = boto3.client("s3", endpoint_url=s3_server)
    assert plain.list_objects_v2(Bucket=s3_bucket).get("Contents", []) == []
    assert plain.list_multipart_uploads(Bucket=s3_bucket).get("Uploads", []) == []
    assert file.exists()


def test_a_large_file_goes_in_parts(through: S3Storage, proxy: Proxy, file: Path) -> None:
    through.put("large", file)
    parts = [path for method, path in proxy.requests if method == "PUT" and "partNumber=" in path]
    assert len(parts) == 3
    assert b"".join(through.open("large")) == file.read_bytes()


def test_a_download_that_breaks_off_goes_on_where_it_broke(through: S3Storage, proxy: Proxy, file: Path) -> None:
    through.put("large", file)
    proxy.cut_after = [5 * MIB + 7, 1 * MIB]
    assert b"".join(through.open("large")) == file.read_bytes()
    proxy.cut_after = [1000]
    assert b"".join(through.open("large", 7 * MIB, 9 * MIB)) == file.read_bytes()[7 * MIB : 9 * MIB]


def test_a_download_that_breaks_off_again_and_again_is_an_error(through: S3Storage, proxy: Proxy, file: Path) -> None:
    through.put("large", file)
    proxy.cut_after = [1000] * 10
    with pytest.raises(errors.StorageError):
        list(through.open("large"))


def test_a_missing_bucket_is_a_storage_error(s3_server: str, s3_bucket: str) -> None:
    storage = S3Storage(f"{s3_bucket}-missing", "", s3_server)
    with pytest.raises(errors.StorageError, match="missing"):
        storage.check()


def test_a_refused_key_is_told_without_the_secret(
    proxy: Proxy, s3_bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENTIFIER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "TheSecretKey")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "TheSessionToken")
    caplog.set_level(logging.INFO)
    storage = S3Storage(s3_bucket, "", proxy.endpoint)
    proxy.fail = lambda method, path: 403
    with pytest.raises(errors.StorageError) as caught:
        storage.check()
    told = caught.value.message + caught.value.remedy + repr(caught.value) + repr(vars(storage)) + caplog.text
    for secret in ("AKIDENTIFIER", "TheSecretKey", "TheSessionToken"):
        assert secret not in told


def test_no_credentials_at_all_is_told_with_a_remedy(
    s3_server: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    storage = S3Storage(s3_bucket, "", s3_server)
    with pytest.raises(errors.StorageError, match="credentials") as caught:
        storage.check()
    assert "AWS credentials" in caught.value.remedy


def test_a_bad_profile_or_endpoint_is_a_storage_error(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.StorageError):
        S3Storage(s3_bucket, "", "http://")
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    with pytest.raises(errors.StorageError, match="no-such-profile"):
        S3Storage(s3_bucket, "", "http://127.0.0.1:1")
