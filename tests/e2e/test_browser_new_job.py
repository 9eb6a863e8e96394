"""Journeys on page "New job": finding a folder, mistakes, presets, names that are not nice, the keyboard."""

from __future__ import annotations

import json
import os
import re
import urllib.parse
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Dashboard, completed, open_page, settled, start_job

pytestmark = pytest.mark.browser

HOSTILE = (
    ":red[x] $y$ **b**",
    "<img src=x onerror=alert(1)>",
    "[link](javascript:alert(1))",
    "a->b :+1: -- #000021",
    "%{label} &amp; `c`",
)


def test_folder_is_found_by_clicks_and_by_typing(dashboard: Dashboard, page: Page) -> None:
    for name in ("alpha/one", "alpha/two", "beta"):
        (dashboard.root / "find" / name).mkdir(parents=True, exist_ok=True)
    (dashboard.root / "find" / "alpha" / "two" / "file.txt").write_text("12345")
    open_page(page, f"{dashboard.url}/new_job?path={dashboard.root}/find")
    box = page.get_by_role("textbox", name="Folder")
    page.get_by_role("button", name=re.compile("alpha")).click()
    page.get_by_role("button", name=re.compile("two 1 file")).click()
    expect(box).to_have_value(f"{dashboard.root}/find/alpha/two")
    expect(page.get_by_test_id("stMetric").filter(has_text="Size")).to_contain_text("5 B")
    page.get_by_role("button", name="find", exact=True).click()
    expect(box).to_have_value(f"{dashboard.root}/find")
    settled(page)
    box.fill(f"{dashboard.root}/find/al")
    expect(page.get_by_text("This folder does not exist. 1 folder starts like this:")).to_be_visible()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    page.get_by_role("button", name=re.compile(r"find.alpha$")).click()
    expect(box).to_have_value(f"{dashboard.root}/find/alpha")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    assert urllib.parse.quote(f"{dashboard.root}/find/alpha", safe="") in page.url or "find/alpha" in page.url
    page.reload()
    expect(box).to_have_value(f"{dashboard.root}/find/alpha")


def test_wrong_path_is_explained_and_cannot_be_started(dashboard: Dashboard, page: Page) -> None:
    outside, gone = "is outside the allowed roots", "does not exist"
    root = dashboard.root
    open_page(page, f"{dashboard.url}/new_job?path=/etc")
    # In turns: what is told belongs to the path of this step.
    for path, message in (
        (None, outside),
        (f"{root}/no/such/place", gone),
        ("relative", outside),
        (f"{root}/no/other/place", gone),
        (f"{root}/../../etc", outside),
    ):
        if path is not None:
            page.get_by_role("textbox", name="Folder").fill(path)
        expect(page.get_by_role("alert")).to_contain_text(message)
        expect(page.get_by_test_id("stCaptionContainer").filter(has_text="lightbulb").first).to_be_visible()
        expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
        settled(page)
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_mistake_stands_at_its_field(dashboard: Dashboard, page: Page) -> None:
    open_page(page, f"{dashboard.url}/new_job?path={dashboard.sample}&operations=checksum")
    page.get_by_role("button", name="blake3", exact=True).click()
    expect(page.get_by_text(re.compile("at least 1 item"))).to_be_visible()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    page.get_by_role("button", name="sha256", exact=True).click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    page.get_by_text("More options").click()
    least = page.get_by_role("textbox", name=re.compile("Minimum size"))
    least.fill("ten")
    least.press("Enter")
    expect(page.get_by_text("'ten' is not a valid size")).to_be_visible()
    least.fill("20 KiB")
    least.press("Enter")
    expect(page.get_by_text("'ten' is not a valid size")).to_have_count(0)
    expect(page.get_by_test_id("stMetric").filter(has_text="Files")).to_contain_text("49")
    page.reload()
    expect(page.get_by_role("textbox", name=re.compile("Minimum size"))).to_have_value("20 KiB")
    expect(page.get_by_test_id("stMetric").filter(has_text="Files")).to_contain_text("49")


