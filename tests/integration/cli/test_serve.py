"""``pravah serve``: starts, says where it is in one line, stops in order."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from services import bootstrap
from services.models.jobs import Source, Status
from tests.asking import one_job
from tests.conftest import free_port, wait_until
from tests.processes import Pravah

COOKIES = CookieJar()


def _line(process: subprocess.Popen[bytes]) -> str:
    """Return the line that says that it is there."""
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    assert line, process.stderr and process.stderr.read().decode()
    return line


def _link(process: subprocess.Popen[bytes]) -> str:
    """Return the link to log in, from the lines after that."""
    assert _line(process).startswith("To log in, open this link.")
    return _line(process).strip()


def _stop(process: subprocess.Popen[bytes], number: signal.Signals) -> str:
    """End it; return what else it said."""
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return (out + err).decode()


def _get(url: str) -> tuple[int, bytes]:
    keeper = urllib.request.HTTPCookieProcessor(COOKIES)
    with urllib.request.build_opener(keeper).open(url, timeout=30) as answer:
        return answer.status, answer.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_all_serves_dashboard_api_and_worker(
    number: signal.Signals, pravah: Pravah, small: Path, services: bootstrap.Services
) -> None:
    port = free_port()
    server = pravah.start("serve", "--port", str(port))
    assert _line(server) == f"Pravah is at http://127.0.0.1:{port} (Ctrl-C stops it)\n"
    assert _link(server).startswith(f"http://127.0.0.1:{port}/?link=pravah_")
    assert json.loads(_get(f"http://127.0.0.1:{port}/api/health/live")[1])
    job, _ = services.jobs.submit(one_job(operation="inventory", source=Source.of_path(small)))
    assert services.jobs.wait(job.id, 30).status == Status.COMPLETED
    assert _stop(server, number) == ""


@pytest.mark.parametrize(("part", "path"), [("web", "/"), ("api", "/api/jobs")])
def test_a_face_alone_runs_no_jobs(
    part: str, path: str, pravah: Pravah, small: Path, services: bootstrap.Services
) -> None:
    server = pravah.start("serve", part, "--port", "0", "--json")
    assert server.stdout is not None
    document = ""
    while not document.endswith("}\n"):
        document += server.stdout.readline().decode()
    told = json.loads(document)
    assert told["part"] == part
    assert told["pid"] == server.pid
    assert _get(told["link"])[0] == 200
    assert _get(told["url"].removesuffix("/api/docs") + path)[0] == 200
    job, _ = services.jobs.submit(one_job(operation="inventory", source=Source.of_path(small)))
    assert _get(told["url"])[0] == 200
    assert _stop(server, signal.SIGTERM) == ""
    assert services.jobs.get(job.id).status == Status.PENDING


def test_a_worker_runs_jobs_and_hands_them_on_when_it_stops(
    pravah: Pravah, slow: Path, small: Path, services: bootstrap.Services
) -> None:
    worker = pravah.start("serve", "worker")
    assert _line(worker).startswith("Pravah worker for ")
    done, _ = services.jobs.submit(one_job(operation="inventory", source=Source.of_path(small)))
    assert services.jobs.wait(done.id, 30).status == Status.COMPLETED
    request = one_job(operation="checksum", source=Source.of_path(slow), options={"algorithms": ["md5"]})
    job, _ = services.jobs.submit(request)
    wait_until(lambda: services.jobs.get(job.id).progress, "the job makes progress")
    assert _stop(worker, signal.SIGTERM) == ""
    view = services.jobs.get(job.id)
    assert view.status in {Status.INTERRUPTED, Status.PENDING}
    assert "INTERRUPTED" in [event.status for event in view.events]
    pravah.start("serve", "worker")
    wait_until(lambda: services.jobs.get(job.id).status == Status.RUNNING, "the next worker takes it")
    assert services.jobs.get(job.id).attempt == 2
    services.jobs.cancel(job.id)


def test_a_taken_port_is_told_with_what_to_do(pravah: Pravah) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = pravah.run("serve", "--port", str(port))
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        f"pravah: cannot listen on 127.0.0.1:{port}: address already in use",
        "  Stop the other program, or choose another port with --port (0 = any free port).",
    ]


def test_a_second_server_says_that_the_first_is_there(pravah: Pravah) -> None:
    port = str(free_port())
    _line(pravah.start("serve", "api", "--port", port))
    second = pravah.run("serve", "api", "--port", port)
    assert second.returncode == 2
    assert f"Pravah is already running: open http://127.0.0.1:{port}" in second.stderr.decode()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_told(host: str, pravah: Pravah) -> None:
    env = {"PRAVAH_PUBLIC_URL": "https://pravah.example.org"}
    done = pravah.run("serve", "--host", host, "--port", str(free_port()), env=env)
    assert done.returncode == 2
    assert "--host; 127.0.0.1 is the safest" in done.stderr.decode()


def test_an_address_for_everybody_needs_a_name_or_is_warned_about(pravah: Pravah) -> None:
    refused = pravah.run("serve", "api", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 2
    assert b"Set PRAVAH_PUBLIC_URL" in refused.stderr
    server = pravah.start("serve", "api", "--host", "0.0.0.0", "--port", "0", env={"PRAVAH_INSECURE": "1"})
    assert _line(server).startswith("Pravah is at http://127.0.0.1:")
    assert server.stderr is not None
    assert b"everybody who can reach this address can use Pravah" in server.stderr.readline()


def test_a_unix_socket_is_for_its_owner(pravah: Pravah, tmp_path: Path) -> None:
    path = tmp_path / "pravah.sock"
    for _ in range(2):  # the second replaces what the first has left
        server = pravah.start("serve", "api", "--host", f"unix:{path}", "--json")
        wait_until(path.exists, "the socket is there")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert server.stdout is not None
        server.stdout.readline()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /api/jobs HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 401")
        refused = pravah.run("serve", "api", "--host", f"unix:{path}")
        assert (refused.returncode, b"address already in use" in refused.stderr) == (2, True)
        server.kill()
        server.wait()


def test_a_database_that_is_away_is_told_before_anything_listens(pravah: Pravah) -> None:
    env = {"PRAVAH_DATABASE_URL": f"postgresql://any@127.0.0.1:{free_port()}/none"}
    for part in ("all", "web", "worker"):
        done = pravah.run("serve", part, "--port", str(free_port()), env=env)
        assert done.returncode == 5
        assert done.stdout == b""
        assert "Start the server of PRAVAH_DATABASE_URL" in done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()
