"""Two results side by side in a browser: the map, the list, the address."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import fill
from tests.e2e.conftest import Dashboard, completed, open_page, run_job, settled

pytestmark = pytest.mark.browser


def test_growth_is_seen_entered_and_kept_in_the_address(page: Page, dashboard: Dashboard) -> None:
    root = fill(
        dashboard.root / "grows", {"logs/a.log": b"x" * 50_000, "old/b": b"x" * 20_000, "same/c": b"x" * 30_000}
    )
    run_job(dashboard, root, "inventory")
    (root / "logs/a.log").write_bytes(b"x" * 90_000)
    (root / "old/b").write_bytes(b"x" * 5_000)
    open_page(page, run_job(dashboard, root, "inventory"))
    completed(page)

    page.get_by_role("tab", name="Compare").click()
    expect(page.get_by_text("Growth by folder")).to_be_visible()
    expect(page.get_by_test_id("stMetric").filter(has_text="Grown")).to_contain_text("2")
    expect(page).to_have_url(re.compile("with=[0-9a-f-]{36}"))
    settled(page)
    page.locator("g.treemaplayer g.slice").filter(has_text="logs").first.click(position={"x": 40, "y": 10})
    expect(page).to_have_url(re.compile("folder=logs"))
    page.reload()
    expect(page.get_by_text("Growth by folder")).to_be_visible()
    expect(page.get_by_role("button", name="Source")).to_be_visible()
