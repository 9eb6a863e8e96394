"""A real server in a process of its own, and a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, WebError, expect

from tests import databases, doors
from tests.conftest import wait_until
from tests.processes import Pravah

REPOSITORY = Path(__file__).resolve().parents[2]
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


@dataclass(frozen=True)
class Dashboard:
    """A running server.

    Attributes:
        root: what jobs may read, besides the sample.
        pravah: starts commands beside it, which end with it.
    """

    url: str
    pid: int
    root: Path
    data_dir: Path
    log: Path
    pravah: Pravah

    @property
    def sample(self) -> Path:
        """The sample directory."""
        return self.data_dir / "sample"


# While a server is away, the browser and Streamlit's own script say so; nothing else is an error.
AWAY = (
    "Streamlit server is not responding",
    "ERR_CONNECTION",
    "disconnected",
    "WebSocket",
    "reaching server endpoint",
    "Failed to fetch dynamically imported module",
)


@contextlib.contextmanager
def serving(
    directory: Path,
    database_url: str | None,
    factory: str = "pages.server:create",
    port: int | None = None,
    **settings: str,
) -> Iterator[Dashboard]:
    """Run a server until the block ends, on a free port unless it is given, by default with its own database.

    Args:
        settings: further variables.
    """
    root, data = directory / "root", directory / "data"
    root.mkdir(exist_ok=True)
    environment = {
        "PRAVAH_DATA_DIR": str(data),
        "PRAVAH_ALLOWED_ROOTS": f"{root}{os.pathsep}{data / 'sample'}",
        "PRAVAH_MIN_FREE_DISK_BYTES": "0",
        # A job that runs until it is cancelled must leave the browser a core.
        "PRAVAH_ENGINE_THREADS": "1",
        **settings,
    }
    if database_url is not None:
        environment["PRAVAH_DATABASE_URL"] = database_url
    # Not the repository: the settings of .streamlit must be found from anywhere.
    pravah = Pravah(environment, directory)
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--no-access-log"]
    try:
        server = pravah.serve(port=port, command=command)
        yield Dashboard(server.url, server.process.pid, root, data, server.log, pravah)
        server.process.terminate()
        server.process.wait(timeout=90)
    finally:
        pravah.close()


@pytest.fixture(scope="session")
def make_database(postgres: str, template_database: str) -> Iterator[Callable[[], str]]:
    """Return a function that makes an empty database and gives its URL."""
    with contextlib.ExitStack() as given:
        yield lambda: given.enter_context(databases.copy(postgres, template_database))


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory, make_database: Callable[[], str]) -> Iterator[Dashboard]:
    """Yield a server that the tests of a process share."""
    with serving(tmp_path_factory.mktemp("dashboard"), make_database()) as running:
        yield running


@pytest.fixture
def fresh(tmp_path: Path, make_database: Callable[[], str]) -> Iterator[Dashboard]:
    """Yield a server that nobody has used."""
    with serving(tmp_path, make_database()) as running:
        yield running


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """Yield the profile of a process's tests: with what it has in its cache, a page loads in half the time."""
    expect.set_options(timeout=30_000)
    # What moves without end is drawn sixty times a second, on the processor.
    opened = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    opened.set_default_navigation_timeout(90_000)
    opened.new_page()
    yield opened
    opened.close()


@pytest.fixture
def context(profile: BrowserContext) -> Iterator[BrowserContext]:
    """Yield the profile with one empty tab, without cookies and stored values; its console must stay silent."""
    found: list[str] = []

    def keep(message: ConsoleMessage) -> None:
        if message.type == "error":
            found.append(f"{message.text} at {message.location}")

    def fail(error: WebError) -> None:
        found.append(str(error.error))

    profile.expected_errors = []  # type: ignore[attr-defined]
    profile.on("console", keep)
    profile.on("weberror", fail)
    with doors.logged_in(profile):
        yield profile
    profile.remove_listener("console", keep)
    profile.remove_listener("weberror", fail)
    for tab in profile.pages:
        with contextlib.suppress(Error):  # a tab without an address has no storage
            tab.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
    # A page loads in a tab that was used in half the time of a new one.
    first, *others = profile.pages or [profile.new_page()]
    first.goto("about:blank")
    for tab in others:
        tab.close()
    profile.clear_cookies()
    expected = profile.expected_errors  # type: ignore[attr-defined]
    assert [one for one in found if not any(words in one for words in expected)] == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Return an empty tab."""
    return context.pages[0]


def settled(page: Page) -> None:
    """Wait until the page's script has run and nothing of an earlier run is left."""
    page.wait_for_selector(IDLE)
    page.wait_for_function("() => !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')")


def open_page(page: Page, address: str) -> None:
    """Go to an address and wait until it is drawn."""
    page.goto(address)
    page.wait_for_selector("[data-testid=stHeading]")
    settled(page)


def start_job(page: Page, dashboard: Dashboard, path: Path, operation: str, form: str = "") -> str:
    """Start a job on page "New job"; return the address of its page."""
    extra = f"&form={urllib.request.quote(form)}" if form else ""
    open_page(page, f"{dashboard.url}/new_job?path={urllib.request.quote(str(path))}&operations={operation}{extra}")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/job\?id="))
    return page.url


def run_job(server: Dashboard, source: Path, operation: str, name: str | None = None, **options: Any) -> str:
    """Complete a job over the API, where its form and its progress are not what is tested; return its address."""
    body = {"operations": [{"operation": operation, "options": options}], "source": {"path": str(source)}, "name": name}
    request = urllib.request.Request(
        f"{server.url}/api/jobs", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        job = str(json.load(answer)["id"])

    def status() -> str:
        with urllib.request.urlopen(f"{server.url}/api/jobs/{job}", timeout=60) as answer:
            return str(json.load(answer)["status"])

    wait_until(lambda: status() in {"COMPLETED", "FAILED"}, f"{operation} ends", seconds=60)
    assert status() == "COMPLETED"
    return f"{server.url}/job?id={job}"


def completed(page: Page) -> None:
    """Wait until the job on the page has its result."""
    expect(page.get_by_role("tab", name="Overview")).to_be_visible(timeout=150_000)
    settled(page)
