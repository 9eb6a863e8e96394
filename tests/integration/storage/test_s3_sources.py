"""Jobs on S3 prefixes: what a directory of the same files gives, and what only a bucket does."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from services import bootstrap, engine
from services.base import settings as settings_module
from services.engine import spec
from services.models import results
from services.models.jobs import JobView, Source, Status
from services.models.results import ResultQuery
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.integration.storage.conftest import KEYS, Proxy

_OF_THE_PLACE = {"modified", "changed", "inode", "device"}
_FILES: dict[str | bytes, bytes] = {
    "a.txt": b"needle\nand hay\n",
    "same.txt": b"needle\nand hay\n",
    "sub/deep/b.csv": b"id,name\n1,x\n2,y\n",
    "sub/.hidden": b"needle",
    "sub/empty": b"",
    "odd & <name> 100% +\u00fc.txt": b"hay",
    "large.bin": bytes(range(256)) * 80_000,
}
_NAME = {"name": "name", "constraints": {"enum": ["x"]}}
_OPERATIONS: dict[str, dict[str, Any]] = {
    "checksum": {"algorithms": ["sha256", "blake3"]},
    "search": {"patterns": ["needle"]},
    "text_statistics": {},
    "profile": {},
    "duplicates": {},
    "validate": {"schema_text": json.dumps({"fields": [{"name": "id", "type": "integer"}, _NAME]})},
    "convert": {},
}


def run(services: bootstrap.Services, source: Source, operation: str = "checksum", **more: Any) -> JobView:
    """Run a job to its end."""
    view = services.jobs.submit(one_job(operation=operation, source=source, **more))[0]
    return services.jobs.wait(view.id, 60)


def fill(s3: Any, bucket: str, objects: Mapping[str, bytes]) -> None:
    """Put objects, large ones in parts."""
    for key, content in objects.items():
        if len(content) <= 8 << 20:
            s3.put_object(Bucket=bucket, Key=key, Body=content)
            continue
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        parts = []
        for number, start in enumerate(range(0, len(content), 5 << 20), 1):
            part = {"Bucket": bucket, "Key": key, "UploadId": upload, "PartNumber": number}
            etag = s3.upload_part(**part, Body=content[start : start + (5 << 20)])["ETag"]
            parts.append({"PartNumber": number, "ETag": etag})
        s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def summary(view: JobView) -> dict[str, Any]:
    """Return what a completed job sums up."""
    assert view.status == Status.COMPLETED, view.error
    found: dict[str, Any] = (view.outcome or {})["results"][0]["summary"]
    return found


def rows(services: bootstrap.Services, view: JobView, table: str = "result") -> list[str]:
    """Return the rows of a job's table, without what only a file system knows."""
    assert view.status == Status.COMPLETED, view.error
    page = services.results.query(view.id, f"{view.names[0]}.{table}", ResultQuery(limit=1000))
    kept = [{name: value for name, value in row.items() if name not in _OF_THE_PLACE} for row in page.rows]
    return sorted(map(repr, kept))


def paths_of(services: bootstrap.Services, view: JobView) -> dict[str, int]:
    """Return path → size of a job's files."""
    assert view.status == Status.COMPLETED, view.error
    query = ResultQuery(columns=("path", "size_bytes"), filters=(results.parse_filter("kind:eq:file"),))
    return {
        row["path"]: row["size_bytes"] for row in services.results.query(view.id, f"{view.names[0]}.result", query).rows
    }


@pytest.fixture
def behind_proxy(config: settings_module.Settings, proxy: Proxy) -> settings_module.Settings:
    """Return settings whose S3 is behind the proxy, and results on the disk."""
    return config.model_copy(update={"s3_endpoint_url": proxy.endpoint, "storage": "local"})


def fetched(proxy: Proxy, bucket: str) -> list[str]:
    """Return the keys that were asked for since the last call."""
    asked = [path.partition("?")[0] for method, path in proxy.requests if method == "GET"]
    proxy.requests.clear()
    return sorted(key for path in asked if (key := path.removeprefix(f"/{bucket}").strip("/")))


def test_a_prefix_is_a_source(opened: bootstrap.Services, s3: Any, s3_bucket: str) -> None:
    fill(s3, s3_bucket, {"data/a.txt": b"hello", "data/sub/b": b"x" * 100, "data/empty": b"", "database/c": b"other"})
    for uri in (f"s3://{s3_bucket}/data", f"s3://{s3_bucket}/data/"):
        preview = opened.jobs.preview(one_job(operation="inventory", source=Source(s3_uri=uri)))
        assert (preview.files, preview.bytes, preview.directories, preview.complete) == (3, 105, 2, True)
        assert preview.first_names == ["a.txt", "empty", "sub/b"]
        view = run(opened, Source(s3_uri=uri), "inventory")
        assert paths_of(opened, view) == {"a.txt": 5, "sub/b": 100, "empty": 0}
    wait_until(lambda: not list(opened.settings.work_dir.rglob("*")), "nothing is left in the work folders")


