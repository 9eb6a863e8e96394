"""Journeys on the command line with the embedded PostgreSQL, as on a machine where nothing is set up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.base import sample
from tests.conftest import TreeBuilder, free_port
from tests.processes import Pravah


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home directory where Pravah was never used."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture
def pravah(home: Path) -> Iterator[Pravah]:
    """Yield the command line of that home; its database is down when the test ends."""
    processes = Pravah({"HOME": str(home), "XDG_DATA_HOME": ""}, home)
    yield processes
    processes.close()
    if _is_up(home):
        processes.run("jobs", "list")  # what was killed is forgotten, and the last user stops the server


def _data(home: Path) -> Path:
    return home / ".local" / "share" / "pravah"


def _is_up(home: Path) -> bool:
    lock = _data(home) / "postgres" / "postmaster.pid"
    return lock.exists()


def test_the_five_minute_tour(pravah: Pravah, home: Path, tmp_path: Path) -> None:
    assert pravah.run("doctor").returncode == 0
    sample.make(home / "archive")
    inventory = pravah.run("run", "inventory", "archive")
    assert inventory.returncode == 0, inventory.stderr
    assert b"Largest file" in inventory.stdout
    shutil.copytree(home / "archive", home / "original", symlinks=True)
    shutil.copytree(home / "archive", home / "copy", symlinks=True)
    proof = pravah.run("run", "checksum", "original", "--algorithms", "blake3,sha256", "--output", "proof")
    assert proof.returncode == 0, proof.stderr
    checked = subprocess.run(
        ["sha256sum", "--quiet", "-c", home / "proof" / "checksum" / "manifest.sha256"], cwd=home / "copy", check=False
    )
    assert checked.returncode == 0
    assert pravah.run("verify", "proof/checksum/manifest.b3", "copy").returncode == 0
    (home / "copy" / "docs" / "README.md").write_text("other")
    verdict = pravah.run("verify", "proof/checksum/manifest.b3", "copy")
    assert verdict.returncode == 1
    assert b"docs/README.md: changed\n" in verdict.stdout
    listed = pravah.json("jobs", "list")["items"]
    assert [job["operations"][0]["operation"] for job in listed] == ["verify", "verify", "checksum", "inventory"]
    assert not _is_up(home)


def test_a_path_outside_of_home_is_refused_and_the_remedy_works(pravah: Pravah, tree: TreeBuilder) -> None:
    outside = str(tree({"a": b"1"}))
    refused = pravah.run("run", "inventory", outside)
    assert refused.returncode == 3
    assert b"PRAVAH_ALLOWED_ROOTS" in refused.stderr
    assert pravah.run("run", "inventory", outside, env={"PRAVAH_ALLOWED_ROOTS": outside}).returncode == 0
    assert pravah.run("run", "inventory", ".", cwd=outside).returncode == 0


def test_commands_beside_a_running_server_share_its_database_and_leave_it_alive(pravah: Pravah, home: Path) -> None:
    port = free_port()
    server = pravah.start("serve", "--port", str(port))
    assert server.stdout is not None
    assert server.stdout.readline() == f"Pravah is at http://127.0.0.1:{port} (Ctrl-C stops it)\n".encode()
    server.stdout.readline()
    link = server.stdout.readline().decode().strip()
    source = str(_data(home) / "sample")
    ran = pravah.json("run", "inventory", source)
    submitted = pravah.run("submit", "checksum", source).stdout.decode().strip()
    assert pravah.json("jobs", "wait", submitted)["status"] == "COMPLETED"
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    browser.open(link, timeout=30).close()
    with browser.open(f"http://127.0.0.1:{port}/api/jobs", timeout=30) as answer:
        seen = {job["id"]: job["status"] for job in json.load(answer)["items"]}
    assert seen == {ran["id"]: "COMPLETED", submitted: "COMPLETED"}
    assert server.poll() is None
    assert _is_up(home)
    os.killpg(server.pid, signal.SIGTERM)
    out, err = server.communicate(timeout=60)
    assert (server.returncode, out, err) == (0, b"", b"")
    assert not _is_up(home)


def test_the_server_may_stop_while_a_command_runs_its_job(pravah: Pravah, home: Path) -> None:
    server = pravah.start("serve", "worker")
    assert server.stdout is not None
    server.stdout.readline()
    with (home / "large").open("wb") as file:
        file.truncate(1 << 30)
    # Whoever takes the job: the command sees its end, on the database that the worker started and left.
    command = pravah.start("run", "checksum", ".", "--extension", "", "--algorithm", "md5", "--json")
    os.killpg(server.pid, signal.SIGTERM)
    assert server.wait(timeout=60) == 0
    out, err = command.communicate(timeout=120)
    assert command.returncode == 0, err
    assert json.loads(out)["status"] == "COMPLETED"
    assert not _is_up(home)


def test_two_first_commands_at_once_make_one_database(pravah: Pravah, home: Path) -> None:
    (home / "a").write_text("a")
    started = [pravah.start("run", "checksum", str(home), "--ignore-glob", ".local", "--json") for _ in range(3)]
    documents = []
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        documents.append(json.loads(out))
    assert len({document["id"] for document in documents}) == 3
    assert [document["outcome"]["results"][0]["summary"]["files"] for document in documents] == [1, 1, 1]
    assert len(pravah.json("jobs", "list")["items"]) == 3
    assert not _is_up(home)
