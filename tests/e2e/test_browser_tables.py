"""A drop of CSV files, by clicking: profile, drift, validate with a changed schema, convert with rejects, download."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Dashboard, completed, open_page, run_job, settled

pytestmark = pytest.mark.browser
_SEED = 20261126
_MONTHS, _FLIGHTS = 4, 500


@pytest.fixture
def flights(dashboard: Dashboard) -> Path:
    """Return a directory of flights by month: one month has a renamed column, one two records that do not fit."""
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    folder = dashboard.root / "flights"
    folder.mkdir(exist_ok=True)
    for month in range(1, _MONTHS + 1):
        lines = [f"carrier,{'departure' if month == 3 else 'dep'}_delay,day"]
        for _ in range(_FLIGHTS):
            delay = "NA" if made.random() < 0.05 else str(made.randrange(-20, 200))
            lines.append(f"{made.choice(['UA', 'AA', 'DL'])},{delay},2013-{month:02}-{made.randrange(1, 29):02}")
        if month == 4:
            lines += ["UA,5", '"AA,",12,2013-04-30', "DL,7,2013-04-30,extra"]
        (folder / f"{month:02}.csv").write_text("\n".join(lines) + "\n")
    return folder


def metric(page: Page, label: str) -> object:
    return page.get_by_test_id("stMetric").filter(has_text=label).first


def test_flights_are_profiled_validated_converted_and_downloaded(
    dashboard: Dashboard, page: Page, flights: Path, tmp_path: Path
) -> None:
    profile = run_job(dashboard, flights, "profile")
    open_page(page, profile)
    completed(page)
    records = _MONTHS * _FLIGHTS + 3
    expect(metric(page, "Records")).to_contain_text(f"{records:,}")  # type: ignore[arg-type]
    expect(page.get_by_text("2 records have too many or too few fields.")).to_be_visible()
    expect(metric(page, "Schemas")).to_contain_text("2")  # type: ignore[arg-type]
    page.get_by_role("button", name="All changes").click()
    expect(page.get_by_role("tab", name="Table")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text(re.compile("Rows 1 to 1 of 1"))).to_be_visible()
    page.get_by_role("tab", name="Overview").click()
    settled(page)
    page.get_by_role("link", name="Use as schema to validate").click()
    settled(page)
    document = page.get_by_role("textbox", name="Schema as text")
    schema = json.loads(document.input_value())
    assert [one["type"] for one in schema["fields"]] == ["string", "integer", "date"]
    # A rule is added by hand, which one record violates.
    schema["fields"][0]["constraints"]["enum"] = ["UA", "AA", "DL"]
    document.fill(json.dumps(schema, indent=1))
    document.blur()
    page.wait_for_url(re.compile("enum"))
    settled(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/job\?id="))
    completed(page)
    expect(page.get_by_text("Invalid. Some records violate the schema.")).to_be_visible()
    expect(metric(page, "Bad records")).to_contain_text("3")  # type: ignore[arg-type]
    page.get_by_text("Schema", exact=True).click()
    expect(page.get_by_label("Table Schema")).to_have_value(re.compile('"integer"'))
    open_page(page, profile)
    page.get_by_role("link", name="Use as schema to convert").click()
    settled(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/job\?id="))
    completed(page)
    expect(
        page.get_by_text(re.compile(f"{records:,} records read = {records - 2:,} written \\+ 2 rejected"))
    ).to_be_visible()
    page.get_by_role("tab", name="Files").click()
    settled(page)
    for name, target in (("04.parquet", "april.parquet"), ("04.rejects.csv", "rejects.csv")):
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile(re.escape(name))).first.click()
        download.value.save_as(tmp_path / target)
    assert pq.read_table(tmp_path / "april.parquet").num_rows == _FLIGHTS + 1
    assert (tmp_path / "rejects.csv").read_text() == "carrier,dep_delay,day\nUA,5\nDL,7,2013-04-30,extra\n"
