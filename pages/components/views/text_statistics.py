"""text_statistics: how much text there is, in which forms, and what a loader would stumble over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import linked, reused, table_link
from pages.components.charts import bars
from services import bootstrap
from services.base import units
from services.models import results
from services.models.jobs import JobView

_BARS = 12
_TABLE = "text_statistics.result"
_EXPECTED = ("ascii", "utf-8", "utf-16le", "utf-16be", "binary", "empty")
# Figure of the summary, what it means, and the conditions that find its files.
_TROUBLE = (
    ("mixed_line_endings", "mixed line endings", ["line_ending:eq:mixed"]),
    ("not_utf8", "neither UTF-8 nor UTF-16", [f"encoding:ne:{name}" for name in _EXPECTED]),
    ("invalid_files", "bytes that are not valid in the encoding", ["invalid:ge:1"]),
    ("with_byte_order_mark", "a byte order mark", ["byte_order_mark:eq:yes"]),
    ("without_last_line_end", "no line ending after the last line", ["last_line:eq:not ended"]),
)


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show figures, what is unusual with a way to its files, languages and forms."""
    summary = job.result("text_statistics")["summary"]
    with st.grid(6, min_column_width=140):
        st.metric("Text files", units.format_count(summary["text_files"]))
        st.metric("Lines", units.format_count(summary["lines"]))
        st.metric("Words", units.format_count(summary["words"]))
        st.metric("Longest line", units.format_bytes(summary["longest_line_bytes"]))
        st.metric("Binary files", units.format_count(summary["binary_files"]))
        st.metric("Empty files", units.format_count(summary["empty_files"]))
    reused.show(summary, summary["files"])
    _trouble(summary)
    with st.grid(2, min_column_width=380, gap="medium"):
        with st.container():
            st.subheader("Lines by language", anchor=False)
            _languages(services, job)
        with st.container():
            st.subheader("Files by encoding and line ending", anchor=False)
            _forms(services, job)
    st.subheader("Encodings", anchor=False)
    linked.encodings(services, job.id, "text_statistics")
    table_link.button("Show files", _TABLE, sort="-lines", key="to_texts")


def _trouble(summary: Mapping[str, Any]) -> None:
    unusual = [one for one in _TROUBLE if summary[one[0]]]
    if not unusual:
        st.caption(":material/check_circle: All text files are UTF-8 or UTF-16 and have consistent line endings.")
        return
    with st.container(border=True, key="text_trouble"):
        st.markdown("**Possible loading problems**")
        for name, words, conditions in unusual:
            with st.container(horizontal=True, vertical_alignment="center", key=f"trouble_{name}"):
                has = text.count(summary[name], "file has", "files have")
                verb = has if name != "not_utf8" else text.count(summary[name], "file is", "files are")
                st.markdown(f"{verb} {words}.", width="content")
                found = [results.parse_filter(condition) for condition in conditions]
                table_link.button("Show files", _TABLE, found, sort="path", key=f"to_{name}")


def _languages(services: bootstrap.Services, job: JobView) -> None:
    rows = linked.rows(services, job.id, "text_statistics.by_language", "-lines", _BARS)

    def pick(place: int) -> None:
        language = rows[place]["language"]
        found = results.Filter(column="language", operator="is_null" if language == "other" else "eq", value=language)
        table_link.open_table(_TABLE, [found], sort="-lines")

    names, lines = [row["language"] for row in rows], [row["lines"] for row in rows]
    bars.show(names, lines, units.format_count, key="languages", alt="Lines by language", on_pick=pick)
    st.caption("Click a bar to list its files.")


def _forms(services: bootstrap.Services, job: JobView) -> None:
    rows = linked.rows(services, job.id, "text_statistics.by_form", "-files", _BARS)
    names = [f"{row['encoding']}, {row['line_ending']}" for row in rows]
    files = [row["files"] for row in rows]
    bars.show(names, files, units.format_count, key="forms", alt="Files by encoding and line ending")