@pytest.mark.parametrize("operation", _OPERATIONS)
def test_a_result_is_that_of_the_same_tree_on_disk(
    opened: bootstrap.Services, tree: TreeBuilder, s3: Any, s3_bucket: str, operation: str
) -> None:
    directory = tree(_FILES)
    fill(s3, s3_bucket, {f"same/{name}": content for name, content in _FILES.items()})
    options = _OPERATIONS[operation]
    there = run(opened, Source(s3_uri=f"s3://{s3_bucket}/same"), operation, options=options)
    here = run(opened, Source.of_path(directory), operation, options=options)
    assert rows(opened, there) == rows(opened, here)
    assert rows(opened, here)
    assert (there.issues_count, here.issues_count) == (0, 0)
    if operation == "validate":
        assert rows(opened, there, "errors") == rows(opened, here, "errors")
        assert any("'value': 'y'" in row for row in rows(opened, here, "errors"))
    made = [made_files(opened, view) for view in (there, here)]
    assert made[0] == made[1]
    assert ("convert/converted/sub/deep/b.parquet" in made[0]) == (operation == "convert")


def made_files(services: bootstrap.Services, view: JobView) -> dict[str, bytes]:
    """Return name → content of the files that a job converted."""
    names = [one.name for one in services.artifacts.list(view.id) if one.name.startswith("convert/converted/")]
    names = [name for name in names if name.endswith(".parquet")]
    return {name: b"".join(services.artifacts.open(view.id, name).chunks) for name in names}


