"""verify: the verdict, the counts behind it, and what is not as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import grid, reused, table_link
from pages.components.charts import rate
from services import bootstrap, operations
from services.base import units
from services.models import results
from services.models.jobs import JobView

_LISTED = 100
_TABLE = "verify.result"
_LOOKS = {
    "ok": ("OK", ":material/check_circle:", "green"),
    "changed": ("Changed", ":material/edit:", "red"),
    "missing": ("Missing", ":material/remove_circle:", "red"),
    "moved": ("Moved", ":material/drive_file_move:", "red"),
    "unreadable": ("Unreadable", ":material/lock:", "orange"),
    "not_verified": ("Not verified", ":material/help:", "orange"),
    "new": ("New", ":material/add_circle:", "blue"),
}
# The worst first.
_ORDER = ("changed", "missing", "moved", "unreadable", "not_verified", "new")


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show verdict, counts, the paths that are not ok, and the rate."""
    summary = job.result("verify")["summary"]
    statuses: Mapping[str, int] = summary.get("statuses", {})
    _verdict(str(summary.get("verdict")), statuses, str(summary.get("algorithm")))
    reused.show(summary, summary.get("digested_files", 0))
    _counts(statuses)
    _not_ok(services, job, statuses)
    _rate(job)


def _verdict(verdict: str, statuses: Mapping[str, int], algorithm: str) -> None:
    total = units.format_count(sum(statuses.values()))
    by = f"Algorithm: {text.plain(algorithm)}. Paths: {total}."
    new = statuses.get("new", 0)
    more = f" {text.count(new, 'new file is', 'new files are')} not in the manifest." if new else ""
    if verdict == "verified":
        ok = units.format_count(statuses.get("ok", 0))
        st.success(
            f"**Verified.** All {ok} files of the manifest are present and unchanged.{more} {by}",
            icon=":material/verified:",
        )
    elif verdict == "failed":
        wrong = sum(statuses.get(name, 0) for name in ("changed", "missing", "moved"))
        st.error(
            f"**Failed.** {text.count(wrong, 'path is', 'paths are')} changed, missing or moved.{more} {by}",
            icon=":material/gpp_bad:",
        )
    else:
        open_ = sum(statuses.get(name, 0) for name in ("unreadable", "not_verified"))
        st.warning(
            f"**Incomplete.** No file is wrong, but {text.count(open_, 'path', 'paths')} could not be verified.{more} "
            f"{by}",
            icon=":material/gpp_maybe:",
        )


def _counts(statuses: Mapping[str, int]) -> None:
    with st.grid(7, min_column_width=120):
        for name, (label, icon, color) in _LOOKS.items():
            count = statuses.get(name, 0)
            shown = f":{color}[{icon}] {label}" if count else f":gray[{icon} {label}]"
            st.metric(shown, units.format_count(count), border=True)
    st.caption(f"Each path has exactly one status. Total: {units.format_count(sum(statuses.values()))}.")


def _not_ok(services: bootstrap.Services, job: JobView, statuses: Mapping[str, int]) -> None:
    wrong = [name for name in _ORDER if statuses.get(name)]
    if not wrong:
        return
    st.subheader("Differences from the manifest", anchor=False)
    rows: list[dict[str, Any]] = []
    for name in wrong:
        if len(rows) < _LISTED:
            found = results.Filter(column="status", operator="eq", value=name)
            question = results.ResultQuery(filters=(found,), sort=("path",), limit=_LISTED - len(rows))
            rows += services.results.query(job.id, _TABLE, question).rows
    columns = [column.model_dump() for column in operations.get("verify").tables[0].columns]
    shown = [
        column
        for column in columns
        if column["name"] in {"status", "path", "moved_from", "size_bytes", "expected", "actual"}
    ]
    shown.sort(key=lambda column: column["name"] != "status")
    grid.show(rows, shown, key="not_ok")
    count = sum(statuses[name] for name in wrong)
    if count > len(rows):
        st.caption(f"The first {units.format_count(len(rows))} of {units.format_count(count)}, most serious first.")
    not_ok = [results.Filter(column="status", operator="ne", value="ok")]
    table_link.button("Show all", _TABLE, not_ok, sort="status", key="to_not_ok")


def _rate(job: JobView) -> None:
    if job.progress is not None and job.progress.elapsed_seconds > 0:
        size, seconds = job.progress.bytes_done, job.progress.elapsed_seconds
        st.caption(
            f"Read {units.format_bytes(size)} in {units.format_duration(seconds)}, {units.format_rate(size / seconds)}."
        )
    if rate.is_drawable(job.samples):
        rate.show(job.samples, key="rate_final")
