"""The door: links, sessions, tokens, logout, names; what revokes and what expires."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from services import bootstrap
from services.api.http.door import Door
from services.base import errors
from services.models.keys import Kind
from services.use_cases import keys as key_service
from tests import doors
from tests.integration.api.conftest import problem

ADDRESS = "http://127.0.0.1:8501"
SOCKET = "ws://127.0.0.1:8501/socket"
BROWSER = {"Accept": "text/html,*/*"}


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


async def inside(request: Any) -> JSONResponse:
    return JSONResponse({"root": request.scope.get("root_path"), "path": request.url.path, "query": request.url.query})


def behind(services: bootstrap.Services, **change: Any) -> Door:
    """Return the door with these settings, in front of something small."""
    routes = [WebSocketRoute("/socket", echo), Mount("/api", routes=[Route("/jobs", inside, methods=["GET", "POST"])])]
    routes += [Route("/{path:path}", inside)]
    config = services.settings.model_copy(update=change)
    return Door(Starlette(routes=routes), config, lambda: services)


@pytest.fixture
def browser(services: bootstrap.Services) -> Iterator[TestClient]:
    """Yield a browser that is not logged in."""
    with TestClient(behind(services), ADDRESS, headers=BROWSER) as opened:
        yield opened


def log_in(client: TestClient, services: bootstrap.Services, path: str = "/") -> Any:
    return client.get(f"{path}?link={services.keys.new_link()}", follow_redirects=False)


def test_a_link_opens_one_session_and_leaves_the_address(browser: TestClient, services: bootstrap.Services) -> None:
    link = services.keys.new_link()
    assert browser.head(f"/?link={link}").status_code == 401, "a program that looks at a link does not use it up"
    assert browser.get(f"/?link={link}", headers={"Sec-Purpose": "prefetch"}).status_code == 503
    answer = browser.get(f"/job?id=7&link={link}&a=b%20c", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/job?id=7&a=b+c")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("pravah_session_8501=pravah_")
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=2592000"} <= set(cookie.split("; ")[1:])
    assert "Secure" not in cookie
    assert browser.get("/job").status_code == 200
    # Twice in the same browser is no mistake; in another one it is.
    assert browser.get(f"/?link={link}", follow_redirects=False).status_code == 303
    browser.cookies.clear()
    refused = browser.get(f"/?link={link}")
    assert refused.status_code == 401
    assert "pravah link" in refused.text
    assert browser.get("/job").status_code == 401


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "///evil.example"])
def test_a_link_leads_to_no_other_host(services: bootstrap.Services, path: str) -> None:
    client = TestClient(behind(services), ADDRESS)
    answer = client.get(f"{ADDRESS}{path}?link={services.keys.new_link()}", follow_redirects=False)
    assert answer.status_code == 303
    assert not answer.headers["location"].startswith(("//", "/\\"))
    assert answer.headers["location"].startswith("/")


def test_without_a_session_a_person_reads_how_to_get_in_and_a_program_gets_a_problem(browser: TestClient) -> None:
    page = browser.get("/")
    assert page.status_code == 401
    assert "<code>pravah link</code>" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "refresh" not in page.text
    found = problem(browser.get("/api/jobs", headers={"Accept": "*/*"}), 401, "not_authenticated")
    assert "pravah tokens add" in found["remedy"]
    # A link of another site: the browser sends no cookie, so it has to ask again from this page.
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert 'http-equiv="refresh"' in browser.get("/", headers=headers).text


def test_a_session_ends_by_log_out_and_by_revocation(browser: TestClient, services: bootstrap.Services) -> None:
    log_in(browser, services)
    assert browser.get("/logout").status_code == 200
    assert browser.get("/").status_code == 200, "asking is not doing"
    foreign = browser.post("/logout", headers={"Origin": "http://127.0.0.1:9999"})
    assert foreign.status_code == 403
    assert browser.post("/logout", headers={"Origin": ADDRESS}).status_code == 200
    assert services.keys.list(Kind.SESSION) == []
    assert browser.get("/").status_code == 401
    log_in(browser, services)
    assert browser.get("/").status_code == 200
    services.keys.revoke(services.keys.list(Kind.SESSION)[0].id)
    assert browser.get("/").status_code == 401


def test_another_process_revokes_within_the_time_that_a_server_remembers(
    browser: TestClient, services: bootstrap.Services
) -> None:
    log_in(browser, services)
    other = key_service.KeyService(services.database, services.settings)
    with browser.websocket_connect(SOCKET) as socket:
        socket.send_text("in")
        assert socket.receive_text() == "in"
        other.revoke(other.list(Kind.SESSION)[0].id)
        time.sleep(key_service.LOOK_SECONDS)
        assert browser.get("/").status_code == 401
        socket.send_text("still in?")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def test_a_session_ends_when_it_is_old_or_not_used(browser: TestClient, services: bootstrap.Services) -> None:
    for column, age in (("expires_at", "1 second"), ("used_at", "25 hours")):
        log_in(browser, services)
        assert browser.get("/").status_code == 200
        with services.database.transaction() as session:
            session.execute(f"UPDATE access_keys SET {column} = now() - interval '{age}'")
        time.sleep(key_service.LOOK_SECONDS)
        assert browser.get("/").status_code == 401, column


def test_a_token_is_for_the_header_and_a_session_for_the_cookie(services: bootstrap.Services) -> None:
    secret, view = services.keys.add_token("a script", 1)
    session = services.keys.open_session(services.keys.new_link(), "a browser", None)
    client = TestClient(behind(services), ADDRESS)

    def status(**headers: str) -> int:
        return client.get("/api/jobs", headers=headers).status_code

    assert status(Authorization=f"Bearer {secret}") == 200
    assert status(Authorization=f"bearer {secret}") == 200
    assert status(Cookie=f"pravah_session_8501={session}") == 200
    # Another server of this host has a cookie of the same name at another path.
    assert status(Cookie=f"a=b; pravah_session_8501=other; pravah_session_8501={session}") == 200
    assert status(Cookie=f"pravah_session_8502={session}") == 401
    assert status(Authorization=f"Bearer {session}") == 401
    assert status(Cookie=f"pravah_session_8501={secret}") == 401
    assert status(Authorization=f"Bearer {secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}") == 401
    assert status(Authorization=f"Bearer {services.keys.new_link()}") == 401
    # A proxy's own credentials are not ours to judge; a wrong token is.
    assert status(Authorization="Basic eDp5", Cookie=f"pravah_session_8501={session}") == 200
    assert status(Authorization="Bearer x", Cookie=f"pravah_session_8501={session}") == 401
    assert client.get(f"/api/jobs?link={services.keys.new_link()}").status_code == 401
    services.keys.revoke(view.id)
    assert status(Authorization=f"Bearer {secret}") == 401


def test_no_secret_is_stored(services: bootstrap.Services) -> None:
    secret, _ = services.keys.add_token("a script", 1)
    link = services.keys.new_link()
    with services.database.transaction() as session:
        rows = " ".join(str(row) for row in session.rows("SELECT t::text FROM access_keys t"))
    for one in (secret, link):
        assert one.rpartition("_")[2] not in rows
        assert one.encode().hex() not in rows


@pytest.mark.parametrize(("name", "days"), [("", 1), ("x" * 101, 1), ("a\nb", 1), ("a", 0), ("a", 3651), ("taken", 1)])
def test_a_token_that_cannot_be_is_refused(services: bootstrap.Services, name: str, days: float) -> None:
    services.keys.add_token("taken", 1)
    with pytest.raises(errors.InvalidOptionsError):
        services.keys.add_token(name, days)


def test_while_the_database_is_away_its_last_answer_stands_and_nobody_new_comes_in(
    browser: TestClient, services: bootstrap.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(browser, services)
    assert browser.get("/").status_code == 200

    def away() -> None:
        raise errors.DatabaseError("PostgreSQL at nowhere does not respond")

    monkeypatch.setattr(services.database, "transaction", away)
    time.sleep(key_service.LOOK_SECONDS)
    assert browser.get("/").status_code == 200
    browser.cookies.clear()
    browser.cookies.set("pravah_session_8501", key_service.keys.made()[1])
    refused = browser.get("/")
    assert refused.status_code == 503
    assert "nowhere" not in refused.text


def test_insecure_lets_everybody_in_but_no_foreign_page(services: bootstrap.Services) -> None:
    client = TestClient(behind(services, insecure=True, host="0.0.0.0"), ADDRESS)
    assert client.get("/api/jobs").status_code == 200
    assert client.get("/", headers={"Host": "10.0.0.1:8501"}).status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert client.post("/api/jobs", headers={"Origin": "http://evil.example"}).status_code == 403
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text("in")
        assert socket.receive_text() == "in"


@pytest.mark.parametrize("root", ["", "/pravah"])
def test_the_public_url_is_the_name_the_scheme_and_the_path(services: bootstrap.Services, root: str) -> None:
    url = f"https://pravah.example.org{root}"
    door = behind(services, public_url=url, host="0.0.0.0")
    client = TestClient(door, ADDRESS, headers={"Host": "pravah.example.org"})
    answer = log_in(client, services, f"{root}/jobs")
    assert answer.headers["location"] == f"{root}/jobs"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("pravah_session_443=")
    assert {"Secure", f"Path={root}/"} <= set(cookie.split("; "))
    inside = {"Cookie": cookie.partition(";")[0]}
    # Whether the proxy leaves the path as it is or takes it away.
    for path in {f"{root}/jobs", "/jobs"}:
        found = client.get(path, headers=inside).json()
        assert found == {"root": root, "path": f"{root}/jobs", "query": ""}
    own = {**inside, "Origin": "https://pravah.example.org"}
    assert client.post("/api/jobs", headers=own).status_code == 200
    assert client.post("/api/jobs", headers={**own, "Host": "127.0.0.1:8501"}).status_code == 401, "another cookie"
    for origin in ("https://pravah.example.org:8443", "http://pravah.example.org:8080", "https://evil.example", "null"):
        assert client.post("/api/jobs", headers={**own, "Origin": origin}).status_code == 403, origin
    for host in ("10.0.0.1", "evil.example", "pravah.example.org.evil.example"):
        assert client.get("/jobs", headers={**inside, "Host": host}).status_code == 403, host


def test_the_door_costs_less_than_two_milliseconds(services: bootstrap.Services) -> None:
    door = behind(services)
    headers = doors.bearer(services)

    def median(app: Any) -> float:
        client = TestClient(app, ADDRESS, headers=headers)
        with client:
            times = []
            for _ in range(200):
                started = time.perf_counter()
                assert client.get("/api/jobs").status_code == 200
                times.append(time.perf_counter() - started)
        return statistics.median(times)

    cost = median(door) - median(door.app)
    assert cost < 0.002, f"{cost * 1000:.2f} ms"
