"""What a job would touch, before it starts."""

from __future__ import annotations

import streamlit as st

from pages.base import text
from pages.components import failure, records_preview
from services import bootstrap
from services.base import errors, units
from services.models.jobs import JobRequest
from services.models.previews import Preview


def show(services: bootstrap.Services, request: JobRequest) -> None:
    """Count files and bytes and show the first names; an S3 prefix is counted when asked for."""
    if request.source.s3_uri is not None and not st.button("Count objects", icon=":material/search:"):
        return
    _counted(services, request)


@st.fragment
def _counted(services: bootstrap.Services, request: JobRequest) -> None:
    # What does not change the answer is no part of the cache's key.
    asked = request.model_dump_json(exclude={"name", "baseline", "idempotency_key"})
    try:
        with st.skeleton(height=120):
            found = _preview(asked, services)
    except errors.PravahError as error:
        failure.show(error)
        return
    _figures(found)
    if found.first_tables:
        records_preview.show(services, asked, found.first_tables)


@st.cache_data(ttl=20, max_entries=100, show_spinner=False)
def _preview(request_json: str, _services: bootstrap.Services) -> Preview:
    # The text is the cache's key: the same form is counted once, whatever else changes on the page.
    return _services.jobs.preview(JobRequest.model_validate_json(request_json))


def _figures(found: Preview) -> None:
    more = "" if found.complete else "+"
    files, size = st.columns(2)
    files.metric("Files", f"{units.format_count(found.files)}{more}")
    size.metric("Size", f"{units.format_bytes(found.bytes)}{more}")
    if not found.complete:
        st.caption("Counting stopped early. The job itself includes all files.")
    if not found.files:
        st.warning("No files match.", icon=":material/info:")
        return
    label = f"File names (first {len(found.first_names)})"
    names = st.expander(label, key="preview_names", on_change="rerun")
    # Drawn when it is opened: what highlights code costs the browser a second.
    if names.open:
        names.code("\n".join(text.visible(name) for name in found.first_names), language=None, wrap_lines=True)
