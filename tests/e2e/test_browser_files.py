"""Duplicates with the keep-rule builder, search, and several operations in one job, by clicking."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Dashboard, completed, open_page, run_job, settled

pytestmark = pytest.mark.browser


def metric(page: Page, label: str) -> object:
    return page.get_by_test_id("stMetric").filter(has_text=label).first


def test_keep_rule_is_built_previewed_and_its_script_removes_what_it_said(
    dashboard: Dashboard, page: Page, tmp_path: Path
) -> None:
    open_page(page, run_job(dashboard, dashboard.sample, "duplicates"))
    completed(page)
    expect(metric(page, "Redundant files")).to_contain_text("8")  # type: ignore[arg-type]
    expect(metric(page, "To be removed")).to_contain_text("8 files")  # type: ignore[arg-type]
    expect(page.locator("g.treemaplayer").first).to_contain_text("photos")
    page.get_by_role("textbox", name="Extension").fill("csv")
    page.get_by_role("textbox", name="Extension").press("Enter")
    expect(metric(page, "To be removed")).to_contain_text("0 files")  # type: ignore[arg-type]
    page.get_by_role("textbox", name="Extension").fill("")
    page.get_by_role("textbox", name="Extension").press("Enter")
    page.get_by_label("Remove only in folder").fill("photos/backup")
    page.get_by_label("Remove only in folder").press("Enter")
    page.wait_for_url(re.compile("remove_in=photos"))
    settled(page)
    page.reload()
    settled(page)
    expect(page.get_by_label("Remove only in folder")).to_have_value("photos/backup")
    with page.expect_download() as download:
        page.get_by_role("link", name="Script").click()
    script = tmp_path / "plan.sh"
    download.value.save_as(script)
    told = subprocess.run(["bash", script], capture_output=True, text=True, check=False).stdout
    count = told.count("would remove photos") + told.count("would remove ./photos/backup/")
    expect(metric(page, "To be removed")).to_contain_text(f"{count} file")  # type: ignore[arg-type]


def test_search_is_looked_through(dashboard: Dashboard, page: Page) -> None:
    open_page(page, run_job(dashboard, dashboard.sample, "search", patterns=[r"INFO request \d+5 ", "archive"]))
    completed(page)
    expect(page.locator(".pravah-snippet mark").first).to_contain_text("archive")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    page.get_by_label("Search in path or line").fill("web-07")
    expect(page.locator(".pravah-snippet").first).to_contain_text("logs/web-07.log")
    expect(page.locator(".pravah-snippet mark").first).to_contain_text("INFO request")
    page.get_by_role("button", name="All matches").click()
    expect(page.get_by_role("tab", name="Table")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text(re.compile("Rows 1 to 100 of"))).to_be_visible()


def test_an_estimate_leads_to_a_mirror_on_the_disk(dashboard: Dashboard, page: Page) -> None:
    before = set(dashboard.root.iterdir())
    open_page(page, run_job(dashboard, dashboard.sample, "compress"))
    completed(page)
    expect(page.get_by_text("Compressing all files would take")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    assert set(dashboard.root.iterdir()) == before
    page.get_by_role("link", name="Choose destination").click()
    settled(page)
    page.get_by_role("textbox", name="Destination").fill("/etc/packed")
    page.get_by_role("textbox", name="Destination").press("Enter")
    settled(page)
    expect(page.get_by_text("is outside the allowed destinations")).to_be_visible()
    destination = dashboard.root / "packed"
    page.get_by_role("textbox", name="Destination").fill(str(destination))
    page.get_by_role("textbox", name="Destination").press("Enter")
    page.wait_for_url(re.compile("packed%22"))
    expect(page.get_by_text("is outside the allowed destinations")).to_have_count(0)
    settled(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/job\?id="))
    completed(page)
    expect(page.get_by_text(f"Written to {destination}")).to_be_visible()
    files = [path for path in dashboard.sample.rglob("*") if path.is_file()]
    assert len([path for path in destination.rglob("*.zst") if path.is_file()]) == len(files)


def test_an_archive_is_downloaded_and_unpacked(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    open_page(page, run_job(dashboard, dashboard.sample, "archive"))
    completed(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="archive/archive.tar.zst").click()
    archive = tmp_path / "archive.tar.zst"
    download.value.save_as(archive)
    subprocess.run(["tar", "--zstd", "-df", archive, "-C", dashboard.sample], check=True)


def test_several_operations_are_one_job(dashboard: Dashboard, page: Page) -> None:
    open_page(page, f"{dashboard.url}/new_job?path={dashboard.sample}&operations=inventory")
    page.locator(".st-key-add_duplicates button").click()
    expect(page.get_by_text("Inventory + Duplicates: one job")).to_be_visible()
    page.locator(".st-key-add_checksum button").click()
    expect(page.get_by_text("Inventory + Checksum + Duplicates: one job")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/job\?id="))
    completed(page)
    expect(metric(page, "Folders")).to_be_visible()  # type: ignore[arg-type]
    page.get_by_test_id("stButtonGroup").get_by_text("Duplicates").click()
    expect(metric(page, "Reclaimable")).to_be_visible()  # type: ignore[arg-type]
    page.wait_for_url(re.compile("of=Duplicates"))
    page.reload()
    expect(metric(page, "Reclaimable")).to_be_visible()  # type: ignore[arg-type]
