"""Files of a result by HTTP: RFC 9110 ranges and conditions, names, streaming."""

from __future__ import annotations

import email.message
import io
import uuid
import zipfile
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from services import bootstrap
from services.api.http import problems, ranges
from services.base import errors
from tests.integration.api.conftest import Kept, RunJob, problem, store

TAG = '"abc"'


@pytest.fixture
def address(kept: Kept) -> str:
    return f"/api/jobs/{kept.checksum}/artifacts/checksum/manifest.b3"


@pytest.fixture
def whole(reader: TestClient, address: str) -> bytes:
    return reader.get(address).content


def test_a_file_comes_as_a_download_that_no_browser_shows(reader: TestClient, address: str, whole: bytes) -> None:
    answer = reader.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="checksum-manifest.b3"'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(whole))
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, None),
        ("bytes=10-19", 10, 20),
        ("bytes=10-", 10, None),
        ("bytes=-10", -10, None),
        ("bytes=0-99999999999999999999999", 0, None),
        ("bytes=-99999999999999999999999", 0, None),
        ("bytes= 5-6", 5, 7),
        ("bytes=000000000000000000000005-6", 5, 7),
    ],
)
def test_a_range_gives_exactly_its_bytes(
    reader: TestClient, address: str, whole: bytes, asked: str, start: int, end: int | None
) -> None:
    answer = reader.get(address, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == whole[start:end]
    first = start % len(whole)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    "asked", ["bytes=5-4", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes", "", "bytes=1", "bytes=--1"]
)
def test_what_is_no_single_range_gives_the_whole_file(
    reader: TestClient, address: str, whole: bytes, asked: str
) -> None:
    answer = reader.get(address, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, whole)


@pytest.mark.parametrize("asked", ["bytes={size}-", "bytes={size}-{size}", "bytes=-0", "bytes=" + "9" * 900 + "-"])
def test_a_range_behind_the_end_is_416_with_the_size(
    reader: TestClient, address: str, whole: bytes, asked: str
) -> None:
    answer = reader.get(address, headers={"Range": asked.format(size=len(whole))})
    problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(whole)}"


def test_if_range_gives_the_range_of_the_same_version_only(reader: TestClient, address: str, whole: bytes) -> None:
    tag = reader.get(address).headers["etag"]
    wanted = {"Range": "bytes=1-2"}
    assert reader.get(address, headers={**wanted, "If-Range": tag}).status_code == 206
    for other in ('"other"', f"W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT", ""):
        answer = reader.get(address, headers={**wanted, "If-Range": other})
        assert (answer.status_code, answer.content) == (200, whole)


