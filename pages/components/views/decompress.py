"""decompress: what came out, where it is, and what was left."""

from __future__ import annotations

import streamlit as st

from pages.base import text
from pages.components import draft, linked, table_link
from services import bootstrap
from services.base import units
from services.models.jobs import JobView

_LISTED = 15


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show figures, where the files are, and the largest ones."""
    summary = job.result("decompress")["summary"]
    with st.grid(5, min_column_width=140):
        st.metric("Compressed files", units.format_count(summary["files"]))
        st.metric("Archives among them", units.format_count(summary["archives"]))
        st.metric("Their members", units.format_count(summary["members"]))
        st.metric("Size packed", units.format_bytes(summary["bytes"]))
        st.metric("Unpacked", units.format_bytes(summary["unpacked_bytes"]))
    others = text.count(summary["other_files"], "file is", "files are")
    if not summary["files"]:
        st.info(f"Nothing was unpacked; {others} not compressed.", icon=":material/info:")
    elif summary["tested_only"]:
        _tested(job)
    else:
        st.markdown(f"Written to {text.code(summary['destination'])}; {others} not compressed and not there.")
    st.subheader("Largest", anchor=False)
    columns = ("path", "format", "size_bytes", "unpacked_bytes", "members")
    linked.top(services, job.id, "decompress.result", columns, sort="-unpacked_bytes", limit=_LISTED)
    if summary["members"]:
        table_link.button("Members of archives", "decompress.members", sort="path", key="to_members")


def _tested(job: JobView) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="tested"):
        if job.issues_count:
            found = text.count(job.issues_count, "issue", "issues")
            st.markdown(f":material/rule: **A test with {found}.** Each tells what is not whole or was refused.")
        else:
            st.markdown(":material/verified: **A test: all of them are whole.** Nothing was written.")
        st.page_link(
            "pages/new_job.py",
            label="Choose a destination and unpack",
            icon=":material/unarchive:",
            query_params=draft.encode(job.request),
        )
