"""Journeys of a person with a browser: start, watch, look, download, cancel."""

from __future__ import annotations

import csv
import hashlib
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from playwright.sync_api import TimeoutError as Late

from tests import doors
from tests.conftest import free_port
from tests.e2e.conftest import AWAY, Dashboard, completed, open_page, run_job, serving, settled, start_job

pytestmark = pytest.mark.browser
SIX = '{"options":{"checksum":{"algorithms":["blake3","sha256","sha1","md5","xxh3_128","crc32c"]}}}'


def test_empty_database_leads_to_the_first_result_in_two_clicks(fresh: Dashboard, page: Page) -> None:
    # Streamlit takes `pages/` for its legacy kind of application until the frame has run once in a process: its first
    # visitor may ask for any page.
    open_page(page, f"{fresh.url}/jobs")
    expect(page.get_by_role("navigation", name="App pages")).to_contain_text("New job")
    expect(page.get_by_text("No jobs yet.")).to_be_visible()
    assert [line for line in fresh.log.read_text().splitlines() if not line.startswith("INFO:")] == []
    page.get_by_role("link", name="Home", exact=True).click()
    page.get_by_role("button", name="Try the sample").click()
    page.wait_for_url(re.compile("/new_job"))
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/job\?id="))
    completed(page)
    expect(page.get_by_test_id("stMetric").filter(has_text="Files").first).to_contain_text("113")
    expect(page.get_by_role("figure").first).to_be_visible()
    assert page.locator(".js-plotly-plot").count() == 5
    page.goto("about:blank")  # it would miss the server
    assert "Traceback" not in fresh.log.read_text()


@pytest.fixture(scope="module")
def inventory(dashboard: Dashboard) -> str:
    """Return the address of an inventory of the sample."""
    return run_job(dashboard, dashboard.sample, "inventory")


def test_treemap_is_entered_and_left_again(inventory: str, page: Page) -> None:
    open_page(page, inventory)
    completed(page)
    folder = page.locator("g.treemaplayer g.slice").filter(has_text="sales").first
    folder.locator("path").click(position={"x": 20, "y": 10})
    page.wait_for_url(re.compile("folder=sales"))
    expect(page.locator("g.treemaplayer").first).to_contain_text("2024")
    settled(page)
    page.get_by_role("button", name="Source", exact=True).click()
    expect(page.locator("g.treemaplayer").first).to_contain_text("photos")
    assert "folder=" not in page.url


