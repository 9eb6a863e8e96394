"""How often and how large: rates of visitors, bodies of any path, the length of the queue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from services import bootstrap
from services.api import app as api
from services.api.http.door import Door
from services.api.http.limits import MAX_BODY_BYTES, Rates
from tests import doors
from tests.integration.api.conftest import TEST_HOST, problem


def test_a_rate_is_for_each_visitor_and_may_be_used_up_at_once() -> None:
    now = 1000.0
    rates = Rates(2, lambda: now)
    assert [rates.wait_seconds("a") for _ in range(21)] == [0] * 21
    assert rates.wait_seconds("a") == pytest.approx(0.5)
    assert rates.wait_seconds("b") == 0
    now += 0.5
    assert rates.wait_seconds("a") == 0
    assert rates.wait_seconds("a") > 0
    now += 3600
    assert [rates.wait_seconds("a") for _ in range(21)] == [0] * 21
    assert Rates(None).wait_seconds("a") == 0


def test_who_asks_too_often_is_told_when_to_ask_again(services: bootstrap.Services) -> None:
    slow = services.settings.model_copy(update={"requests_per_second": 0.5})
    inside = Mount("/api", app=api.create_app(services))
    door = Door(Starlette(routes=[inside]), slow, lambda: services, extra_hosts=(TEST_HOST,))
    with TestClient(door) as client:
        key, other = doors.bearer(services), doors.bearer(services)
        statuses = [client.get("/api/operations", headers=key).status_code for _ in range(7)]
        assert statuses == [200] * 6 + [429]
        refused = client.get("/api/operations", headers=key)
        assert problem(refused, 429, "too_many_requests")["remedy"]
        assert 1 <= int(refused.headers["Retry-After"]) <= 3
        assert client.get("/api/operations", headers=other).status_code == 200
        assert [client.get("/api/operations").status_code for _ in range(7)] == [401] * 6 + [429]
        page = client.get("/", headers={"Accept": "text/html"})
        assert page.status_code == 429
        assert "Too many requests" in page.text
        assert client.get("/api/health/live").status_code == 200, "what orchestration asks is always answered"


@pytest.fixture
def client(services: bootstrap.Services) -> Iterator[TestClient]:
    """Yield a client of the API, and of a page that reads bodies as it likes."""

    async def size(request: Request) -> Response:
        return Response(str(len(await request.body())))

    routes = [Route("/page", size, methods=["POST", "PUT"]), Mount("/api", app=api.create_app(services))]
    door = Door(Starlette(routes=routes), services.settings, lambda: services, extra_hosts=(TEST_HOST,))
    with TestClient(door, headers=doors.bearer(services), raise_server_exceptions=False) as opened:
        yield opened


@pytest.mark.parametrize("path", ["/api/jobs", "/page", "/nothing"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_large_body_is_refused_on_every_path(client: TestClient, path: str, *, is_known: bool) -> None:
    headers = {} if is_known else {"Authorization": ""}
    refused = client.post(path, content=b"x" * (MAX_BODY_BYTES + 1), headers=headers)
    assert "1,048,576 bytes" in problem(refused, 413, "limit_exceeded")["detail"]


def test_a_large_body_of_unknown_size_does_not_reach_a_page(client: TestClient) -> None:
    assert client.post("/page", content=iter([b"x" * 1000] * 3)).text == "3000"
    answer = client.post("/page", content=iter([b"x" * (MAX_BODY_BYTES // 2)] * 3))
    assert answer.status_code != 200
    problem(client.post("/api/jobs", content=iter([b"x" * (MAX_BODY_BYTES // 2)] * 3)), 413, "limit_exceeded")
