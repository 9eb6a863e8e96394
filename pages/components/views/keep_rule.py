"""The keep-rule builder: which file of each group stays, what that frees, and the plan to download."""

from __future__ import annotations

import urllib.parse
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import failure, filters, grid, notice
from services import bootstrap
from services.base import errors, units
from services.models import results
from services.models.jobs import JobView
from services.results import removal

_RULES = {
    "oldest": "the oldest file",
    "newest": "the newest file",
    "shortest_path": "the file with the shortest path",
    "under": "files in a folder",
    "each_name": "one file of each name",
}
_KEEP, _FOLDER, _BELOW = "keep", "keep_folder", "remove_in"
_COLUMNS: tuple[dict[str, Any], ...] = (
    {"name": "path", "dtype": "text", "meaning": "To be removed"},
    {"name": "keep", "dtype": "text", "meaning": "Copy that stays"},
    {"name": "size_bytes", "dtype": "integer", "unit": "bytes", "meaning": "Size"},
)


def choose(keep: str, folder: str, below: str) -> None:
    """Fill in the rule, in a callback: what stays, and the folder in which files may be removed."""
    st.session_state[_KEEP], st.session_state[_FOLDER], st.session_state[_BELOW] = keep, folder, below
    notice.later("The plan is at the end of this page.", ":material/arrow_downward:")


@st.fragment
def show(services: bootstrap.Services, job: JobView) -> None:
    """Let a rule be chosen, show what it would remove, and offer the plan; nothing is removed."""
    st.subheader("Plan a removal", anchor=False)
    st.caption(
        "Choose which files stay. References always stay, and at least one file of each group. Pravah itself removes "
        "nothing: it writes a script that checks each file again before removing it."
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="keep_rule"):
        keep = st.selectbox("Keep", list(_RULES), format_func=_RULES.__getitem__, key=_KEEP, bind="query-params")
        folder = ""
        if keep == "under":
            folder = st.text_input(
                "Folder whose files stay", key=_FOLDER, bind="query-params", placeholder="photos/2024"
            )
        below = st.text_input("Remove only in folder", key=_BELOW, bind="query-params", placeholder="any folder")
        extension = st.text_input("Extension", key="remove_extension", bind="query-params", placeholder="no limit")
        size = st.text_input("Minimum size", key="remove_size", bind="query-params", placeholder="e.g. 1 MiB")
    if keep == "under" and not folder.strip("/ "):
        st.caption(":material/edit: Enter the path of the folder, as shown in the table.")
        return
    try:
        rule = results.KeepRule(keep=keep, folder=folder.strip(), filters=_filters(below, extension, size))
        found = services.results.removal_preview(job.id, rule)
    except (errors.PravahError, ValueError) as error:
        failure.show(error if isinstance(error, errors.PravahError) else errors.InvalidOptionsError(str(error)))
        return
    _preview(found)
    if found.files:
        _download(job, rule)


def _filters(below: str, extension: str, size: str) -> tuple[results.Filter, ...]:
    found = []
    if folder := below.strip().strip("/"):
        found.append(results.Filter(column="path", operator="starts_with", value=f"{folder}/"))
    if wanted := extension.strip().lower().lstrip("."):
        found.append(results.Filter(column="extension", operator="eq", value=wanted))
    if size.strip():
        found.append(results.Filter(column="size_bytes", operator="ge", value=str(units.parse_bytes(size))))
    return tuple(found)


def _preview(found: results.RemovalPreview) -> None:
    with st.grid(4, min_column_width=150):
        st.metric("To be removed", text.count(found.files, "file", "files"), border=True)
        st.metric("Frees", units.format_bytes(found.reclaimable_bytes), border=True)
        st.metric("Groups cleaned", units.format_count(found.groups), border=True)
        st.metric("Groups not changed", units.format_count(found.untouched_groups), border=True)
    if found.unchecked_files:
        st.caption(f":material/schedule: {removal.unchecked(found.unchecked_files)}")
    if found.first:
        grid.show(found.first, _COLUMNS, key="removal_rows")
        if found.files > len(found.first):
            st.caption(f"The largest {len(found.first)} of {units.format_count(found.files)}; the plan contains all.")


def _download(job: JobView, rule: results.KeepRule) -> None:
    if job.source.path is None:
        st.caption("A plan is only possible for a local directory. This job read S3.")
        return
    asked = [("keep", rule.keep), *([("folder", rule.folder)] if rule.folder else [])]
    asked += [("filter", filters.as_text(one)) for one in rule.filters]
    with st.container(horizontal=True):
        for form, label in (("sh", "Script"), ("csv", "CSV plan")):
            address = f"api/jobs/{job.id}/removal?{urllib.parse.urlencode([*asked, ('format', form)])}"
            st.link_button(label, address, icon=":material/download:", key=f"plan_{form}")
    st.caption(
        "`bash plan.sh` shows what it would do; `bash plan.sh --remove` does it. `--hardlink` or `--reflink` free "
        "the space and keep every path."
    )
