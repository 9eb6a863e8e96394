"""convert: the balance of rows, where the files are, and what was rejected, with the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import linked, reused, table_link
from services import bootstrap
from services.base import units
from services.models import results
from services.models.jobs import JobView

_FILES, _REJECTS = 12, 20


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show figures, the balance, the files and the rejects."""
    summary = job.result("convert")["summary"]
    _verdict(summary)
    reused.show(summary, summary["files"])
    with st.grid(6, min_column_width=140):
        st.metric("Files", units.format_count(summary["files"]))
        st.metric("Size of the source file", units.format_bytes(summary["bytes"]))
        st.metric("Size after", units.format_bytes(summary["output_bytes"]))
        st.metric("Compressed to", units.format_percent(summary["packed_percent"]))
        st.metric("Read twice", units.format_count(summary["read_twice"]), help="A later value widened a type")
        st.metric("Skipped", units.format_count(summary["other_files"]))
    if not summary["files"]:
        st.info(
            "No file was converted. If there were files to convert, the issues show the reasons.",
            icon=":material/block:",
        )
        return
    _balance(summary)
    _proof(summary)
    if summary["destination"]:
        st.markdown(f"Written to {text.code(summary['destination'])}.")
    else:
        st.markdown("Download the converted files from **Files**.")
    st.subheader("Files", anchor=False)
    columns = ("path", "records_read", "records_written", "records_rejected", "verdict", "written_as", "output_bytes")
    linked.top(services, job.id, "convert.result", columns, sort="-records_rejected", limit=_FILES)
    if summary["files_written"] > summary["files"]:
        st.subheader("Converted files", anchor=False)
        st.caption(f"{text.count(summary['files'], 'file', 'files')} became {summary['files_written']:,}.")
        parts = ("written_as", "records", "output_bytes", "row_groups")
        linked.top(services, job.id, "convert.outputs", parts, sort="written_as", limit=_FILES)
    if summary["records_rejected"]:
        st.subheader("Rejected records", anchor=False)
        shown = ("path", "line", "column", "value", "reason")
        linked.top(services, job.id, "convert.rejects", shown, sort="path,record", limit=_REJECTS)


def _verdict(summary: Mapping[str, Any]) -> None:
    failed, partial = summary["failed_files"], summary["partial_files"]
    if summary["verdict"] == "failed":
        words = "No record was written: the issues and the rejected records say why."
        if summary["changed_files"]:
            words = "Converted files have other values than their sources. Do not use them: the issues say which."
        st.error(f"**Failed.** {words}", icon=":material/gpp_bad:")
    elif summary["verdict"] == "partial":
        parts = [f"{text.count(failed, 'file was', 'files were')} not converted"] if failed else []
        parts += [f"of {text.count(partial, 'file', 'files')} something is missing"] if partial else []
        words = ", and ".join(parts)
        words = words or ("not everything could be looked at" if summary["files"] else "there was no table to convert")
        st.warning(f"**Partial.** {words[0].upper()}{words[1:]}.", icon=":material/content_cut:")


def _balance(summary: Mapping[str, Any]) -> None:
    read, written, rejected = (summary[f"records_{name}"] for name in ("read", "written", "rejected"))
    counts = [units.format_count(count) for count in (read, written, rejected)]
    words = f"**{counts[0]}** records read = **{counts[1]}** written + **{counts[2]}** rejected"
    if summary["values_nulled"]:
        words += f"; {text.count(summary['values_nulled'], 'value', 'values')} replaced with null"
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="balance"):
        color = "orange" if rejected or summary["values_nulled"] else "green"
        st.markdown(f":{color}[:material/balance:] {words}.")
        if rejected:
            wanted = [results.Filter(column="records_rejected", operator="gt", value="0")]
            table_link.button("Show files", "convert.result", wanted, sort="-records_rejected", key="to_rejecting")


def _proof(summary: Mapping[str, Any]) -> None:
    if not (words := summary["value_proof"]):
        return
    is_equal = not summary["changed_files"]
    color, icon = ("orange", "gpp_maybe") if "not proven" in words else ("green", "verified")
    if not is_equal:
        color, icon = ("red", "gpp_bad")
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="proof"):
        st.markdown(f":{color}[:material/{icon}:] **Value proof:** {words}.")
        if not is_equal:
            wanted = [results.Filter(column="proof", operator="eq", value="different")]
            table_link.button("Show files", "convert.result", wanted, key="to_changed")
