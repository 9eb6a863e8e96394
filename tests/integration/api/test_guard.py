"""Who may call: hosts, origins, sizes; and the headers every answer carries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from services.api import app as api
from services.api import asgi
from services.base import addresses
from tests import asking, doors
from tests.integration.api.conftest import Kept, problem

MIB = 1 << 20


@pytest.fixture(scope="module")
def strict(kept: Kept) -> Iterator[TestClient]:
    """Yield a client of the API as it is in production: no name of the tests is admitted."""
    app = asgi.around(api.create_app(kept.services))
    with TestClient(app, "http://127.0.0.1:8501/api", headers=doors.bearer(kept.services)) as opened:
        yield opened


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8501", "127.0.0.1", "localhost:8501", "LOCALHOST", "[::1]:8501", "[::1]", "localhost:1"]
)
def test_loopback_is_admitted_by_every_name(strict: TestClient, host: str) -> None:
    assert strict.get("/health/live", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8501", "localhost@evil.example", "",
     "testserver", "evil.example:8501", "10.0.0.1", "[::2]", "[::1",
     "localhost/..", "localhost:port", "localhost:99999", "0.0.0.0"],
)  # fmt: skip
def test_another_host_is_refused_on_every_path(strict: TestClient, host: str) -> None:
    for path in ("/health/live", "/docs", "/openapi.json", "/metrics", "/nothing"):
        problem(strict.get(path, headers={"Host": host}), 403, "request_forbidden")


def admits(configured: str, host: str) -> bool:
    return addresses.Names(configured).is_known(host)


def test_the_configured_host_is_admitted_and_a_wildcard_admits_addresses_but_no_names() -> None:
    assert admits("pravah.lan", "pravah.lan:8501")
    assert admits("pravah.lan", "127.0.0.1")
    assert not admits("pravah.lan", "10.0.0.1")
    assert admits("192.168.1.5", "192.168.1.5:8501")
    assert not admits("192.168.1.5", "192.168.1.6")
    for wildcard in ("0.0.0.0", "::"):
        assert admits(wildcard, "10.0.0.1:8501")
        assert admits(wildcard, "[fe80::1]:8501")
        assert not admits(wildcard, "rebound.evil.example")


@pytest.mark.parametrize(
    ("origin", "authority", "is_own"),
    [
        ("https://pravah.lan", "pravah.lan", True),
        ("https://pravah.lan:443", "pravah.lan", True),
        # Pages that somebody on the way can make, with our name.
        ("http://pravah.lan", "pravah.lan", False),
        ("http://pravah.lan:443", "pravah.lan:443", False),
        ("https://pravah.lan:8443", "pravah.lan", False),
        # A tunnel to the server itself.
        ("http://127.0.0.1:8501", "127.0.0.1:8501", True),
        ("https://pravah.lan", "127.0.0.1:8501", True),
    ],
)
def test_behind_tls_a_page_without_it_is_another_origin(origin: str, authority: str, *, is_own: bool) -> None:
    assert addresses.Names("127.0.0.1", "https://pravah.lan").is_own_origin(origin, authority) == is_own


CHANGES = [
    ("POST", "/jobs"),
    ("POST", "/jobs/preview"),
    ("POST", "/jobs/preview/records"),
    ("POST", "/jobs/00000000-0000-0000-0000-000000000000/cancel"),
    ("POST", "/jobs/00000000-0000-0000-0000-000000000000/rerun"),
    ("DELETE", "/jobs/00000000-0000-0000-0000-000000000000"),
]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:8501"},
        {"Origin": "https://127.0.0.1"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "file://"},
        {"Origin": "http://127.0.0.1:8501@evil.example"},
        {"Origin": "http://127.0.0.1:8501/path"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_page_of_another_site_changes_nothing(strict: TestClient, headers: dict[str, str]) -> None:
    for method, path in CHANGES:
        problem(strict.request(method, path, headers=headers), 403, "request_forbidden")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8501"},
        {"Origin": "http://127.0.0.1:8501", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "localhost", "Origin": "http://localhost"},
        {"Host": "localhost:80", "Origin": "http://localhost"},
        {"Host": "LOCALHOST", "Origin": "https://localhost:443"},  # behind TLS the default port is another
    ],
    ids=str,
)
def test_our_own_pages_and_programs_may_change_things(kept: Kept, strict: TestClient, headers: dict[str, str]) -> None:
    body = asking.body("inventory", kept.source)
    assert strict.post("/jobs", json=body, headers=headers).status_code == 201


def test_reading_from_another_site_is_left_to_the_browser(strict: TestClient) -> None:
    answer = strict.get("/jobs", headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_every_answer_carries_the_safe_headers(strict: TestClient) -> None:
    answers = [
        strict.get("/jobs"),
        strict.get("/nothing"),
        strict.get("/jobs", headers={"Host": "evil.example"}),
        strict.delete("/jobs/00000000-0000-0000-0000-000000000000"),
        strict.get("/docs"),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] in {"no-referrer", "same-origin"}
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"]


def padded(size: int) -> bytes:
    head, tail = b'{"operations": [{"operation": "inventory"}], "source": {"path": "/nowhere"}', b"}"
    return head + b" " * (size - len(head) - len(tail)) + tail


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_body_has_at_most_a_mebibyte(strict: TestClient, announced: bool) -> None:
    def send(size: int) -> Any:
        body = padded(size)
        content = body if announced else chunks(body)
        return strict.post("/jobs", content=content, headers={"Content-Type": "application/json"})

    problem(send(MIB), 403, "source_forbidden")
    problem(send(MIB + 1), 413, "limit_exceeded")


@pytest.mark.parametrize("length", ["9" * 30, "1048577", "-1", "x"])
def test_what_a_client_announces_is_enough_to_refuse_it(strict: TestClient, length: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": length}
    answer = strict.post("/jobs", content=b"{}", headers=headers)
    assert answer.status_code == (413 if length.isdecimal() else 422)


def test_a_key_that_is_twice_in_an_object_is_refused_by_its_name(strict: TestClient) -> None:
    for body in ['{"name": "a", "name": "b"}', '{"source": {"path": "/x", "path": "/y"}, "operations": []}']:
        told = problem(
            strict.post("/jobs", content=body, headers={"Content-Type": "application/json"}), 400, "malformed_request"
        )
        assert ("'name' twice" if "name" in body else "'path' twice") in told["detail"]


def test_a_body_where_none_belongs_is_bounded_too(strict: TestClient) -> None:
    path = "/jobs/00000000-0000-0000-0000-000000000000"
    problem(strict.request("DELETE", path, content=b"x" * (MIB + 1)), 413, "limit_exceeded")
    problem(strict.request("DELETE", path, content=b"x"), 404, "job_not_found")
