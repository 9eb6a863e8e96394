"""inventory: what fills a tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import linked, table_link
from pages.components.charts import bars, histogram
from pages.components.views import inventory_map
from services import bootstrap, operations
from services.base import units
from services.models import results
from services.models.jobs import JobView

MEASURE = "measure"
_MEASURES = {"size_bytes": "Size", "allocated_bytes": "On disk", "files": "Number of files"}
_BARS, _LISTED = 12, 10
_SMALL_SHARE = 0.5


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show numbers, map, charts and the largest, each a way to the rows behind it."""
    outcome = job.outcome or {}
    summary = job.result("inventory")["summary"]
    _not_covered(int(outcome.get("counts", {}).get("not_covered", 0)))
    _numbers(summary)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Size by folder", anchor=False, width="content")
        measure = st.segmented_control(
            "Measure",
            list(_MEASURES),
            default="size_bytes",
            required=True,
            format_func=_MEASURES.__getitem__,
            key=MEASURE,
            bind="query-params",
            label_visibility="collapsed",
        )
    inventory_map.show(services, job.id, str(measure))
    _charts(services, job, str(measure), summary)
    _largest(services, job)
    _empty(summary)


def _not_covered(count: int) -> None:
    if not count:
        return
    words = f"**{text.count(count, 'path was', 'paths were')} not read** and not counted in the totals."
    table_link.warning(words, "Show paths", "inventory.not_covered")


def _numbers(summary: Mapping[str, Any]) -> None:
    percentiles = summary.get("percentiles", {})
    with st.grid(6, min_column_width=140):
        st.metric("Files", units.format_count(summary.get("files")))
        st.metric("Folders", units.format_count(summary.get("directories")))
        st.metric("Size", units.format_bytes(summary.get("size_bytes")))
        st.metric("On disk", units.format_bytes(summary.get("allocated_bytes")))
        st.metric("Median file", units.format_bytes(percentiles.get("p50")))
        st.metric("Largest file", units.format_bytes(percentiles.get("max")))


def _rows(services: bootstrap.Services, job: JobView, table: str, sort: str, limit: int) -> linked.Rows:
    return linked.rows(services, job.id, f"inventory.{table}", sort, limit)


def _amount(measure: str) -> Callable[[int], str]:
    return units.format_count if measure == "files" else units.format_bytes


def _charts(services: bootstrap.Services, job: JobView, measure: str, summary: Mapping[str, Any]) -> None:
    with st.grid(2, min_column_width=380, gap="medium"):
        with st.container():
            st.subheader("By extension", anchor=False)
            _by(services, job, "by_extension", "extension", measure)
        with st.container():
            st.subheader("By size", anchor=False)
            _sizes(services, job, summary)
        with st.container():
            st.subheader("By age", anchor=False)
            ages = _rows(services, job, "by_age", "age_index", 50)
            names = [row["age"] for row in ages]
            bars.show(names, [row[measure] for row in ages], _amount(measure), key="by_age", alt="Amounts by age")
        with st.container():
            st.subheader("By owner", anchor=False)
            _by(services, job, "by_owner", "owner", measure)


def _by(services: bootstrap.Services, job: JobView, table: str, column: str, measure: str) -> None:
    rows = _rows(services, job, table, f"-{measure}", _BARS)
    pick = linked.opens(rows, column, "inventory.result", "-size_bytes")
    names = [row[column] or "(none)" for row in rows]
    alt = f"Amounts {table.replace('_', ' ')}"
    bars.show(names, [row[measure] for row in rows], _amount(measure), key=table, alt=alt, on_pick=pick)
    st.caption("Click a bar to list its files.")


def _sizes(services: bootstrap.Services, job: JobView, summary: Mapping[str, Any]) -> None:
    buckets = _rows(services, job, "size_histogram", "lower_bytes", 100)
    histogram.show(buckets, summary.get("percentiles", {}), key="size_histogram", on_pick=_open_bucket)
    files, small = int(summary.get("files", 0)), int(summary.get("small_files", 0))
    if files and small / files >= _SMALL_SHARE:
        st.caption(
            f":material/lightbulb: **{small / files:.0%}** of the files are 4 KiB or smaller. Packing them into "
            f"archives would make copies and backups faster."
        )


def _open_bucket(bucket: Mapping[str, Any]) -> None:
    found = [
        results.Filter(column="kind", operator="eq", value="file"),
        results.Filter(column="size_bytes", operator="ge", value=str(bucket["lower_bytes"])),
        results.Filter(column="size_bytes", operator="le", value=str(bucket["upper_bytes"])),
    ]
    table_link.open_table("inventory.result", found, sort="-size_bytes")


def _largest(services: bootstrap.Services, job: JobView) -> None:
    declared = {table.name: table for table in operations.get("inventory").tables}
    with st.grid(2, min_column_width=380, gap="medium"):
        for name, wanted in (
            ("largest_files", ("path", "size_bytes")),
            ("largest_directories", ("path", "size_bytes", "files")),
        ):
            with st.container():
                st.subheader(text.plain(declared[name].title), anchor=False)
                linked.top(services, job.id, f"inventory.{name}", wanted, sort="-size_bytes", limit=_LISTED)


def _empty(summary: Mapping[str, Any]) -> None:
    files, folders = int(summary.get("empty_files", 0)), int(summary.get("empty_directories", 0))
    if files or folders:
        found = text.count(files, "empty file", "empty files")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{found} and {text.count(folders, 'empty folder', 'empty folders')}.", width="content")
            table_link.button("Show files", "inventory.empty", key="to_empty")
