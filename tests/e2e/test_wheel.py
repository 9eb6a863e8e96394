"""The wheel in an empty environment, far from the checkout: command line, server and a page in the browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import fill, free_port, wait_until
from tests.e2e.conftest import REPOSITORY, open_page
from tests.processes import kill_group


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it with the versions that were tested; return the directory of its commands."""
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(["make", "wheel", f"DIST={directory}"], cwd=REPOSITORY, check=True, timeout=600)
    (wheel,) = directory.glob("*.whl")
    # The lock without its hashes constrains, and does not demand: what the wheel does not ask for is not installed.
    locked = re.sub(r" \\\n\s+--hash=\S+", "", (REPOSITORY / "requirements.lock").read_text())
    (directory / "constraints.txt").write_text(locked)
    subprocess.run([sys.executable, "-m", "venv", directory / "environment"], check=True)
    pip = [directory / "environment" / "bin" / "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--no-compile", "-c", directory / "constraints.txt", wheel], check=True)
    return directory / "environment" / "bin"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return variables that lead to nothing of the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PRAVAH_", "PYTHON"))}
    return kept | {"PRAVAH_DATA_DIR": str(tmp_path / "data"), "PRAVAH_ALLOWED_ROOTS": str(tmp_path / "source")}


@pytest.fixture
def server(installed: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Yield the address of `pravah serve`."""
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [installed / "pravah", "serve", "--port", str(port)],
            cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(
            lambda: process.poll() is not None or b"http://" in (tmp_path / "log").read_bytes(), "it serves", seconds=90
        )
        assert process.poll() is None, (tmp_path / "log").read_text()
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, (tmp_path / "log").read_text()
    finally:
        kill_group(process)


@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.browser
def test_the_wheel_runs_a_job_and_serves_its_pages(
    installed: Path, environment: dict[str, str], tmp_path: Path, server: str, page: Page
) -> None:
    source = fill(tmp_path / "source", {"a.txt": b"hello", "b/c.txt": b"world"})
    command = [installed / "pravah", "run", "checksum", source, "--json"]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert job["outcome"]["results"][0]["summary"]["files"] == 2

    open_page(page, f"{server}/job?id={job['id']}")
    expect(page.get_by_role("tab", name="Overview")).to_be_visible()
    open_page(page, f"{server}/new_job?path={source}")
    # The theme is a file of the wheel.
    expect(page.get_by_role("button", name="Start", exact=True)).to_have_css("background-color", "rgb(15, 118, 110)")
