"""The command line with ``PRAVAH_URL``: it prints for a server what it prints on the server's machine."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from services import bootstrap
from services.api import app as api
from services.api import asgi
from services.cli import commands, reach
from services.cli.connection import VERSION_HEADER
from services.cli.reach import Reach
from services.models.jobs import JobRequest, OperationRequest, Source, Status
from tests import doors
from tests.conftest import TreeBuilder, free_port, wait_until
from tests.contract.test_cli import _commands
from tests.integration.cli.conftest import Cli, Done


@pytest.fixture
def url(running: bootstrap.Services) -> Iterator[str]:
    """Yield the address of a server with a worker."""
    port = free_port()
    config = uvicorn.Config(asgi.around(api.create_app(running)), port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the server listens")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def remote(cli: Cli, url: str, running: bootstrap.Services, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return the command line with that server; it knows no database."""
    monkeypatch.setenv(reach.URL, url)
    monkeypatch.setenv(reach.TOKEN, doors.bearer(running)["Authorization"].partition(" ")[2])
    monkeypatch.setenv("PRAVAH_DATABASE_URL", "postgresql://nowhere.invalid/x")
    return cli


def finished(services: bootstrap.Services, source: Path, *names: str) -> str:
    """Run a job of several operations to its end; return its id."""
    asked = tuple(OperationRequest(operation=name) for name in names)
    job = services.jobs.submit(JobRequest(operations=asked, source=Source.of_path(source)))[0]
    assert services.jobs.wait(job.id, 60).status == Status.COMPLETED
    return str(job.id)


def said(done: Done) -> str:
    """Return what a command has printed, without what depends on the moment."""
    return re.sub(r"just now|\d+ \w+ ago| +|(?<=elapsed_seconds\": )[\d.e-]+", " ", done.out)


def test_the_table_has_every_command() -> None:
    leaves = {path for path, _ in _commands(commands.command)}
    named = {path if path in reach.COMMANDS else path.partition(" ")[0] for path in leaves}
    assert named == set(reach.COMMANDS)


@pytest.mark.parametrize("command", [name for name, kind in reach.COMMANDS.items() if kind == Reach.HERE])
def test_what_is_not_available_says_so(cli: Cli, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reach.URL, "http://127.0.0.1:1")
    found = commands.command
    for word in command.split():
        found = found.get_command(None, word)
    arguments = [
        value
        for one in found.params
        if one.required
        for value in ([] if one.param_type_name == "argument" else [one.opts[0]]) + ["1"]
    ]
    done = cli(*command.split(), *arguments, status=2)
    assert f"`pravah {command}` is not available over PRAVAH_URL" in done.err


def test_a_server_prints_what_its_machine_prints(
    cli: Cli, running: bootstrap.Services, small: Path, tree: TreeBuilder, request: pytest.FixtureRequest
) -> None:
    tables = tree({"a.csv": b"id,x\n1,2\n2,y\n3,4\n", "b.csv": b"id,x\n1,2\n"}, name="tables")
    first = finished(running, small, "inventory", "checksum", "duplicates")
    (small / "new.txt").write_text("hello")
    second = finished(running, small, "inventory", "checksum", "duplicates")
    profile = finished(running, tables, "profile")
    asked: list[tuple[str, ...]] = [
        ("jobs", "list"),
        ("jobs", "list", "--json"),
        ("jobs", "list", "--limit", "1", "--operation", "checksum"),
        ("jobs", "show", first[:8]),
        ("jobs", "show", "latest", "--json"),
        ("jobs", "wait", first),
        ("jobs", "results", first, "checksum.result"),
        (
            "jobs",
            "results",
            first,
            "inventory.result",
            "--json",
            "--filter",
            "size_bytes:ge:5",
            "--sort",
            "-size_bytes",
        ),
        ("jobs", "results", first, "inventory.result", "--limit", "0"),
        ("jobs", "results", first, "inventory.result", "--format", "csv"),
        ("jobs", "results", first, "inventory.result", "--format", "csv", "--spreadsheet"),
        ("jobs", "issues", first),
        ("jobs", "schema", profile, "--json"),
        ("jobs", "problems", profile),
        ("jobs", "removal", second),
        ("jobs", "removal", second, "--plan", "csv"),
        ("jobs", "compare", first, second, "--operation", "checksum"),
        ("jobs", "compare", first, second, "--operation", "inventory", "--format", "csv", "--spreadsheet"),
        ("jobs", "download", first, "outcome.json", "-o", "-"),
        ("jobs", "pin", second),
        ("jobs", "unpin", second),
        ("jobs", "cancel", first),
        ("run", "inventory", str(small), "--preview"),
        ("operations",),
    ]
    here = [cli(*command) for command in asked]
    remote: Cli = request.getfixturevalue("remote")
    for command, expected in zip(asked, here, strict=True):
        found = remote(*command)
        assert (command, said(found), found.err) == (command, said(expected), expected.err)


def test_a_job_runs_there_and_its_files_come_here(remote: Cli, small: Path, tmp_path: Path) -> None:
    done = remote("run", "checksum", str(small), "--output", str(tmp_path / "saved"))
    assert "Saved:" in done.out
    assert (tmp_path / "saved" / "checksum" / "manifest.b3").exists()
    again = remote("jobs", "rerun", "latest").out.strip()
    assert remote("jobs", "wait", again, "--json").document["rerun_of"] is not None
    remote("jobs", "delete", again, "--yes")
    assert "does not exist" in remote("jobs", "show", again, status=3).err
    key = remote("submit", "inventory", str(small), "--idempotency-key", "one").out
    assert remote("submit", "inventory", str(small), "--idempotency-key", "one").out == key
    assert "absolute" in remote("run", "inventory", "small", status=2).err
    assert "outside the allowed roots" in remote("run", "inventory", "/etc", status=3).err
    assert remote("jobs", "results", "latest", "nonsense", status=3).err


def test_a_wrong_token_is_told(remote: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reach.TOKEN, "wrong")
    problem = remote("jobs", "list", "--json", status=3).problem
    assert problem["code"] == "not_authenticated"
    assert "PRAVAH_TOKEN" in problem["detail"]
    monkeypatch.delenv(reach.TOKEN)
    assert "PRAVAH_TOKEN is not" in remote("jobs", "list", status=2).err


class Stranger(http.server.BaseHTTPRequestHandler):
    """Answers as something else, or as another version."""

    headers_sent: dict[str, str] = {}
    content = b"<html>"
    code = 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.code)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("code", "sent", "content", "said"),
    [
        (200, {VERSION_HEADER: "99.0"}, b"{}", "is Pravah 99.0, and this is"),
        (200, {}, b"{}", "is an earlier Pravah"),
        (404, {}, b"<html>", "is not Pravah"),
        (301, {"Location": "https://elsewhere/"}, b"", "sends to https://elsewhere/"),
    ],
)
def test_a_server_of_another_kind_is_told(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, code: int, sent: dict[str, str], content: bytes, said: str
) -> None:
    handler = type("Handler", (Stranger,), {"headers_sent": sent, "content": content, "code": code})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(reach.URL, f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv(reach.TOKEN, "a")
        assert said in cli("jobs", "list", status=5).err
        server.shutdown()


def test_a_server_that_is_not_there_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reach.URL, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv(reach.TOKEN, "a")
    problem = cli("jobs", "list", "--json", status=5).problem
    assert problem["code"] == "server_unavailable"
    assert "refused" in problem["detail"]
    monkeypatch.setenv(reach.URL, "nonsense")
    cli("jobs", "list", status=2)