def test_bar_leads_to_its_files_and_their_download(inventory: str, page: Page) -> None:
    open_page(page, inventory)
    completed(page)
    bar = page.locator(".st-key-by_extension .bars path").first
    bar.evaluate("element => element.scrollIntoView({block: 'center'})")
    bar.click(force=True)  # plotly's layer for dragging lies above its bars
    expect(page.get_by_role("tab", name="Table")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("button", name="extension is jpg")).to_be_visible()
    expect(page.get_by_text(re.compile("Rows 1 to 32 of 32"))).to_be_visible()
    rows = _downloaded_rows(page)
    assert len(rows) == 32
    assert {row["extension"] for row in rows} == {"jpg"}
    sizes = [int(row["size_bytes"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)


def _downloaded_rows(page: Page) -> list[dict[str, str]]:
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    with Path(download.value.path()).open(newline="") as file:
        return list(csv.DictReader(file))


def test_filter_search_sort_and_pages_hold_over_a_reload(inventory: str, page: Page) -> None:
    open_page(page, inventory)
    completed(page)
    page.get_by_role("tab", name="Table").click()
    expect(page.get_by_text("Rows 1 to 100 of 123")).to_be_visible()
    page.get_by_role("button", name="Page 2", exact=True).click()
    expect(page.get_by_text("Rows 101 to 123 of 123")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Rows 101 to 123 of 123")).to_be_visible()
    _add_filter(page, "size_bytes", ">", "20 KiB")
    expect(page.get_by_role("button", name="size_bytes > 20.0 KiB")).to_be_visible()
    settled(page)
    page.get_by_label("Search", exact=True).fill("photos/")
    expect(page.get_by_text("Rows 1 to 30 of 30")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Rows 1 to 30 of 30")).to_be_visible()
    page.get_by_role("button", name="size_bytes > 20.0 KiB").click()
    expect(page.get_by_text("Rows 1 to 33 of 33")).to_be_visible()


def _add_filter(page: Page, column: str, condition: str, value: str) -> None:
    page.get_by_role("button", name="Filter", exact=True).click()
    _choose(page, "Column", column)
    # A number's first condition: until it is offered, the list of conditions is that of the column before.
    expect(page.get_by_role("combobox", name=re.compile("Condition"))).to_have_value("≥")
    settled(page)
    _choose(page, "Condition", condition)
    page.get_by_label("Value", exact=True).fill(value)
    page.get_by_role("button", name="Add filter").click()


def _choose(page: Page, label: str, option: str) -> None:
    box = page.get_by_role("combobox", name=re.compile(label))
    box.click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(box).to_have_value(option)
    settled(page)


def test_click_on_a_heading_sorts_all_rows(inventory: str, page: Page) -> None:
    open_page(page, inventory)
    completed(page)
    page.get_by_role("tab", name="Table").click()
    expect(page.get_by_text("Rows 1 to 100 of 123")).to_be_visible()
    settled(page)
    table = page.get_by_test_id("stDataFrame")
    for _ in range(2):
        # A canvas: the heading "Path" is at its left upper corner.
        table.click(position={"x": 60, "y": 16})
        page.wait_for_url(re.compile("sort="))
        settled(page)
    page.wait_for_url(re.compile("sort=-path"))
    rows = _downloaded_rows(page)
    paths = [row["path"] for row in rows]
    assert paths == sorted(paths, reverse=True)


def test_manifest_is_downloaded_and_verified(dashboard: Dashboard, page: Page) -> None:
    open_page(page, run_job(dashboard, dashboard.sample / "docs", "checksum", algorithms=["sha256"]))
    completed(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="checksum/manifest.sha256").click()
    lines = Path(download.value.path()).read_text().splitlines()
    readme = hashlib.sha256((dashboard.sample / "docs" / "README.md").read_bytes()).hexdigest()
    assert f"{readme}  README.md" in lines
    page.get_by_role("link", name="Verify against this result").click()
    page.wait_for_url(re.compile("operations=verify"))
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/job\?id="))
    completed(page)
    expect(page.get_by_text(re.compile("Verified. All 4 files of the manifest are present"))).to_be_visible()


def test_verify_tells_what_is_wrong(dashboard: Dashboard, page: Page) -> None:
    copy = dashboard.root / "copy"
    copy.mkdir()
    (copy / "a.txt").write_text("hello")
    (copy / "b.txt").write_text("changed")
    digest = hashlib.sha256(b"hello").hexdigest()
    (copy / "SUMS").write_text("".join(f"{digest}  {name}.txt\n" for name in "abc"))
    open_page(page, run_job(dashboard, copy, "verify", manifest=f"{copy}/SUMS"))
    completed(page)
    expect(page.get_by_text(re.compile("Failed. 2 paths are changed, missing or moved"))).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("button", name="status is not ok")).to_be_visible()
    statuses = {row["path"]: row["status"] for row in _downloaded_rows(page)}
    # The manifest itself is not one of the files it is about.
    assert statuses == {"b.txt": "changed", "c.txt": "missing"}


@pytest.fixture
def large(dashboard: Dashboard) -> Path:
    """Return a directory whose digests take long: holes cost no disk, but are read and hashed."""
    folder = dashboard.root / "large"
    folder.mkdir(exist_ok=True)
    for name in ("one", "two", "three"):
        with (folder / name).open("wb") as file:
            file.truncate(3 << 30)
    return folder


def test_progress_survives_a_reload_shows_in_a_second_tab_and_ends_by_cancel(
    dashboard: Dashboard, large: Path, page: Page, context: BrowserContext
) -> None:
    address = start_job(page, dashboard, large, "checksum", SIX)
    rate = page.get_by_test_id("stMetric").filter(has_text="Rate")
    expect(rate).to_contain_text("iB/s")
    expect(page.get_by_test_id("stProgress")).to_contain_text("%")
    expect(page.locator(".st-key-rate_live .js-plotly-plot").first).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("stProgress")).to_contain_text("%")
    second = context.new_page()
    open_page(second, address)
    expect(second.get_by_test_id("stProgress")).to_contain_text("%")
    page.get_by_role("button", name="Cancel", exact=True).click()
    for tab in (page, second):
        expect(tab.get_by_text("This job was cancelled")).to_be_visible()
        expect(tab.get_by_role("button", name="Re-run", exact=True)).to_be_visible()


def test_open_tab_outlives_a_restart_of_the_server(
    tmp_path: Path, make_database: Callable[[], str], page: Page, context: BrowserContext
) -> None:
    database, port = make_database(), free_port()
    with serving(tmp_path, database, port=port) as first:
        folder = first.root / "large"
        folder.mkdir()
        with (folder / "holes").open("wb") as file:
            file.truncate(100 << 30)  # longer than a tab may take to come back; cancelled at the end
        start_job(page, first, folder, "checksum", SIX)
        expect(page.get_by_test_id("stProgress")).to_contain_text("%")
    with serving(tmp_path, database, "pages.server:create_web", port=port) as second:
        # The tab comes back before a worker does: what its head shows then must not stay.
        expect(page.get_by_text("this job starts automatically")).to_be_visible(timeout=60_000)
        second.pravah.start("serve", "worker")
        expect(page.get_by_text("Attempt 2: the job was paused or interrupted before")).to_be_visible(timeout=60_000)
        expect(page.get_by_test_id("stProgress")).to_contain_text("%")
        job = f"{second.url}/api/jobs/{page.url.rpartition('id=')[2]}"
        urllib.request.urlopen(urllib.request.Request(f"{job}/pause", method="POST"), timeout=20).close()
        expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.get_by_text("This job was cancelled")).to_be_visible()
        log = second.log
    context.expected_errors += AWAY  # type: ignore[attr-defined]
    assert "Traceback" not in log.read_text()


def test_foreign_name_of_this_machine_is_refused(dashboard: Dashboard, browser: Browser) -> None:
    """DNS rebinding: another site's name that points at 127.0.0.1 must not get at the dashboard."""
    import websockets.sync.client as client
    from websockets.exceptions import InvalidStatus

    address = dashboard.url.replace("http", "ws") + "/_stcore/stream"
    token = doors.headers(dashboard.url)

    def connect(origin: str, **headers: str) -> Any:
        options = {"origin": origin, "additional_headers": {**token, **headers}}
        return client.connect(address, subprotocols=["streamlit"], **options)  # type: ignore[arg-type,list-item]

    with connect(dashboard.url):
        pass
    port = dashboard.url.rpartition(":")[2]
    for origin in (f"http://evil.example:{port}", "http://127.0.0.1:1", "null"):
        with pytest.raises(InvalidStatus):
            connect(origin)
    with pytest.raises(InvalidStatus):
        connect(f"http://evil.example:{port}", Host=f"evil.example:{port}")
    token.clear()
    with pytest.raises(InvalidStatus, match="401"):
        connect(dashboard.url)


def test_job_is_found_run_again_and_deleted(fresh: Dashboard, page: Page) -> None:
    start_job(page, fresh, fresh.sample / "docs", "inventory", '{"name":"Docs of the sample"}')
    completed(page)
    first = page.url
    page.get_by_role("button", name="Re-run", exact=True).click()
    page.wait_for_url(lambda url: "/job?id=" in url and url != first)
    completed(page)
    open_page(page, f"{fresh.url}/jobs")
    rows = page.get_by_role("link", name="Docs of the sample")
    expect(rows).to_have_count(2)
    page.get_by_label("Search").fill("no such thing")
    expect(page.get_by_text("No jobs match these filters.")).to_be_visible()
    settled(page)
    page.get_by_label("Search").fill("docs of")
    expect(rows).to_have_count(2)
    rows.first.click()
    page.wait_for_url(re.compile(r"/job\?id="))
    completed(page)
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The source files are not changed.")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url(re.compile("/jobs"))
    expect(rows).to_have_count(1)
    settled(page)
    # What the list is filtered by stays when a job is deleted in it, and does not keep one from leaving it.
    page.get_by_label("Search").fill("docs of")
    page.wait_for_url(re.compile("text=docs"))
    settled(page)
    _act(page, "Re-run", lambda: page.wait_for_url(re.compile(r"/job\?id="), timeout=10_000))
    completed(page)
    open_page(page, f"{fresh.url}/jobs?text=docs+of")
    expect(rows).to_have_count(2)
    _act(page, "Delete", lambda: expect(dialog).to_be_visible(timeout=10_000))
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(rows).to_have_count(1)
    assert "text=docs" in page.url
    settled(page)
    _act(page, "Delete", lambda: expect(dialog).to_be_visible(timeout=10_000))
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("No jobs yet.")).to_be_visible()


def _act(page: Page, action: str, seen: Callable[[], None]) -> None:
    """Choose an action of the first row and wait until it is seen.

    The list is drawn anew every two seconds. On a machine that is very busy that may take the menu away from below the
    pointer; whoever sees nothing happen chooses again.
    """

    def choose() -> None:
        page.get_by_role("button", name="Actions").first.click()
        _menu_item(page, action).click()
        seen()

    try:
        choose()
    except (AssertionError, Late):
        choose()


def _menu_item(page: Page, name: str) -> Locator:
    return page.get_by_role("menuitem", name=name).or_(page.get_by_role("option", name=name)).first
