"""search: where the patterns were found, by pattern and folder, with the lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import linked, reused, table_link
from pages.components.charts import bars, heat_map
from services import bootstrap
from services.base import units
from services.models import results
from services.models.jobs import JobView

_SNIPPETS, _BARS, _FOLDERS = 50, 12, 30
_ALL = "all"


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show figures, whether it is partial, the map of patterns and folders, and the lines."""
    found = job.result("search")
    summary = found["summary"]
    _limits(summary, found["options"])
    _numbers(summary)
    reused.show(summary, summary["files"] + summary["binary_skipped"])
    if not summary["matches"]:
        st.info("No matches.", icon=":material/search_off:")
        _encodings(services, job)
        return
    with st.grid(2, min_column_width=380, gap="medium"):
        with st.container():
            st.subheader("Pattern and folder", anchor=False)
            _map(services, job)
        with st.container():
            st.subheader("Files with the most matches", anchor=False)
            _files(services, job)
    if found["options"].get("count_only"):
        st.caption("This job only counted matches, so there are no lines to show.")
        _encodings(services, job)
        return
    _lines(services, job, list(summary["patterns"]))
    # Outside of the fragment: it turns the whole page to the table.
    table_link.button("All matches", "search.result", sort="path,line", key="to_matches")
    _encodings(services, job)


def _encodings(services: bootstrap.Services, job: JobView) -> None:
    with st.expander("Encodings of the files"):
        linked.encodings(services, job.id, "search")


def _limits(summary: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Say which limit left what out."""
    if summary["partial"]:
        st.warning(
            f"**Partial.** The search stopped after {units.format_count(summary['max_matches'])} matches, and did not "
            f"search the other files. Raise **Maximum matches**, or use more specific patterns.",
            icon=":material/content_cut:",
        )
    if left := summary["files_left_early"]:
        most = units.format_count(options["max_matches_per_file"])
        verb = "was" if left == 1 else "were"
        st.warning(
            f"**Partial.** {text.count(left, 'file', 'files')} {verb} searched only up to match {most}. Raise or clear "
            f"**Maximum matches per file** to search all of each file.",
            icon=":material/content_cut:",
        )


def _numbers(summary: Mapping[str, Any]) -> None:
    with st.grid(6, min_column_width=140):
        st.metric("Matches", units.format_count(summary["matches"]))
        st.metric("Lines", units.format_count(summary["lines"]))
        st.metric("Files with a match", units.format_count(summary["matched_files"]))
        st.metric("Files searched", units.format_count(summary["files"]))
        st.metric("Binary files skipped", units.format_count(summary["binary_skipped"]))
        st.metric("Rate", units.format_rate(summary.get("bytes_per_second")))


def _rows(services: bootstrap.Services, job: JobView, table: str, **question: Any) -> list[dict[str, Any]]:
    return services.results.query(job.id, f"search.{table}", results.ResultQuery(**question)).rows


def _map(services: bootstrap.Services, job: JobView) -> None:
    rows = _rows(services, job, "by_folder", sort=("-matches",), limit=1000)
    folders = list(dict.fromkeys(row["folder"] for row in rows))[:_FOLDERS]
    patterns = list(dict.fromkeys(row["pattern"] for row in rows))[:_FOLDERS]
    amounts = {(row["pattern"], row["folder"]): row["matches"] for row in rows}

    def pick(folder: str, pattern: str) -> None:
        wanted = [results.Filter(column="pattern", operator="eq", value=pattern)]
        if folder != ".":
            wanted.append(results.Filter(column="path", operator="starts_with", value=f"{folder}/"))
        table_link.open_table("search.result", wanted, sort="path,line")

    heat_map.show(folders, patterns, amounts, key="search_map", on_pick=pick)
    st.caption("Click a cell to list its matches.")


def _files(services: bootstrap.Services, job: JobView) -> None:
    rows = _rows(services, job, "by_file", sort=("-matches", "path"), limit=_BARS)
    pick = linked.opens(rows, "path", "search.result", "line")
    names, amounts = [row["path"] for row in rows], [row["matches"] for row in rows]
    bars.show(names, amounts, units.format_count, key="search_files", alt="Files by matches", on_pick=pick)
    table_link.button("Show all files", "search.by_file", sort="-matches", key="to_search_files")


@st.fragment
def _lines(services: bootstrap.Services, job: JobView, patterns: Sequence[str]) -> None:
    st.subheader("Lines", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pattern = _ALL
        if len(patterns) > 1:
            pattern = st.selectbox(
                "Pattern",
                [_ALL, *patterns],
                key="pattern",
                bind="query-params",
                format_func=lambda one: "All patterns" if one == _ALL else text.visible(one, 60),
                width=260,
            )
        words = st.text_input(
            "Search in path or line", key="lines_search", bind="query-params", type="search", live="300ms", width=260
        )
    wanted = () if pattern == _ALL else (results.Filter(column="pattern", operator="eq", value=pattern),)
    question = results.ResultQuery(filters=wanted, search=words, sort=("path", "line", "column_start"), limit=_SNIPPETS)
    page = services.results.query(job.id, "search.result", question)
    for path, rows in groupby(page.rows, key=lambda row: row["path"]):
        lines = "".join(_line(line, list(matches)) for line, matches in groupby(rows, key=lambda row: row["line"]))
        st.html(f'<div class="pravah-snippet"><div>{text.html(path)}</div><pre>{lines}</pre></div>')
    if page.total_rows > len(page.rows):
        shown = f"The first {len(page.rows)} of {units.format_count(page.total_rows)} matches."
        st.caption(shown)
    elif not page.total_rows:
        st.caption("No matches contain this text.")


def _line(number: int, matches: Sequence[Mapping[str, Any]]) -> str:
    """Return a line with its context; every match in it is marked."""
    first = matches[0]
    shown, begin = str(first["text"] or ""), int(first["text_start"])
    parts, at = [], 0
    for one in matches:
        start, end = (max(at, min(len(shown), int(one[name]) - begin)) for name in ("column_start", "column_end"))
        parts += [_html(shown[at:start]), "<mark>", _html(shown[start:end]), "</mark>"]
        at = end
    parts.append(_html(shown[at:]))
    before = _context(first.get("before"), number, -1)
    after = _context(matches[-1].get("after"), number, 1)
    return f'{before}<span class="pravah-number">{number:>6,}</span> {"".join(parts)}\n{after}'


def _html(part: str) -> str:
    return text.html(part.replace("\t", "    "))


def _context(lines: str | None, number: int, way: int) -> str:
    if not lines:
        return ""
    found = lines.rstrip("\n").split("\n")
    first = number - len(found) if way < 0 else number + 1
    return "".join(
        f'<span class="pravah-number">{first + place:>6,}</span> <span class="pravah-context">{_html(one)}</span>\n'
        for place, one in enumerate(found)
    )
