"""Every error of the table, of the framework and of the code is a problem; nothing hostile is a 500."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from services import bootstrap
from services.base import errors
from services.models import keys
from tests import asking
from tests.integration.api.conftest import Kept, RunJob, mounted, problem

HTTP_ROWS = [row for row in errors.ERRORS if row.code != "internal"]


@pytest.mark.parametrize("row", HTTP_ROWS, ids=lambda row: row.code)
def test_every_row_of_the_error_table_has_its_status_and_remedy(
    client: TestClient, services: bootstrap.Services, row: errors.ErrorRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise row.cls("it went wrong", place="here")

    monkeypatch.setattr(services.jobs, "counts", fail)
    monkeypatch.setattr(services.jobs, "list", fail)
    answer = client.get("/api/jobs")
    found = problem(answer, row.http_status, row.code)
    assert found["detail"] == "it went wrong"
    assert found["remedy"] == row.remedy
    assert found["title"] == row.title
    assert found["details"] == {"place": "here"}
    assert found["instance"] == "/api/jobs"
    assert ("retry-after" in answer.headers) == (row.http_status == 503)


@pytest.mark.parametrize("error", [errors.InternalError("secret"), ZeroDivisionError("secret"), RuntimeError("secret")])
def test_a_bug_is_a_500_with_an_id_that_the_log_has(
    client: TestClient,
    services: bootstrap.Services,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(services.jobs, "list", fail)
    with caplog.at_level(logging.ERROR):
        found = problem(client.get("/api/jobs"), 500, "internal")
    assert "secret" not in json.dumps(found)
    log_id = found["details"]["log_id"]
    assert re.fullmatch("[0-9a-f]{12}", log_id)
    assert log_id in found["detail"]
    assert log_id in caplog.text
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/nothing", "/api/jobs/5", "/api/jobs/not-a-uuid/cancel", "/api/../etc", "/api/jobs//issues",
     "/api/docs/nothing", "/api/docs/..%2fguard.py"],
)  # fmt: skip
def test_an_unknown_path_is_a_problem(reader: TestClient, path: str) -> None:
    answer = reader.get(path)
    if path.startswith("/api/.."):
        assert answer.status_code == 404  # outside of the mount
    else:
        problem(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/jobs", "GET, HEAD, POST"),
        ("GET", "/api/jobs/preview", "POST"),
        ("DELETE", "/api/jobs", "GET, HEAD, POST"),
        ("PATCH", "/api/jobs/00000000-0000-0000-0000-000000000000", "DELETE, GET, HEAD"),
        ("GET", "/api/jobs/00000000-0000-0000-0000-000000000000/cancel", "POST"),
        ("POST", "/api/operations", "GET, HEAD"),
        ("OPTIONS", "/api/config", "GET, HEAD"),
        ("TRACE", "/api/metrics", "GET, HEAD"),
        ("BREW", "/api/health/live", "GET, HEAD"),
    ],
)
def test_an_unknown_method_is_a_problem_that_names_the_known_ones(
    reader: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = reader.request(method, path)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def deep(levels: int) -> str:
    return '{"operations":[{"operation":"inventory","options":' + '{"a":' * levels + "1" + "}" * (levels + 1) + "]}"


def job(rest: str) -> bytes:
    return ('{"operations": [{"operation": "inventory"}], "source": {"path": "/"}, ' + rest + "}").encode()


HOSTILE_BODIES = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "number": b"5",
    "text": b'"x"',
    "cut": b'{"operations": [{"operation": "inven',
    "not utf-8": b'{"operations": [{"operation": "\xff"}]}',
    "utf-16": '{"operations": [{"operation": "inventory"}], "source": {"path": "/"}}'.encode("utf-16"),
    "bom": b'\xef\xbb\xbf{"operations": [{"operation": "inventory"}], "source": {"path": "/"}}',
    "nul bytes": b"\0" * 1000,
    "nul in a tag": b'{"operations": [{"operation": "inventory\\u0000"}], "source": {"path": "/"}}',
    "lone surrogate in a tag": b'{"operations": [{"operation": "\\ud800"}], "source": {"path": "/"}}',
    "lone surrogate in a name": job('"name": "\\udfff"'),
    "lone surrogate in a key": job('"\\ud800": 1'),
    "lone surrogate in a path": b'{"operations": [{"operation": "inventory"}], "source": {"path": "/\\ud800"}}',
    "lone surrogate in a glob": job('"walk": {"ignore_globs": ["\\ud800"]}'),
    "nul in a glob": job('"walk": {"extensions": ["\\u0000"]}'),
    "nul in a key": job('"idempotency_key": "\\u0000"'),
    "nul in a manifest": json.dumps(asking.body("verify", "/", {"manifest": "/\0"})).encode(),
    "nul in path bytes": json.dumps(asking.body("inventory", {"path": "/a", "path_bytes": "2f00"})).encode(),
    "nul in a bucket": b'{"operations": [{"operation": "inventory"}], "source": {"s3_uri": "s3://bucket/\\u0000"}}',
    "huge integer": job(f'"walk": {{"max_depth": {"9" * 5000}}}'),
    "large integer": job('"walk": {"min_size_bytes": 9223372036854775808}'),
    "huge float": job('"walk": {"max_depth": 1e999}'),
    "nan": job('"walk": {"max_depth": NaN}'),
    "late time": job('"walk": {"modified_since": 1e300}'),
    "early time": job('"walk": {"modified_before": "0001-01-01T00:00:00+23:59"}'),
    "deep": deep(900).encode(),
    "very deep": deep(100_000).encode(),
    "deep lists": b"[" * 200_000,
    "many keys": json.dumps({f"k{number}": 1 for number in range(50_000)}).encode(),
    "many wrong items": json.dumps(asking.body("checksum", "/", {"algorithms": ["x"] * 100_000})).encode(),
    "duplicate keys": b'{"operations": [{"operation": "inventory", "operation": "\\u0000"}], "source": {"path": "/"}}',
    "long name": json.dumps(asking.body("n" * 900_000, "/")).encode(),
    "many operations": json.dumps(asking.body("inventory", "/") | {"operations": [{"operation": "inventory"}] * 21})
    .encode(),
    "an operation twice": json.dumps(asking.body("inventory", "/") | {"operations": [{"operation": "inventory"}] * 2})
    .encode(),
}  # fmt: skip


@pytest.mark.parametrize("address", ["/api/jobs", "/api/jobs/preview"])
@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES.keys())
def test_a_hostile_body_is_refused(kept: Kept, reader: TestClient, address: str, body: bytes) -> None:
    answer = reader.post(address, content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 100_000
    found = answer.json()
    assert found["remedy"]
    assert "Traceback" not in answer.text
    assert [job["id"] for job in reader.get("/api/jobs").json()["items"]] == [kept.checksum, kept.inventory]


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "nonsense", "a/b/c;;;"]
)
def test_a_body_that_is_not_sent_as_json_is_refused(reader: TestClient, media_type: str) -> None:
    # What a form of another site can send; refused even where Origin says nothing.
    body = b'{"operations": [{"operation": "inventory"}], "source": {"path": "/"}}'
    problem(reader.post("/api/jobs", content=body, headers={"Content-Type": media_type}), 422, "invalid_options")


@pytest.mark.parametrize("rest", ["/results?", "/issues?", "/artifacts/", "/artifacts/x?"])
@pytest.mark.parametrize(
    "junk", ["%00", "%ff%fe", "%ed%a0%80", "a=%00", "after=%00", "table=%ed%a0%80", "filter=%00", "&&=&"]
)
def test_hostile_addresses_are_no_bugs(kept: Kept, reader: TestClient, rest: str, junk: str) -> None:
    answer = reader.get(f"/api/jobs/{kept.checksum}{rest}{junk}")
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("name", ["Range", "If-Range", "If-Match", "Idempotency-Key", "Origin", "Host", "Accept"])
@pytest.mark.parametrize("value", [b"\xff\xfe", b"\x7f", b"a" * 8000, b"", b"'\"\\;,=%"])
def test_hostile_headers_are_no_bugs(reader: TestClient, name: str, value: bytes) -> None:
    body = asking.body("inventory", "/nowhere")
    answer = reader.post("/api/jobs", json=body, headers=[(name.encode(), value)])
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] in {"source_forbidden", "invalid_options", "request_forbidden"}


def test_without_a_database_every_route_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> bootstrap.Services:
        raise errors.DatabaseError("PostgreSQL at postgresql://nowhere does not answer")

    monkeypatch.setattr(bootstrap, "shared_services", unreachable)
    with TestClient(mounted(None), headers={"Authorization": f"Bearer {keys.made()[1]}"}) as client:
        # The door does not know whom to let in.
        answer = client.get("/api/operations")
        assert "nowhere" not in problem(answer, 503, "database_unavailable")["detail"]
        assert client.get("/api/health/live").json() == {"status": "ok"}
    monkeypatch.setenv("PRAVAH_INSECURE", "1")
    with TestClient(mounted(None)) as client:
        for path in ("/api/jobs", "/api/health/ready", "/api/jobs/00000000-0000-0000-0000-000000000000"):
            answer = client.get(path)
            assert "PRAVAH_DATABASE_URL" in problem(answer, 503, "database_unavailable")["remedy"]
            assert answer.headers["retry-after"] == "5"
        assert client.get("/api/health/live").json() == {"status": "ok"}
        assert client.get("/api/operations").status_code == 200
        assert "pravah_database_up 0.0" in client.get("/api/metrics").text


def test_a_stream_that_breaks_is_broken_off_and_not_ended(
    client: TestClient, run_job: RunJob, services: bootstrap.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = run_job("checksum")["id"]

    def breaking(*_: object, **__: object) -> Any:
        yield b"half a"
        raise errors.StorageError("the connection broke")

    monkeypatch.setattr(services.results, "export", breaking)
    # What leaves the application makes the server close the connection before the last chunk.
    with pytest.raises(RuntimeError, match="already started") as raised:
        client.get(f"/api/jobs/{job_id}/results?format=csv")
    assert isinstance(raised.value.__cause__, errors.StorageError)
