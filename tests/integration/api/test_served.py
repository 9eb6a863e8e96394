"""The standalone application under a real server: start, docs in a browser, ranges over the wire, stop."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser

from services import bootstrap
from services.api import docs
from services.base import settings as settings_module
from tests import asking, doors
from tests.conftest import free_port, wait_until
from tests.integration.api.conftest import RunJob, ended, problem, store


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def process(settings: settings_module.Settings, tmp_path: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Yield ``uvicorn --factory services.api.asgi:create``; it ends without a trace in its log."""
    assert settings.database_url is not None
    environment = {
        **os.environ,
        "PRAVAH_DATA_DIR": str(settings.data_dir),
        "PRAVAH_DATABASE_URL": settings.database_url.get_secret_value(),
        "PRAVAH_ALLOWED_ROOTS": str(tmp_path),
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "services.api.asgi:create", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield started
    finally:
        started.terminate()
        started.wait(timeout=20)
    text = (tmp_path / "log").read_text()
    assert "Traceback" not in text
    assert "Finished server process" in text


@pytest.fixture
def server(process: subprocess.Popen[bytes], port: int, services: bootstrap.Services) -> Iterator[httpx.Client]:
    """Yield a client of the process, once it answers."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        wait_until(lambda: _answers(client), "the server answers; its log lies in the test's directory", seconds=60)
        client.headers.update(doors.bearer(services))
        yield client


def _answers(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return client.get("/api/health/live").status_code == 200
    return False


def test_the_road_over_the_wire(server: httpx.Client, running: bootstrap.Services, source: Path) -> None:
    """The server has no worker: one in another process takes the job."""
    answer = server.post("/api/jobs", json=asking.body("checksum", source))
    assert answer.status_code == 201
    address = answer.headers["location"]
    view = ended(server, answer.json()["id"])
    assert view["status"] == "COMPLETED"

    whole = server.get(f"{address}/artifacts/checksum/manifest.b3")
    part = server.get(f"{address}/artifacts/checksum/manifest.b3", headers={"Range": "bytes=-7"})
    head = server.head(f"{address}/artifacts/checksum/manifest.b3")
    assert (part.status_code, part.content) == (206, whole.content[-7:])
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole.content)))
    assert server.get(f"{address}/results?format=csv").headers["transfer-encoding"] == "chunked"

    # What a raw client can send and a library cannot.
    problem(server.get("/api/jobs", headers={"Host": "evil.example"}), 403, "request_forbidden")
    problem(server.post("/api/jobs", content=iter([b"x" * (1 << 20), b"x"])), 413, "limit_exceeded")
    # It is refused by what it announces, and the answer waits until the client has sent it.
    with contextlib.closing(http.client.HTTPConnection(server.base_url.host, server.base_url.port)) as plain:
        plain.request("POST", "/api/jobs", body=b"x" * (50 << 20), headers={**server.headers, "connection": "close"})
        assert plain.getresponse().status == 413
    problem(server.post("/", json={}), 405, "method_not_allowed")
    problem(server.get("/nothing"), 404, "not_found")
    assert server.delete(address).status_code == 204


def test_the_root_leads_to_docs_that_know_where_they_are(server: httpx.Client) -> None:
    answer = server.get("/", follow_redirects=True)
    assert answer.url.path == "/api/docs"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert server.get("/api/openapi.json").json()["servers"] == [{"url": "/api"}]
    assert server.get("/api/docs/page.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert server.get("/api/docs/page.css").headers["content-type"] == "text/css; charset=utf-8"


def test_docs_name_no_other_place() -> None:
    for name in ("page.html", "page.js", "page.css"):
        text = (Path(docs.__file__).parent / name).read_text()
        assert not re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text), name
        assert "innerHTML" not in text


@pytest.mark.browser
def test_docs_send_a_request_from_the_browser(
    server: httpx.Client, running: bootstrap.Services, source: Path, tmp_path: Path, browser: Browser
) -> None:
    errors: list[str] = []
    asked: set[str] = set()
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server.base_url}/?link={running.keys.new_link()}")
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked.add(request.url.split("/")[2]))
        page.goto(f"{server.base_url}/api/docs")
        page.locator("details.operation").first.wait_for()
        paths = server.get("/api/openapi.json").json()["paths"].values()
        assert page.locator("details.operation").count() == sum(len(path) for path in paths) > 30
        submit = page.locator("#submit")
        submit.locator("summary").first.click()
        submit.get_by_label("Example").select_option("checksum")
        body = submit.get_by_label("Body")
        body.fill(body.input_value().replace("/data/incoming", str(source)))
        submit.get_by_role("button", name="Send").click()
        submit.get_by_text("201 Created").wait_for()
        page.screenshot(path=tmp_path / "docs.png", full_page=True)

        page.get_by_label("Find").fill("artifacts/{name}")
        assert page.locator("details.operation:visible").count() == 1
    assert not errors
    assert asked == {server.base_url.netloc.decode()}
    wait_until(lambda: running.jobs.list().items[0].is_final, "the job that the page sent ends")


def test_rows_by_http_are_those_of_the_services(server: httpx.Client, run_job: RunJob) -> None:
    """Two processes over one database and one data directory."""
    job_id = run_job("inventory")["id"]
    found = server.get(f"/api/jobs/{job_id}/results", params={"filter": "kind:eq:file", "sort": "path"}).json()
    assert [row["path"] for row in found["rows"]] == sorted(row["path"] for row in found["rows"])
    assert found["total_rows"] == 6


def test_a_download_that_is_broken_off_leaves_no_file_open(
    server: httpx.Client,
    process: subprocess.Popen[bytes],
    services: bootstrap.Services,
    run_job: RunJob,
    tmp_path: Path,
) -> None:
    job_id = UUID(run_job()["id"])
    address = store(services, job_id, "large.bin", bytes(64 << 20), tmp_path)
    results = str(services.settings.data_dir / "results")

    def opened() -> list[str]:
        with contextlib.suppress(FileNotFoundError):  # one was closed while we looked
            links = [link.readlink() for link in Path(f"/proc/{process.pid}/fd").iterdir()]
            return [str(link) for link in links if str(link).startswith(results)]
        return ["?"]

    for _ in range(5):
        with server.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
            # Not compressed on the way: a range of it must continue what came before.
            assert answer.headers["Content-Length"] == str(64 << 20)
            chunks = answer.iter_raw()  # kept: without it the connection is closed
            assert len(next(chunks)) > 0
            wait_until(opened, "the file of a download that is not read to its end is open", seconds=10)
    wait_until(lambda: not opened(), "the server closes the files of downloads that nobody takes", seconds=10)
