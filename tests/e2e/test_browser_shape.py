"""What holds for every page: narrow screens, both themes, speed, silence, and the screenshots of the docs."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect

from services import operations
from tests import doors
from tests.e2e.conftest import REPOSITORY, Dashboard, completed, open_page, run_job, serving, settled, start_job

pytestmark = pytest.mark.browser
SCREENSHOTS = REPOSITORY / "docs" / "screenshots"
OPERATIONS = tuple(operation.name for operation in operations.OPERATIONS)
PAGES = (
    "home",
    "new_job",
    "jobs",
    "schedules",
    "settings",
    "table",
    "compare",
    "files",
    "details",
    "several",
    *OPERATIONS,
)
"""The pages of the navigation, the tabs of a job, and the result of every operation."""
DARK = ("home", "inventory", "profile", "jobs")
NARROW = "inventory"
PHONE: ViewportSize = {"width": 400, "height": 900}
DESK: ViewportSize = {"width": 1280, "height": 900}
UPDATE = os.environ.get("PRAVAH_UPDATE_SCREENSHOTS") == "1"
_LARGEST_BYTES = 150_000
_PATTERNS = ["INFO request 1\\d+", "NA,[A-Z]+", "archive"]


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, make_database: Callable[[], str]) -> Iterator[Dashboard]:
    """Yield a server; for the docs' pictures one whose paths are short."""
    directory = tmp_path_factory.mktemp("dashboard")
    if UPDATE:
        directory = Path(tempfile.gettempdir()) / "pravah"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
    with serving(directory, make_database()) as running:
        yield running


@pytest.fixture(scope="module")
def addresses(dashboard: Dashboard, browser: Browser) -> Iterator[dict[str, str]]:
    """Return the addresses of all pages, with something on each of them."""
    base, sample = dashboard.url, dashboard.sample
    copy = dashboard.root / "copy"
    shutil.copytree(sample, copy, symlinks=True)
    (copy / "logs" / "web-03.log").unlink()
    (copy / "logs" / "web-04.log").write_text("overwritten")
    (copy / "logs" / "web-05.log").rename(copy / "logs" / "web-05-renamed.log")
    (copy / "notes.txt").write_text("added later")
    earlier = run_job(dashboard, sample, "inventory").rpartition("=")[2]
    inventory = run_job(dashboard, copy, "inventory", "Copy of the archive")
    checksum = run_job(dashboard, sample, "checksum", algorithms=["blake3", "sha256"])
    options: dict[str, dict[str, Any]] = {
        "search": {"patterns": _PATTERNS, "context_after": 1},
        "compress": {"destination": str(dashboard.root / "packed")},
        "verify": {"manifest": f"job:{checksum.rpartition('=')[2]}"},
    }
    sources = {"verify": copy, "decompress": dashboard.root / "packed"}
    sources |= dict.fromkeys(("profile", "validate", "convert"), sample / "sales")
    at = {"inventory": inventory, "checksum": checksum}
    for name in OPERATIONS:
        if name not in at:
            at[name] = run_job(dashboard, sources.get(name, sample), name, **options.get(name, {}))
    page = browser.new_page()
    doors.log_in(page.context)
    _schedule(page, inventory)
    page.close()
    yield {
        **at,
        "several": f"{base}/new_job?path={sample}&operations=inventory,checksum,duplicates",
        "home": base,
        "new_job": f"{base}/new_job?path={sample}&operations=checksum",
        "jobs": f"{base}/jobs",
        "schedules": f"{base}/schedules",
        "settings": f"{base}/settings",
        "table": f"{at['inventory']}&tab=Table&sort=-size_bytes",
        "compare": f"{at['inventory']}&tab=Compare&with={earlier}",
        "files": f"{at['checksum']}&tab=Files",
        "details": f"{at['inventory']}&tab=Details",
    }


def _schedule(page: Page, address: str) -> None:
    """Schedule a job by the dialog on its page."""
    open_page(page, address)
    completed(page)
    page.get_by_role("button", name="Schedule", exact=True).click()
    page.get_by_role("textbox", name="When").fill("30 2 * * MON-FRI")
    page.get_by_role("textbox", name="When").press("Tab")
    expect(page.get_by_text("At 02:30 on Monday through Friday")).to_be_visible()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name="Schedules")).to_be_visible()
    expect(page.get_by_text("next run in")).to_be_visible()


@dataclass(frozen=True)
class Tab:
    """A tab whose cache is warm (all but the first page load in half the time), and the addresses it asked for."""

    page: Page
    asked: list[str]

    def check(self, server: str) -> None:
        """Fail when anything came from another host."""
        assert [url for url in self.asked if not url.startswith((server, "data:", "blob:"))] == []
        assert self.asked


