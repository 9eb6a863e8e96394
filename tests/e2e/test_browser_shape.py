"""What holds for every page: narrow screens, both themes, speed, silence, and the screenshots of the docs."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import REPOSITORY, Dashboard, completed, open_page, serving, start_job

pytestmark = pytest.mark.browser
SCREENSHOTS = REPOSITORY / "docs" / "screenshots"
PAGES = (
    "home",
    "new_job",
    "jobs",
    "schedules",
    "settings",
    "inventory",
    "table",
    "checksum",
    "verify",
    "files",
    "details",
    "duplicates",
    "search",
    "profile",
    "validate",
    "convert",
    "several",
)
UPDATE = os.environ.get("PRAVAH_UPDATE_SCREENSHOTS") == "1"
_LARGEST_BYTES = 150_000


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
    context = browser.new_context()
    page = context.new_page()
    base, sample = dashboard.url, dashboard.sample
    copy = dashboard.root / "copy"
    shutil.copytree(sample, copy, symlinks=True)
    (copy / "logs" / "web-03.log").unlink()
    (copy / "logs" / "web-04.log").write_text("overwritten")
    (copy / "logs" / "web-05.log").rename(copy / "logs" / "web-05-renamed.log")
    (copy / "notes.txt").write_text("added later")
    inventory = start_job(page, dashboard, sample, "inventory", '{"name":"Sample archive"}')
    completed(page)
    page.get_by_role("button", name="Schedule this").click()
    page.get_by_role("textbox", name="When").fill("30 2 * * MON-FRI")
    page.get_by_role("textbox", name="When").press("Tab")
    expect(page.get_by_text("At 02:30 on Monday through Friday")).to_be_visible()
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="Schedules")).to_be_visible()
    expect(page.get_by_text("next run in")).to_be_visible()
    checksum = start_job(
        page, dashboard, sample, "checksum", '{"options":{"checksum":{"algorithms":["blake3","sha256"]}}}'
    )
    completed(page)
    reference = checksum.rpartition("id=")[2]
    verify = start_job(page, dashboard, copy, "verify", f'{{"options":{{"verify":{{"manifest":"job:{reference}"}}}}}}')
    completed(page)
    duplicates = start_job(page, dashboard, sample, "duplicates")
    completed(page)
    patterns = '{"options":{"search":{"patterns":["INFO request 1\\\\d+","NA,[A-Z]+","archive"],"context_after":1}}}'
    search = start_job(page, dashboard, sample, "search", patterns)
    completed(page)
    records = {}
    for operation in ("profile", "validate", "convert"):
        records[operation] = start_job(page, dashboard, sample, operation)
        completed(page)
    context.close()
    yield {
        **records,
        "duplicates": duplicates,
        "search": search,
        "several": f"{base}/new_job?path={sample}&operations=inventory,checksum,duplicates",
        "home": base,
        "new_job": f"{base}/new_job?path={sample}&operations=checksum",
        "jobs": f"{base}/jobs",
        "schedules": f"{base}/schedules",
        "settings": f"{base}/settings",
        "inventory": inventory,
        "table": f"{inventory}&tab=Table&sort=-size_bytes",
        "checksum": checksum,
        "verify": verify,
        "files": f"{checksum}&tab=Files",
        "details": f"{inventory}&tab=Details",
    }


@pytest.mark.parametrize("name", PAGES)
def test_narrow_screen_has_no_horizontal_overflow(addresses: dict[str, str], page: Page, name: str) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    open_page(page, addresses[name])
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


def test_nothing_is_asked_of_another_host(addresses: dict[str, str], dashboard: Dashboard, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for address in addresses.values():
        open_page(page, address)
    assert [url for url in asked if not url.startswith((dashboard.url, "data:", "blob:"))] == []


def test_first_visitor_may_ask_for_any_page(tmp_path: Path, make_database: Callable[[], str], page: Page) -> None:
    """Streamlit takes `pages/` for its legacy kind of application until the frame has run once in a process."""
    with serving(tmp_path, make_database()) as fresh:
        open_page(page, f"{fresh.url}/jobs")
        expect(page.get_by_role("navigation", name="App pages")).to_contain_text("New job")
        expect(page.get_by_text("There is no job yet.")).to_be_visible()
        page.goto("about:blank")  # it would miss the server
        alarming = [line for line in fresh.log.read_text().splitlines() if not line.startswith("INFO:")]
    assert alarming == []
    after = fresh.log.read_text()
    assert "Traceback" not in after


def test_settings_of_streamlit_hold_wherever_the_server_is_started(dashboard: Dashboard, page: Page) -> None:
    """The server of these tests runs in a directory of its own, without a `.streamlit`."""
    open_page(page, f"{dashboard.url}/new_job?path={dashboard.sample}")
    expect(page.get_by_role("button", name="Start", exact=True)).to_have_css("background-color", "rgb(15, 118, 110)")
    expect(page.get_by_text("Deploy")).to_have_count(0)


def test_unknown_job_gets_a_friendly_page(dashboard: Dashboard, page: Page) -> None:
    for wrong in ("00000000-0000-0000-0000-000000000000", "not-an-id", ""):
        open_page(page, f"{dashboard.url}/job?id={wrong}")
        expect(page.get_by_role("heading", name="No such job")).to_be_visible()
        expect(page.get_by_role("link", name="All jobs")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots(
    addresses: dict[str, str], dashboard: Dashboard, browser: Browser, tmp_path: Path, scheme: str
) -> None:
    folder = SCREENSHOTS if UPDATE else tmp_path
    folder.mkdir(exist_ok=True)
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for name in PAGES:
        open_page(page, addresses[name])
        page.evaluate("() => document.fonts.ready")
        page.wait_for_function(
            "() => [...document.querySelectorAll('.js-plotly-plot')].every(e => e.querySelector('svg'))"
        )
        target = folder / f"{name}-{scheme}.png"
        target.write_bytes(_small(page.screenshot(animations="disabled")))
        assert target.stat().st_size < _LARGEST_BYTES
    _running(page, dashboard, folder / f"running-{scheme}.png")
    context.close()


def _running(page: Page, dashboard: Dashboard, target: Path) -> None:
    """Take a picture of a job in its middle."""
    large = dashboard.root / "large"
    large.mkdir(exist_ok=True)
    for name in ("disk-1.img", "disk-2.img", "disk-3.img"):
        with (large / name).open("wb") as file:
            file.truncate(3 << 30)  # holes: read and hashed, but no space is taken
    every = '{"options":{"checksum":{"algorithms":["blake3","sha256","sha1","md5","xxh3_128","crc32c"]}},'
    every += '"name":"Disk images"}'
    start_job(page, dashboard, large, "checksum", every)
    expect(page.get_by_test_id("stMetric").filter(has_text="Time left")).to_contain_text("about")
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot path.js-line').length > 0")
    target.write_bytes(_small(page.screenshot(animations="disabled")))
    assert target.stat().st_size < _LARGEST_BYTES
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text("It was cancelled")).to_be_visible()


def _small(png: bytes) -> bytes:
    """Return a picture of few colours: a page of text looks the same and takes a third of the space."""
    reduced = Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    reduced.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
