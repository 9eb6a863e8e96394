"""decompress: what came out, where it is, and what was left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import draft, linked, table_link
from services import bootstrap
from services.base import units
from services.models import results
from services.models.jobs import JobView

_LISTED = 15


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show figures, where the files are, and the largest ones."""
    summary = job.result("decompress")["summary"]
    _verdict(services, job, summary)
    with st.grid(5, min_column_width=140):
        st.metric("Compressed files", units.format_count(summary["files"]))
        st.metric("Archives", units.format_count(summary["archives"]))
        st.metric("Members", units.format_count(summary["members"]))
        st.metric("Compressed size", units.format_bytes(summary["bytes"]))
        st.metric("Unpacked", units.format_bytes(summary["unpacked_bytes"]))
    others = text.count(summary["other_files"], "file is", "files are")
    if not summary["files"]:
        st.info(f"Nothing was unpacked: {others} not compressed.", icon=":material/info:")
    elif summary["tested_only"]:
        _tested(job)
    else:
        st.markdown(f"Written to {text.code(summary['destination'])}; {others} not compressed and were skipped.")
        _lost(summary)
    st.subheader("Largest files", anchor=False)
    columns = ("path", "format", "size_bytes", "unpacked_bytes", "members")
    linked.top(services, job.id, "decompress.result", columns, sort="-unpacked_bytes", limit=_LISTED)
    if summary["members"]:
        table_link.button("Show members", "decompress.members", sort="path", key="to_members")


def _verdict(services: bootstrap.Services, job: JobView, summary: Mapping[str, Any]) -> None:
    statuses = summary["statuses"]
    left = summary["left_out"]
    more = f" The filters left out {text.count(left, 'file', 'files')}." if left else ""
    counts = f"{units.format_count(statuses['whole'])} are whole, {units.format_count(statuses['damaged'])} damaged, "
    counts += f"{units.format_count(statuses['incomplete'])} incomplete."
    if not any(statuses.values()):
        st.warning(
            f"**No compressed file was found**, so nothing is known to be whole.{more}", icon=":material/gpp_maybe:"
        )
    elif summary["verdict"] == "whole":
        whole = text.count(statuses["whole"], "compressed file is", "compressed files are")
        st.success(f"**Whole.** {whole} whole.{more}", icon=":material/verified:")
    elif summary["verdict"] == "damaged":
        st.error(f"**Damaged.** {counts}{more}", icon=":material/gpp_bad:")
    else:
        st.warning(f"**Incomplete.** {counts} Not everything could be checked.{more}", icon=":material/gpp_maybe:")
    if statuses["damaged"] or statuses["incomplete"]:
        st.subheader("Not whole", anchor=False)
        wanted = [results.Filter(column="status", operator="ne", value="whole")]
        columns = ("path", "status", "format", "size_bytes")
        linked.top(services, job.id, "decompress.result", columns, sort="status,path", limit=_LISTED, filters=wanted)


def _lost(summary: Mapping[str, Any]) -> None:
    """Say what members do not have at the destination."""
    lost = [
        (summary["special_bits_left_out"], "setuid, setgid or sticky bit", "setuid, setgid or sticky bits"),
        (summary["times_cut"], "time that is out of range there", "times that are out of range there"),
        (summary["attributes_left_out"], "extended attribute", "extended attributes"),
    ]
    words = [text.count(count, one, many) for count, one, many in lost if count]
    if words:
        st.caption(f"Not kept at the destination: {', '.join(words)}.")


def _tested(job: JobView) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="tested"):
        st.markdown("This was a test: nothing was written.")
        st.page_link(
            "pages/new_job.py",
            label="Choose destination",
            icon=":material/unarchive:",
            query_params=draft.encode(job.request),
        )
