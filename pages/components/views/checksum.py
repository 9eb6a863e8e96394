"""checksum: how much, how fast, the manifests, and the way to compare with it later."""

from __future__ import annotations

import streamlit as st

from pages.base import text
from pages.components import download, draft, operation_cards, reused, table_link
from pages.components.charts import rate
from services import bootstrap, operations
from services.base import units
from services.models.jobs import JobRequest, JobView, OperationRequest

_VERIFY = "verify"


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show numbers, manifests, the action "verify" and the rate over time."""
    outcome = job.outcome or {}
    summary = job.result("checksum")["summary"]
    with st.grid(4, min_column_width=150):
        st.metric("Files", units.format_count(summary.get("files")))
        st.metric("Size", units.format_bytes(summary.get("bytes")))
        st.metric("Rate", units.format_rate(summary.get("bytes_per_second")))
        st.metric("Time", units.format_duration(outcome.get("elapsed_seconds")))
    algorithms = ", ".join(text.plain(name) for name in summary.get("algorithms", []))
    st.markdown(f"Algorithms: **{algorithms}**")
    reused.show(summary, summary["files"])
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch", key="manifests"):
        _manifests(services, job)
    with right, st.container(border=True, height="stretch", key="verify_this"):
        _verify(job)
    if rate.is_drawable(job.samples):
        st.subheader("Rate over time", anchor=False)
        rate.show(job.samples, key="rate_final")
    table_link.button("Show checksums", "checksum.result", key="to_digests")


def _manifests(services: bootstrap.Services, job: JobView) -> None:
    st.markdown("**Manifests**")
    found = [artifact for artifact in services.artifacts.list(job.id) if download.is_manifest(artifact)]
    if not found:
        st.caption("No manifests were requested.")
        return
    st.caption("`sha256sum -c`, `md5sum -c` and `b3sum --check` can read these files.")
    download.files(job.id, found)


def _verify(job: JobView) -> None:
    st.markdown("**Check for changes**")
    st.caption("Compare this directory later, or a copy of it, with these checksums.")
    options = {"manifest": f"job:{job.id}"}
    asked = OperationRequest(operation=_VERIFY, options=options)
    request = JobRequest(operations=(asked,), source=job.source, walk=job.walk)
    st.page_link(
        "pages/new_job.py",
        label="Verify against this result",
        icon=operation_cards.icon(operations.get(_VERIFY)),
        query_params=draft.encode(request),
    )
