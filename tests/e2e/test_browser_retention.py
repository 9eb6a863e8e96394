"""Keep a job, and clean up the others, with a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import completed, open_page, run_job, serving, settled

pytestmark = pytest.mark.browser


def test_a_kept_job_outlives_the_clean_up_that_takes_an_older_one(
    tmp_path: Path, make_database: Callable[[], str], page: Page
) -> None:
    with serving(tmp_path, make_database(), PRAVAH_KEEP_JOBS="1") as dashboard:
        kept, *_ = (run_job(dashboard, dashboard.sample, "inventory") for _ in range(3))
        open_page(page, kept)
        completed(page)
        page.get_by_role("button", name="Pin", exact=True).click()
        expect(page.get_by_text("pinned: never deleted automatically")).to_be_visible()
        open_page(page, f"{dashboard.url}/settings")
        expect(page.get_by_text("too many jobs")).to_have_count(1)
        page.get_by_role("button", name="Clean up", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("1 job with results and history, and 0 orphaned files")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_have_count(0)
        settled(page)
        page.get_by_role("button", name="Clean up", exact=True).click()
        dialog.get_by_role("button", name="Delete", exact=True).click()
        expect(page.get_by_text("There is nothing to delete.")).to_be_visible()
        expect(page.get_by_text("1 job and 0 orphaned files")).to_have_count(2)  # told, and the last sweep
        open_page(page, f"{dashboard.url}/jobs")
        expect(page.get_by_role("button", name="Actions")).to_have_count(2)
        open_page(page, kept)
        completed(page)
        page.get_by_role("button", name="Unpin").click()
        expect(page.get_by_role("button", name="Pin", exact=True)).to_be_visible()
        page.goto("about:blank")  # it would miss the server
