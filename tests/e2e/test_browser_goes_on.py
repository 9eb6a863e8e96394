"""A job that is paused, resumed, and outlives its server, as seen in the browser."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.conftest import free_port, wait_until
from tests.e2e.conftest import AWAY, Dashboard, completed, open_page, serving, start_job

FILES, FILE_BYTES = 2_000, 4 << 20
AT_ITS_CENTRE = """element => {
    const box = element.getBoundingClientRect();
    return element.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
}"""
FORM = json.dumps({"algorithms": ["sha256", "sha1", "md5"]})


def _tree(root: Path) -> Path:
    """Make sparse files: seconds of work, little space."""
    source = root / "source"
    for number in range(FILES):
        path = source / f"{number % 10}" / f"{number:05d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(str(number).encode())
            file.truncate(FILE_BYTES)
    return source


def _job(server: Dashboard, page: Page) -> dict[str, Any]:
    job_id = page.url.rpartition("id=")[2]
    with urllib.request.urlopen(f"{server.url}/api/jobs/{job_id}", timeout=20) as answer:
        job: dict[str, Any] = json.loads(answer.read())
    return job


@pytest.mark.slow
def test_a_job_is_paused_and_resumed_and_goes_on_after_its_server_was_killed(
    page: Page, context: BrowserContext, tmp_path: Path, make_database: Callable[[], str]
) -> None:
    database, port = make_database(), free_port()

    def until_something_is_kept(server: Dashboard) -> None:
        def is_kept() -> bool:
            job = _job(server, page)
            assert job["status"] in {"PENDING", "RUNNING"}, "it ended too soon to be disturbed"
            progress = job["progress"]
            # A shard is closed after two seconds.
            return bool(progress and progress["files_done"] and progress["elapsed_seconds"] > 3)

        wait_until(is_kept, "something is kept", seconds=60)

    with serving(tmp_path, database, port=port) as server:
        start_job(page, server, _tree(server.root), "checksum", FORM)
        until_something_is_kept(server)
        page.get_by_role("button", name="Pause", exact=True).click()
        expect(page.get_by_text("This job is paused. When it is resumed, Checksum continues")).to_be_visible()
        expect(page.get_by_text("in the queue")).to_have_count(0)
        resume = page.get_by_role("button", name="Resume", exact=True)
        expect(resume).to_be_visible()
        # The pointer is where it was: what is told does not cover the button.
        assert resume.evaluate(AT_ITS_CENTRE)
        resume.click()
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        wait_until(lambda: _job(server, page)["attempt"] == 2 and _job(server, page)["status"] == "RUNNING", "it runs")
        until_something_is_kept(server)
        os.kill(server.pid, signal.SIGKILL)
    with serving(tmp_path, database, port=port) as server:
        open_page(page, page.url)
        expect(page.get_by_text("Attempt 3: the job was paused or interrupted before. Checksum")).to_be_visible()
        completed(page)
        job = _job(server, page)
    context.expected_errors += AWAY  # type: ignore[attr-defined]
    summary = job["outcome"]["results"][0]["summary"]
    assert (job["status"], job["attempt"], summary["files"]) == ("COMPLETED", 3, FILES)
    assert summary["reused_files"] > 0, "it went on from what was made"