def listing(s3: Any, bucket: str, prefix: str) -> str:
    """Return what `aws s3api list-objects-v2 --query 'Contents[].[ETag,Key]' --output text` prints, below a prefix."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    return "".join(f"{one['ETag']}\t{one['Key'].removeprefix(prefix)}\n" for one in listed)


def test_etags_of_a_bucket_verify_it_and_the_tree_it_was_made_of(
    opened: bootstrap.Services, tree: TreeBuilder, s3: Any, s3_bucket: str, tmp_path: Path
) -> None:
    directory = tree(_FILES)
    # Uploads at once and in parts of 5 MiB; by boto3, whose parts are 8 MiB; in parts of a size nobody expects.
    fill(s3, s3_bucket, {f"same/{name}": content for name, content in _FILES.items()})
    for name, part in {"boto3": 8 << 20, "odd": 5_500_000}.items():
        (directory / name).write_bytes(_FILES["large.bin"])
        config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=part)
        s3.upload_fileobj(io.BytesIO(_FILES["large.bin"]), s3_bucket, f"same/{name}", Config=config)
    prefix, here = Source(s3_uri=f"s3://{s3_bucket}/same/"), Source.of_path(directory)
    etags = tmp_path / "listed"
    lines = listing(s3, s3_bucket, "same/")
    assert lines.count("-4") >= 2, lines
    assert "-3" in lines, lines
    etags.write_text(lines)
    options: dict[str, Any] = {"manifest": str(etags)}
    for source in (prefix, here):
        view = run(opened, source, "verify", options=options)
        found = summary(view)
        assert (found["verdict"], found["algorithm"]) == ("incomplete", "etag"), found
        assert (found["statuses"]["ok"], found["statuses"]["not_verified"]) == (len(_FILES) + 1, 1)
        assert [one.path for one in opened.results.issues(view.id, 0, 10)] == ["odd"]
    usual = [line for line in lines.splitlines(True) if not line.endswith("\todd\n")]
    etags.write_text("".join(set(lines.splitlines(True)) - set(usual)))
    stated = run(opened, here, "verify", options=options | {"etag_part_bytes": 5_500_000})
    assert summary(stated)["verdict"] == "verified"
    etags.write_text("".join(usual))
    s3.delete_object(Bucket=s3_bucket, Key="same/odd")
    assert summary(run(opened, prefix, "verify", options=options))["verdict"] == "verified"
    # What was replaced does not match, which alone is no proof; what is gone is.
    fill(s3, s3_bucket, {"same/a.txt": b"other"})
    replaced = summary(run(opened, prefix, "verify", options=options))
    assert (replaced["verdict"], replaced["statuses"]["not_verified"]) == ("incomplete", 1)
    assert summary(run(opened, prefix, "verify", options=options | {"etag_part_bytes": 8 << 20}))["verdict"] == "failed"
    s3.delete_object(Bucket=s3_bucket, Key="same/boto3")
    assert summary(run(opened, prefix, "verify", options=options))["verdict"] == "failed"


def test_a_manifest_of_a_tree_verifies_a_prefix(
    opened: bootstrap.Services, tree: TreeBuilder, s3: Any, s3_bucket: str
) -> None:
    fill(s3, s3_bucket, {f"same/{name}": content for name, content in _FILES.items()})
    manifest = {"manifest": f"job:{run(opened, Source.of_path(tree(_FILES))).id}"}
    source = Source(s3_uri=f"s3://{s3_bucket}/same")
    assert summary(run(opened, source, "verify", options=manifest))["verdict"] == "verified"
    fill(s3, s3_bucket, {"same/a.txt": b"other"})
    statuses = summary(run(opened, source, "verify", options=manifest))["statuses"]
    assert (statuses["changed"], statuses["ok"]) == (1, len(_FILES) - 1)


def test_files_are_made_of_objects(opened: bootstrap.Services, s3: Any, s3_bucket: str, tmp_path: Path) -> None:
    fill(s3, s3_bucket, {f"same/{name}": content for name, content in _FILES.items()})
    out = tmp_path / "out"
    source = Source(s3_uri=f"s3://{s3_bucket}/same")
    assert summary(run(opened, source, "compress", options={"destination": str(out), "format": "gzip"}))["files"] == 7
    assert summary(run(opened, Source.of_path(out), "decompress", options={"destination": f"{out}2"}))["files"] == 7
    # It goes when the end of the job is known to last.
    wait_until(lambda: not (Path(f"{out}2") / ".pravah-unfinished").exists(), "the marker is gone")
    assert {path.name: path.read_bytes() for path in Path(f"{out}2").rglob("*") if path.is_file()} == {
        Path(str(name)).name: content for name, content in _FILES.items()
    }


def test_what_is_unchanged_is_not_fetched_again(
    behind_proxy: settings_module.Settings, proxy: Proxy, s3: Any, s3_bucket: str
) -> None:
    fill(s3, s3_bucket, {f"again/{number}": str(number).encode() for number in range(10)})
    source = Source(s3_uri=f"s3://{s3_bucket}/again")
    with bootstrap.open_services(behind_proxy) as services:
        services.start_worker()
        first = run(services, source)
        assert len(fetched(proxy, s3_bucket)) == 10
        again = run(services, source, baseline=first.id)
        assert fetched(proxy, s3_bucket) == []
        assert summary(again)["reused_files"] == 10
        assert rows(services, again) == rows(services, first)
        fill(s3, s3_bucket, {"again/3": b"x"})
        changed = run(services, source, baseline=again.id)
        assert fetched(proxy, s3_bucket) == ["again/3"]
        assert summary(changed)["reused_files"] == 9
        kinds = services.comparisons.query(changed.id, "checksum", first.id).rows
        assert [(row["kind"], row["path"]) for row in kinds] == [("changed", "3")]


def test_an_object_that_is_deleted_while_the_job_runs_has_vanished(
    behind_proxy: settings_module.Settings, proxy: Proxy, s3: Any, s3_bucket: str
) -> None:
    fill(s3, s3_bucket, {"p/gone": b"1", "p/stays": b"2"})

    def delete(method: str, path: str) -> None:
        if method == "GET" and path.endswith("/p/gone"):
            s3.delete_object(Bucket=s3_bucket, Key="p/gone")

    proxy.fail = delete
    with bootstrap.open_services(behind_proxy) as services:
        services.start_worker()
        done = run(services, Source(s3_uri=f"s3://{s3_bucket}/p"))
        assert len(rows(services, done)) == 1
        assert [(one.kind, one.path) for one in services.results.issues(done.id, 0, 10)] == [("vanished", "gone")]


def test_a_busy_server_is_asked_again_and_an_object_that_stays_away_is_an_issue(
    behind_proxy: settings_module.Settings, proxy: Proxy, s3: Any, s3_bucket: str
) -> None:
    fill(s3, s3_bucket, {"p/bad": b"1", "p/good": b"2", "p/large": bytes(9 << 20)})
    refused: set[str] = set()

    def refuse(method: str, path: str) -> int | None:
        is_new = path not in refused
        refused.add(path)
        return 503 if is_new or path.endswith("/p/bad") else None

    proxy.fail, proxy.cut_after = refuse, [3 << 20]
    with bootstrap.open_services(behind_proxy) as services:
        services.start_worker()
        done = run(services, Source(s3_uri=f"s3://{s3_bucket}/p"))
        assert paths_of_rows(services, done) == ["good", "large"]
        assert [(one.kind, one.path) for one in services.results.issues(done.id, 0, 10)] == [("unreadable", "bad")]
        proxy.fail = lambda method, path: 500
        failed = run(services, Source(s3_uri=f"s3://{s3_bucket}/p"))
        assert failed.error is not None
        assert (failed.status, failed.error.code) == (Status.FAILED, "storage_unavailable")


def paths_of_rows(services: bootstrap.Services, view: JobView) -> list[str]:
    """Return the paths of a checksum's rows."""
    page = services.results.query(view.id, "checksum.result", ResultQuery(columns=("path",), sort=("path",)))
    return [row["path"] for row in page.rows]


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