def test_conditions_spare_or_refuse_the_transfer(reader: TestClient, address: str) -> None:
    tag = reader.get(address).headers["etag"]
    for known in (tag, f"W/{tag}", "*", f'"x", {tag}'):
        answer = reader.get(address, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert reader.get(address, headers={"If-None-Match": '"x"'}).status_code == 200
    for known in (tag, "*", f'"x", {tag}'):
        assert reader.get(address, headers={"If-Match": known}).status_code == 200
    for other in ('"x"', f"W/{tag}", ""):
        problem(reader.get(address, headers={"If-Match": other}), 412, "precondition_failed")


def test_head_gives_the_headers_of_get(reader: TestClient, address: str) -> None:
    for headers in ({}, {"Range": "bytes=2-5"}, {"Range": "bytes=999999-"}):
        get, head = reader.get(address, headers=headers), reader.head(address, headers=headers)
        assert head.status_code == get.status_code
        assert head.content == b""
        assert head.headers == get.headers


def test_all_files_come_as_one_zip(reader: TestClient, kept: Kept) -> None:
    address = f"/api/jobs/{kept.checksum}/artifacts"
    answer, head = reader.get(f"{address}.zip"), reader.head(f"{address}.zip")
    assert answer.headers["content-disposition"] == f'attachment; filename="pravah-checksum-{kept.checksum[:8]}.zip"'
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as got:
        assert got.testzip() is None
        names = [one["name"] for one in reader.get(address).json()["items"]]
        assert got.namelist() == names
        assert [got.read(name) for name in names] == [reader.get(f"{address}/{name}").content for name in names]
    problem(reader.get(f"/api/jobs/{uuid.uuid4()}/artifacts.zip"), 404, "job_not_found")


def test_every_file_of_a_job_has_its_own_tag(client: TestClient, run_job: RunJob) -> None:
    tags = []
    for _ in range(2):
        address = f"/api/jobs/{run_job('checksum')['id']}/artifacts"
        names = [one["name"] for one in client.get(address).json()["items"]]
        tags += [client.head(f"{address}/{name}").headers["etag"] for name in names]
    # Not twice the names of one of them: how many shards a job has is a matter of time.
    assert len(set(tags)) == len(tags) > 2


@pytest.mark.parametrize(
    "name",
    ["nothing", "../outcome.json", "..%2f..%2fdata", "%2Fetc%2Fpasswd", "result", "result/", "outcome.json/", "%00",
     "outcome.json%00", "%ff", "a" * 4000, "%2e%2e/%2e%2e/etc/passwd"],
)  # fmt: skip
def test_a_name_that_is_not_listed_is_not_found(reader: TestClient, address: str, name: str) -> None:
    answer = reader.get(f"{address.rpartition('/checksum/')[0]}/{name}")
    assert answer.status_code == 404
    assert answer.json()["code"] in {"artifact_not_found", "not_found"}


def test_an_empty_file_and_one_of_many_chunks(
    client: TestClient, run_job: RunJob, services: bootstrap.Services, tmp_path: Path
) -> None:
    job_id = uuid.UUID(run_job()["id"])
    empty = store(services, job_id, "empty.bin", b"", tmp_path)
    large = bytes(range(256)) * 14_000  # three and a half of the storage's chunks
    address = store(services, job_id, "large.bin", large, tmp_path)

    assert client.get(empty).content == b""
    problem(client.get(empty, headers={"Range": "bytes=0-"}), 416, "range_not_satisfiable")
    assert client.get(address).content == large
    over = client.get(address, headers={"Range": f"bytes={(1 << 20) - 3}-{(1 << 20) + 3}"})
    assert over.content == large[(1 << 20) - 3 : (1 << 20) + 4]


def test_a_name_that_would_break_a_header_is_made_safe(
    client: TestClient, run_job: RunJob, services: bootstrap.Services, tmp_path: Path
) -> None:
    job_id = uuid.UUID(run_job()["id"])
    address = store(services, job_id, 'é" <b>.html', b"<script>alert(1)</script>", tmp_path)
    answer = client.get(address)
    assert answer.status_code == 200
    disposition = answer.headers["content-disposition"]
    assert disposition == "attachment; filename=\"e_ <b>.html\"; filename*=UTF-8''%C3%A9%22%20%3Cb%3E.html"


def test_a_file_that_vanished_from_the_storage_is_a_problem(
    client: TestClient, run_job: RunJob, services: bootstrap.Services
) -> None:
    address = f"/api/jobs/{run_job()['id']}/artifacts/checksum/manifest.b3"
    for file in (services.settings.data_dir / "results").rglob("manifest.b3"):
        file.unlink()
    problem(client.get(address), 404, "artifact_not_found")


@hypothesis.given(name=st.text())
def test_every_name_gives_a_header_that_mail_parsers_read(name: str) -> None:
    header = ranges.attachment(name)
    header.encode("ascii")
    assert not any(ord(character) < 32 for character in header)
    message = email.message.EmailMessage()
    message["Content-Disposition"] = header
    found = message.get_filename()
    assert message.get_content_disposition() == "attachment"
    assert found
    assert "/" not in found


@hypothesis.given(size=st.integers(0, 50), first=st.none() | st.integers(0, 60), last=st.none() | st.integers(0, 60))
def test_a_range_selects_what_a_slice_does(size: int, first: int | None, last: int | None) -> None:
    data = bytes(range(size))
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if first is None and last is None:
        expected: bytes | None = data
    elif first is None:
        assert last is not None
        expected = data[max(0, size - last) :] or None
    elif last is not None and last < first:
        expected = data
    else:
        expected = data[first : None if last is None else last + 1] or None
    try:
        chosen = ranges.select(Headers({"range": header}), TAG, size)
    except problems.RangeNotSatisfiableError as error:
        assert expected is None
        assert error.headers is not None
        assert error.headers["Content-Range"] == f"bytes */{size}"
    else:
        assert data[chosen.start : chosen.end] == expected


@hypothesis.given(text=st.text(max_size=40))
def test_any_text_as_a_range_is_answered(text: str) -> None:
    try:
        chosen = ranges.select(Headers({"range": text.encode("utf-8", "replace").decode("latin-1")}), TAG, 10)
    except errors.PravahError as error:
        assert error.http_status == 416
    else:
        assert 0 <= chosen.start <= chosen.end <= 10
