"""The beginning of a file of records before the start: its lines beside the records that are read from them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.base import text
from pages.components import failure
from services import bootstrap
from services.base import errors
from services.models.jobs import JobRequest
from services.models.previews import PreviewTable, RecordsPreview


def show(services: bootstrap.Services, request_json: str, names: list[str]) -> None:
    """Offer a look at one of some files, as the job of a request would read it."""
    part = st.expander("The first records of a file", key="preview_records", on_change="rerun")
    if not part.open:
        return
    with part:
        name = st.selectbox("File", names, format_func=text.visible, key="preview_file")
        if name is None:
            return
        try:
            with st.skeleton(height=200):
                found = _preview(request_json, name, services)
        except errors.PravahError as error:
            failure.show(error)
            return
        _found(found)


@st.cache_data(ttl=20, max_entries=100, show_spinner=False)
def _preview(request_json: str, name: str, _services: bootstrap.Services) -> RecordsPreview:
    return _services.jobs.preview_records(JobRequest.model_validate_json(request_json), name)


def _found(found: RecordsPreview) -> None:
    if found.table is None:
        st.warning("No table was found in this file.", icon=":material/info:")
    for note in found.notes:
        st.info(text.plain(note), icon=":material/info:")
    if found.table is None:
        return
    st.caption(text.plain(f"{found.table.found} To correct this, change the options of the operation."))
    left, right = st.columns(2) if found.table.lines else (None, st.container())
    if left is not None:
        left.markdown("**Lines of the file**")
        left.code("\n".join(text.visible(line) for line in found.table.lines), language=None)
    right.markdown("**Records**")
    _records(right, found.table)
    if not found.is_whole:
        st.caption("Only the beginning of the file was read.")


def _records(place: st.delta_generator.DeltaGenerator, table: PreviewTable) -> None:
    if not table.records:
        place.caption("None.")
        return
    names = [text.visible(name) for name in table.names]
    frame = pd.DataFrame([[text.visible(value) for value in row] for row in table.rows], columns=names)
    place.dataframe(frame, hide_index=True, key="preview_rows")
    odd = sum(record.fields is not None for record in table.records)
    if odd:
        place.caption(f"{odd} of them have another number of fields than the {table.columns} columns.")
    if table.columns > len(names):
        place.caption(f"The first {len(names)} of {table.columns} columns.")