def test_objects_have_their_time_and_no_owner(opened: bootstrap.Services, s3: Any, s3_bucket: str) -> None:
    fill(s3, s3_bucket, {"t/a": b"1"})
    modified = s3.head_object(Bucket=s3_bucket, Key="t/a")["LastModified"]
    view = run(opened, Source(s3_uri=f"s3://{s3_bucket}/t/"), "inventory")
    row = opened.results.query(view.id, "inventory.result", ResultQuery()).rows[0]
    assert datetime.fromisoformat(row["modified"]) == modified
    assert (row["owner"], row["group"], row["mode"], row["allocated_bytes"]) == (None, None, None, 1)
    owners = opened.results.query(view.id, "inventory.by_owner", ResultQuery()).rows
    assert [row["owner"] for row in owners] == ["unknown"]


@pytest.mark.parametrize("uri", ["s3://{}/nothing/here/", "s3://{}/nothing"])
def test_an_empty_prefix_is_a_source_that_was_not_found(opened: bootstrap.Services, s3_bucket: str, uri: str) -> None:
    done = run(opened, Source(s3_uri=uri.format(s3_bucket)))
    assert done.status == Status.FAILED
    assert done.error is not None
    assert done.error.code == "source_not_found"


def test_a_job_that_waits_for_objects_is_cancelled(
    behind_proxy: settings_module.Settings, proxy: Proxy, s3: Any, s3_bucket: str
) -> None:
    fill(s3, s3_bucket, {f"slow/{number:03d}": b"x" for number in range(100)})
    held = threading.Event()

    def hold(method: str, path: str) -> None:
        if method == "GET" and "/slow/" in path:
            held.wait(30)

    proxy.fail = hold
    with bootstrap.open_services(behind_proxy) as services:
        services.start_worker()
        view = services.jobs.submit(one_job(operation="checksum", source=Source(s3_uri=f"s3://{s3_bucket}/slow/")))[0]
        wait_until(lambda: any("/slow/" in path for _, path in proxy.requests), "objects are fetched")
        services.jobs.cancel(view.id)
        done = services.jobs.wait(view.id, 10)
        held.set()
        assert done.status == Status.CANCELLED
        assert sum("/slow/" in path for _, path in proxy.requests) < 100


def test_credentials_that_the_chain_renewed_are_handed_on(
    behind_proxy: settings_module.Settings, proxy: Proxy, s3: Any, s3_bucket: str, tmp_path: Path
) -> None:
    fill(s3, s3_bucket, {f"p/{number:02d}": b"x" for number in range(50)})
    reached, go_on = threading.Event(), threading.Event()

    def hold(method: str, path: str) -> None:
        if method == "GET" and "/p/" in path:
            reached.set()
            go_on.wait(30)

    proxy.fail = hold
    keys = ['{"key_id": "FIRST", "secret_key": "s", "token": null}']

    def renewed() -> bytes:
        return keys[0].encode()

    with bootstrap.open_services(behind_proxy) as services:
        request = one_job(operation="checksum", source=Source(s3_uri=f"s3://{s3_bucket}/p")).validated()
        access = services.sources.s3_access(request.source)
        assert access is not None
        assert KEYS[0].encode() in (access.keys() or b"")
        assert KEYS[1] not in repr(access)
        document = spec.engine_spec(request, behind_proxy, services.sources, tmp_path / "out", access=access)
        handle = engine.start(document, renewed)
        assert reached.wait(30)
        keys[0] = keys[0].replace("FIRST", "SECOND")
        handle.renew()
        go_on.set()
        handle.result()
    signers = {who.partition("Credential=")[2].partition("/")[0] for who in proxy.signers}
    assert signers == {"FIRST", "SECOND"}
