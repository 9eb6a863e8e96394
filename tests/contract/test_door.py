"""Every route of the API and the dashboard, and the web socket, is behind the door: walked from the registries."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from pages import server
from services import bootstrap
from services.api import app as api
from services.api import asgi
from services.api.http import visits
from services.api.http.door import Door
from services.base import settings as settings_module

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette would rather have httpx2; httpx does the same
    from starlette.testclient import TestClient, WebSocketDenialResponse

ADDRESS = "http://127.0.0.1:8501"


def paths(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield method and path of everything that is served; ``WS`` for a web socket."""
    for route in routes:
        if isinstance(route, Mount):
            inner = route.app
            yield "GET", f"{prefix}{route.path}/anything"
            yield from paths(getattr(inner, "routes", []), prefix + route.path)
            continue
        if hasattr(route, "original_router"):
            yield from paths(route.original_router.routes, prefix)
            continue
        path = prefix + re.sub(r"\{[^}]*\}", "00000000-0000-0000-0000-000000000000", getattr(route, "path", ""))
        if isinstance(route, WebSocketRoute):
            yield "WS", path
        elif isinstance(route, Route):
            yield from ((method, path) for method in route.methods or {"GET"})
        else:
            pytest.fail(f"what is {route}?")


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Yield the dashboard with the API as it is served, without a worker; who is not let in needs no database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRAVAH_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        config = settings_module.load_settings()

        class Closed:
            """Services that nobody gets at."""

            settings = config

        patch.setattr(bootstrap, "shared_services", Closed)
        made = server.create_web()
        assert isinstance(made, Door)
        yield made


def test_every_path_of_dashboard_and_api_needs_a_key(dashboard: Door) -> None:
    found = set(paths(dashboard.app.app._build_starlette_app().routes))  # type: ignore[attr-defined]
    assert {("WS", "/_stcore/stream"), ("GET", "/"), ("GET", "/job"), ("GET", "/api/metrics")} <= found
    assert {("POST", "/api/jobs"), ("GET", "/api/openapi.json"), ("GET", "/api/docs")} <= found
    assert len(found) > 80
    client = TestClient(dashboard, ADDRESS)
    for method, path in sorted(found | {("GET", "/nothing"), ("GET", "/api"), ("BREW", "/api/jobs")}):
        if path in visits.OPEN and method in {"GET", "HEAD"}:
            continue
        if method == "WS":
            with (
                pytest.raises(WebSocketDenialResponse) as refused,
                client.websocket_connect(ADDRESS.replace("http", "ws") + path),
            ):
                pass
            assert refused.value.status_code == 401
            continue
        wrong = {"Authorization": "Bearer x"}, {"Cookie": "pravah_session_8501=x"}
        for headers in ({}, {"Accept": "text/html"}, *wrong):
            answer = client.request(method, path, headers=headers, follow_redirects=False)
            assert answer.status_code == 401, (method, path, headers)


@pytest.mark.parametrize("path", sorted(visits.OPEN))
def test_an_open_path_is_open_to_reading_only_and_only_as_it_is_written(dashboard: Door, path: str) -> None:
    client = TestClient(dashboard, ADDRESS)
    assert client.post(path).status_code == 401
    for tried in (f"{path}/", f"/{path}", path.upper(), f"{path};"):
        assert client.get(ADDRESS + tried).status_code == 401, tried


def test_the_api_alone_has_the_same_door() -> None:
    made = asgi.create()
    assert isinstance(made, Door)
    assert TestClient(made, ADDRESS).get("/api/jobs").status_code == 401


def test_openapi_says_how_to_log_in() -> None:
    app: FastAPI = api.create_app()
    document = app.openapi()
    assert document["security"] == [{"token": []}]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            is_open = f"/api{path}" in visits.OPEN
            assert (operation.get("security") == [{}]) == is_open, path
            assert "401" in operation["responses"]