@contextlib.contextmanager
def _tab(browser: Browser, **options: Any) -> Iterator[Tab]:
    context = browser.new_context(reduced_motion="reduce", **options)
    tab = Tab(context.new_page(), [])
    tab.page.on("request", lambda request: tab.asked.append(request.url))
    with doors.logged_in(context):
        yield tab
    context.close()


@pytest.fixture(scope="module")
def light(browser: Browser) -> Iterator[Tab]:
    """Yield a tab in the light theme."""
    with _tab(browser, color_scheme="light") as tab:
        yield tab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the pictures."""
    return SCREENSHOTS if UPDATE else tmp_path_factory.mktemp("screenshots")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_narrow_screen_has_its_picture_and_asks_no_other_host(
    addresses: dict[str, str], dashboard: Dashboard, light: Tab, folder: Path, name: str
) -> None:
    page = light.page
    page.set_viewport_size(PHONE)
    open_page(page, addresses[name])
    _check_width(page)
    if name == NARROW:
        _take(page, folder / f"{name}-narrow.png")
    page.set_viewport_size(DESK)
    if UPDATE:
        page.reload()  # the picture shows what a wide screen opens
    _take(page, folder / f"{name}-light.png")
    light.check(dashboard.url)


def _check_width(page: Page) -> None:
    """Fail when a page is wider than the screen."""
    widths = page.evaluate(
        """() => [document.scrollingElement, document.querySelector('[data-testid=stMain]')]
                 .map(element => [element.scrollWidth, element.clientWidth])"""
    )
    assert all(scrolled <= seen for scrolled, seen in widths), widths
    outside = page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stMain] button, [data-testid=stMain] input,'
                 + '[data-testid=stMain] a, [data-testid=stMain] h1, [data-testid=stMain] h3')]
                 .filter(element => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth + 1)
                 .filter(element =>
                   !element.closest('[data-testid=stDataFrame], [data-testid=stTable], [role=tablist]'))
                 .map(element => element.innerText)"""
    )
    assert outside == []


def test_settings_of_streamlit_hold_wherever_the_server_is_started(dashboard: Dashboard, page: Page) -> None:
    """The server of these tests runs in a directory of its own, without a `.streamlit`."""
    open_page(page, f"{dashboard.url}/new_job?path={dashboard.sample}")
    expect(page.get_by_role("button", name="Start", exact=True)).to_have_css("background-color", "rgb(15, 118, 110)")
    expect(page.get_by_text("Deploy")).to_have_count(0)


def test_unknown_job_gets_a_friendly_page(dashboard: Dashboard, page: Page) -> None:
    open_page(page, f"{dashboard.url}/job?id=00000000-0000-0000-0000-000000000000")
    expect(page.get_by_role("heading", name="Job not found")).to_be_visible()
    expect(page.get_by_role("link", name="All jobs")).to_be_visible()


def test_pictures_are_taken_in_the_dark_theme(
    addresses: dict[str, str], dashboard: Dashboard, browser: Browser, folder: Path
) -> None:
    with _tab(browser, viewport=DESK, color_scheme="dark") as tab:
        for name in DARK:
            open_page(tab.page, addresses[name])
            _take(tab.page, folder / f"{name}-dark.png")
        tab.check(dashboard.url)


def test_a_picture_is_taken_of_a_job_in_its_middle(
    addresses: dict[str, str], dashboard: Dashboard, light: Tab, folder: Path
) -> None:
    page = light.page
    page.set_viewport_size(DESK)
    large = dashboard.root / "large"
    large.mkdir(exist_ok=True)
    for name in ("disk-1.img", "disk-2.img", "disk-3.img"):
        with (large / name).open("wb") as file:
            file.truncate(3 << 30)  # holes: read and hashed, but no space is taken
    every = '{"options":{"checksum":{"algorithms":["blake3","sha256","sha1","md5","xxh3_128","crc32c"]}},'
    every += '"name":"Disk images"}'
    start_job(page, dashboard, large, "checksum", every)
    expect(page.get_by_test_id("stMetric").filter(has_text="Time left")).to_contain_text("about", timeout=60_000)
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot path.js-line').length > 0")
    _take(page, folder / "running-light.png")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text("This job was cancelled")).to_be_visible()


def _take(page: Page, target: Path) -> None:
    settled(page)
    page.evaluate("() => document.fonts.ready")
    page.wait_for_function("() => [...document.querySelectorAll('.js-plotly-plot')].every(e => e.querySelector('svg'))")
    target.write_bytes(_small(page.screenshot(animations="disabled")))
    assert target.stat().st_size < _LARGEST_BYTES


def _small(png: bytes) -> bytes:
    """Return a picture of few colours: a page of text looks the same and takes a third of the space."""
    reduced = Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    reduced.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