def test_first_records_are_seen_and_corrected_before_the_start(dashboard: Dashboard, page: Page) -> None:
    folder = dashboard.root / "drop"
    folder.mkdir(exist_ok=True)
    (folder / "prices.csv").write_text("Prices of :red[May]\nid;price\n" + "1;2,50\n2;0,75\n" * 30)
    shown = page.get_by_test_id("stExpander").filter(has_text="The first records of a file")

    def look(**options: str) -> None:
        form = urllib.parse.quote(json.dumps({"options": {"convert": {"to": "jsonl", **options}}}))
        open_page(page, f"{dashboard.url}/new_job?path={folder}&operations=convert&form={form}")
        page.get_by_text("The first records of a file").click()
        expect(shown.get_by_test_id("stDataFrame")).to_be_visible()

    look()
    expect(shown).to_contain_text("Prices of :red[May]")
    expect(shown).to_contain_text("yes (the values below 'id' are of type integer)")
    expect(shown).to_contain_text("1 line before the table")
    look(delimiter="comma")
    expect(shown).to_contain_text(re.compile(r"Delimiter\W+,"))


def test_preset_is_saved_loaded_and_deleted(dashboard: Dashboard, page: Page) -> None:
    form = '{"options":{"checksum":{"algorithms":["md5"]}},"walk":{"extensions":["csv"]}}'
    open_page(
        page,
        f"{dashboard.url}/new_job?path={dashboard.sample}/sales&operations=checksum&form={urllib.parse.quote(form)}",
    )
    page.get_by_role("button", name="Save as preset").click()
    page.get_by_role("textbox", name="Name of the preset").fill("Sales :red[x]")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was saved")).to_be_visible()
    open_page(page, f"{dashboard.url}/new_job")
    page.get_by_role("button", name="Presets").click()
    page.get_by_role("button", name=re.compile("Sales")).click()
    page.wait_for_url(re.compile("operations=checksum"))
    settled(page)
    expect(page.get_by_role("textbox", name="Folder")).to_have_value(f"{dashboard.sample}/sales")
    expect(page.get_by_role("button", name="md5", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("csv", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Presets").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("was deleted")).to_be_visible()
    expect(page.get_by_role("button", name="Presets")).to_be_disabled()


@pytest.fixture
def hostile(dashboard: Dashboard) -> Path:
    """Return a directory of names that try to be something else."""
    folder = dashboard.root / "hostile"
    for name in HOSTILE:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{name}.txt").write_bytes(b"x" * 5000)
    raw = os.path.join(os.fsencode(folder), b"caf\xe9")
    os.makedirs(raw, exist_ok=True)
    with open(os.path.join(raw, b"new\nline \xff.txt"), "wb") as file:
        file.write(b"y" * 9000)
    return folder


def test_hostile_names_are_shown_as_they_are(dashboard: Dashboard, hostile: Path, page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"a name ran as a script: {dialog.message}"))
    open_page(page, f"{dashboard.url}/new_job?path={hostile}")
    for name in HOSTILE:
        expect(page.get_by_role("button").filter(has_text=_literal(name)).first).to_be_visible()
    page.get_by_role("button").filter(has_text=_literal(HOSTILE[0])).first.click()
    expect(page.get_by_role("textbox", name="Folder")).to_have_value(f"{hostile}/{HOSTILE[0]}")
    start_job(page, dashboard, hostile, "inventory")
    completed(page)
    treemap = page.locator("g.treemaplayer").first
    for name in HOSTILE:
        expect(treemap.get_by_text(_literal(name)).first).to_be_attached()
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0


def _literal(text: str) -> re.Pattern[str]:
    # Characters without width may stand between the visible ones.
    return re.compile("\u2060?".join(re.escape(character) for character in text))


def test_folder_whose_name_is_not_text_is_read(dashboard: Dashboard, hostile: Path, page: Page) -> None:
    open_page(page, f"{dashboard.url}/new_job?path={hostile}")
    page.get_by_role("button", name=re.compile(r"caf\\xe9")).click()
    expect(page.get_by_test_id("stMetric").filter(has_text="Size")).to_contain_text("8.8 KiB")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/job\?id="))
    completed(page)
    expect(page.get_by_test_id("stMetric").filter(has_text="Files").first).to_contain_text("1")
    expect(page.locator("g.treemaplayer").first).to_contain_text(r"new\nline \xff.txt")


def test_first_job_by_keyboard_alone(fresh: Dashboard, page: Page) -> None:
    open_page(page, fresh.url)
    _press_until(page, "Try the sample")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/new_job"))
    page.wait_for_selector("[data-testid=stHeading]")
    settled(page)
    _press_until(page, "Start")
    page.keyboard.press("Space")
    page.wait_for_url(re.compile(r"/job\?id="))
    completed(page)
    _press_until(page, "Overview")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Rows 1 to 100 of 123")).to_be_visible()


def _press_until(page: Page, words: str) -> None:
    """Press Tab until something with these words has the focus."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.innerText.trim().split('\\n').pop()") == words:
            return
    pytest.fail(f"{words!r} cannot be reached with the Tab key")
