"""compress: what it saved or would save, by extension, and from an estimate the way to the real thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import draft, linked, reused, table_link
from pages.components.charts import bars
from services import bootstrap
from services.base import units
from services.models.jobs import JobView

_BARS = 12


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show figures, what an estimate means, and extensions by what they save."""
    summary = job.result("compress")["summary"]
    numbers(summary, summary["packed_bytes"])
    if summary["estimated"]:
        _estimate(job, summary)
    else:
        st.markdown(f"Written to {text.code(summary['destination'])}, as {summary['format']} level {summary['level']}.")
        reused.show(summary, summary["files"])
    with st.grid(2, min_column_width=380, gap="medium"):
        with st.container():
            st.subheader("By extension", anchor=False)
            columns = ("extension", "files", "size_bytes", "packed_bytes", "packed_percent")
            linked.top(services, job.id, "compress.by_extension", columns, sort="-size_bytes", limit=_BARS)
        with st.container():
            st.subheader("Savings by extension", anchor=False)
            _saved(services, job)
    table_link.button("Show files", "compress.result", sort="-size_bytes", key="to_files")


def numbers(summary: Mapping[str, Any], packed_bytes: int) -> None:
    """Show how much there was and how much it is packed."""
    with st.grid(5, min_column_width=140):
        st.metric("Files", units.format_count(summary["files"]))
        st.metric("Size of the source file", units.format_bytes(summary["bytes"]))
        st.metric("Size after", units.format_bytes(packed_bytes))
        st.metric("Compressed to", f"{summary['packed_percent']:,} %")
        st.metric("Saved", units.format_bytes(summary["saved_bytes"]))


def _estimate(job: JobView, summary: Mapping[str, Any]) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="estimate"):
        sampled = units.format_bytes(summary["sampled_bytes"])
        took = units.format_duration(summary["estimated_seconds"])
        st.markdown(
            f":material/query_stats: **Estimate** from {sampled} of samples, {summary['format']} level "
            f"{summary['level']}. Compressing all files would take about **{took}** plus writing. Nothing was written."
        )
        st.page_link(
            "pages/new_job.py",
            label="Choose destination",
            icon=":material/compress:",
            query_params=draft.encode(job.request),
        )


def _saved(services: bootstrap.Services, job: JobView) -> None:
    rows = linked.rows(services, job.id, "compress.by_extension", "-size_bytes", _BARS)
    saved = [max(0, row["size_bytes"] - row["packed_bytes"]) for row in rows]
    rows = [row for _, row in sorted(zip(saved, rows, strict=True), key=lambda pair: -pair[0])]
    names = [row["extension"] or "(none)" for row in rows]
    pick = linked.opens(rows, "extension", "compress.result", "-size_bytes")
    bars.show(
        names, sorted(saved, reverse=True), units.format_bytes, key="saved", alt="Saved by extension", on_pick=pick
    )
    st.caption("Click a bar to list its files.")
