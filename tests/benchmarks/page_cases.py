"""The dashboard in a browser: how soon a page is usable, on the result of a real tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests import doors
from tests.benchmarks.measure import Row, limited, timed
from tests.conftest import chromium
from tests.e2e.conftest import Dashboard, completed, open_page, serving, settled, start_job

_OPENED_REACH_SECONDS, _CHANGED_REACH_SECONDS = 2.0, 1.5
# The library of charts alone takes the browser half a second to load, and five of them another one to draw.
_CHARTS_REACH_SECONDS = 3.5
_CHARTS = "inventory of linux/, with its charts"


def usable(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """Open each page in a fresh tab, then go from page to page."""
    directory = scratch / "dashboard"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / "root").symlink_to(corpora / "linux")
    with serving(directory, None) as dashboard, chromium() as browser:
        for name, address in _addresses(dashboard, browser, corpora / "linux").items():
            yield _opened(browser, name, address, runs)
        yield _changed(browser, dashboard, runs)


def _addresses(dashboard: Dashboard, browser: Browser, source: Path) -> dict[str, str]:
    page = browser.new_page()
    doors.log_in(page.context)
    inventory = start_job(page, dashboard, source, "inventory")
    completed(page)
    page.close()
    return {
        "home": dashboard.url,
        "new job": f"{dashboard.url}/new_job?path={os.fspath(source)}&operations=checksum",
        "jobs": f"{dashboard.url}/jobs",
        "settings": f"{dashboard.url}/settings",
        _CHARTS: inventory,
        "table of all entries of linux/": f"{inventory}&tab=Table&sort=-size_bytes",
    }


def _opened(browser: Browser, name: str, address: str, runs: int) -> Row:
    with browser.new_context() as context:
        doors.log_in(context)

        def once() -> float:
            with context.new_page() as page:
                return timed(lambda: open_page(page, address))

        once()
        reach = _CHARTS_REACH_SECONDS if name == _CHARTS else _OPENED_REACH_SECONDS
        return _row(f"page opened in a new tab: {name}", once, runs, reach)


def _changed(browser: Browser, dashboard: Dashboard, runs: int) -> Row:
    page = browser.new_page()
    open_page(page, dashboard.url)

    def once() -> float:
        return max(timed(lambda title=title: _go(page, title)) for title in ("New job", "Jobs", "Settings", "Home"))

    row = _row("change to another page, the slowest of four", once, runs, _CHANGED_REACH_SECONDS)
    page.close()
    return row


def _go(page: Page, title: str) -> None:
    page.get_by_role("navigation", name="App pages").get_by_role("link", name=title).click()
    page.get_by_role("heading", name="Pravah" if title == "Home" else title, level=1).wait_for()
    settled(page)


def _row(work: str, once: Callable[[], float], runs: int, reach: float) -> Row:
    seconds = [once() for _ in range(runs)]
    return limited(work, seconds, reach, f"≤ {reach:g} s", "until nothing on it changes any more")
