"""duplicates: what is there twice, what it wastes and where, and the plan to remove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import folder_map, linked, reused, table_link
from pages.components.charts import bars
from pages.components.views import copied_folders, keep_rule
from services import bootstrap
from services.base import units
from services.models import results
from services.models.jobs import JobView

_LISTED, _BARS, _NODES = 15, 12, 400
_MEASURE = "reclaimable_bytes"


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show figures, the verdict on the reference, the map of waste, the groups, and the keep-rule builder."""
    summary = job.result("duplicates")["summary"]
    _reference(summary)
    _numbers(summary)
    reused.show(summary, summary.get("compared_files", 0))
    if not summary["groups"]:
        st.info("No duplicates: all files have different content.", icon=":material/check_circle:")
        _links(summary)
        return
    copied_folders.show(services, job, summary)
    st.subheader("Reclaimable space by folder", anchor=False)
    _map(services, job)
    with st.grid(2, min_column_width=380, gap="medium"):
        with st.container():
            st.subheader("Groups", anchor=False)
            wanted = ("path", "files", _MEASURE)
            linked.top(services, job.id, "duplicates.groups", wanted, sort=f"-{_MEASURE}", limit=_LISTED)
        with st.container():
            st.subheader("By extension", anchor=False)
            _extensions(services, job)
    _links(summary)
    keep_rule.show(services, job)


def _reference(summary: Mapping[str, Any]) -> None:
    found = summary.get("reference")
    if found is None:
        return
    files = text.count(found["unique_files"], "file", "files")
    if found["safe_to_wipe"] == "yes":
        linked = " Some are hard links: to remove them is safe, to overwrite their content is not."
        st.success(
            "**Safe to wipe.** The references contain a copy of every file of the source."
            + (linked if summary["hard_linked_inodes"] else ""),
            icon=":material/verified:",
        )
    elif found["safe_to_wipe"] == "no" and not found["unique_files"]:
        st.error(
            "**Not safe to wipe.** The reference is inside the source, so wiping the source would delete it too. "
            "Files outside the reference do have a copy in it.",
            icon=":material/gpp_bad:",
        )
    elif found["safe_to_wipe"] == "no":
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="unique"):
            size = units.format_bytes(found["unique_bytes"])
            st.markdown(
                f":red[:material/gpp_bad:] **Not safe to wipe.** {files} ({size}) of the source have no copy in the "
                f"references."
            )
            table_link.button("Show files", "duplicates.unique", sort="-size_bytes", key="to_unique")
    else:
        st.warning(f"**Unknown.** {_unknown(summary)}", icon=":material/gpp_maybe:")


def _unknown(summary: Mapping[str, Any]) -> str:
    found = summary["reference"]
    unseen = [
        (found["left_out"], "entry was left out by the rules", "entries were left out by the rules"),
        (found["other_entries"], "link, pipe or device was not compared", "links, pipes or devices were not compared"),
        (found["not_compared_files"], "file was too small to be compared", "files were too small to be compared"),
        (summary["unread_files"], "file could not be read", "files could not be read"),
    ]
    why = [text.count(count, one, many) for count, one, many in unseen if count]
    if unproven := found.get("unproven_files", 0):
        systems = ", ".join(found["unproven_file_systems"])
        copies = text.count(unproven, "file has its copy", "files have their copies")
        why.append(f"{copies} only on a file system that may depend on the source, or is in memory ({systems})")
    if points := found.get("mount_points", 0):
        why.append(f"files may be hidden below {text.count(points, 'mount point', 'mount points')} in the source")
    if not summary["files"]:
        why.append("no file was looked at")
    return (
        f"Every compared file has a copy, but {', '.join(why) or 'not everything could be compared: see the issues'}."
    )


def _numbers(summary: Mapping[str, Any]) -> None:
    with st.grid(6, min_column_width=140):
        st.metric("Files", units.format_count(summary["files"]))
        st.metric("Groups", units.format_count(summary["groups"]))
        st.metric("Redundant files", units.format_count(summary["redundant_files"]))
        st.metric("Reclaimable", units.format_bytes(summary[_MEASURE]))
        st.metric("Hard-linked", units.format_count(summary["hard_linked_inodes"]))
        st.metric("Not compared", units.format_count(summary["unread_files"]))


def _map(services: bootstrap.Services, job: JobView) -> None:
    def total(path: str) -> Mapping[str, Any] | None:
        rows = _by_folder(services, job, results.Filter(column="path", operator="eq", value=path), limit=1)
        return rows[0] if rows else None

    def nodes(path: str) -> Sequence[Mapping[str, Any]]:
        depth = 0 if path == folder_map.TOP else path.count("/") + 1
        below = [results.Filter(column="depth", operator="in", value=f"{depth + 1},{depth + 2}")]
        if depth:
            below.append(results.Filter(column="path", operator="starts_with", value=f"{path}/"))
        rows = _by_folder(services, job, *below, limit=_NODES)
        known = {path, *(row["path"] for row in rows)}
        placed = [{**row, "parent": row["path"].rpartition("/")[0] or folder_map.TOP} for row in rows]
        return [
            {**row, "name": row["path"].rpartition("/")[2], "kind": "directory"}
            for row in sorted(placed, key=lambda row: row["depth"])
            if row["parent"] in known
        ]

    folder_map.show(total, nodes, _MEASURE, lambda path: None, name="waste")
    st.caption("Size of redundant files by folder. Click a folder to open it.")


def _by_folder(services: bootstrap.Services, job: JobView, *found: results.Filter, limit: int) -> list[dict[str, Any]]:
    question = results.ResultQuery(filters=found, sort=(f"-{_MEASURE}",), limit=limit)
    return services.results.query(job.id, "duplicates.by_folder", question).rows


def _extensions(services: bootstrap.Services, job: JobView) -> None:
    rows = linked.rows(services, job.id, "duplicates.by_extension", f"-{_MEASURE}", _BARS)
    pick = linked.opens(rows, "extension", "duplicates.result", "group")
    names = [row["extension"] or "(none)" for row in rows]
    amounts = [row[_MEASURE] for row in rows]
    alt = "Reclaimable bytes by extension"
    bars.show(names, amounts, units.format_bytes, key="duplicate_extensions", alt=alt, on_pick=pick)
    st.caption("Click a bar to list its files.")


def _links(summary: Mapping[str, Any]) -> None:
    count = summary["hard_linked_inodes"]
    if count:
        with st.container(horizontal=True, vertical_alignment="center"):
            has = text.count(count, "file has", "files have")
            st.markdown(f"{has} several paths (hard links). They waste no space.", width="content")
            table_link.button("Show links", "duplicates.hard_links", sort="link", key="to_hard_links")
