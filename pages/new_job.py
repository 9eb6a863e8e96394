"""New job: choose a source, operations and options; preview the files; start."""

from __future__ import annotations

from collections.abc import Sequence

import pydantic
import streamlit as st

from pages.components import (
    directory_picker,
    draft,
    failure,
    operation_choice,
    operation_form,
    page_head,
    presets,
    preview,
    same_as,
)
from services import bootstrap, operations
from services.base import errors
from services.models.jobs import JobRequest, OperationRequest, Source


def show(services: bootstrap.Services) -> None:
    """Draw the page; everything chosen is in the URL."""
    with page_head.show("New job"):
        presets.show(services)
    choices, summary = st.columns([3, 2], gap="large")
    with choices:
        st.subheader("1. Source", anchor=False)
        source = directory_picker.show(services)
        st.subheader("2. Operations", anchor=False)
        chosen = operation_choice.show()
        st.subheader("3. Options", anchor=False)
        filled = _form(services, chosen)
    with summary, st.container(border=True, key="summary"):
        st.subheader("4. Preview and start", anchor=False)
        name = st.text_input("Name (optional)", max_chars=200, key="job_name")
        draft.write_form(filled.options, filled.walk, name)
        st.session_state["form_written"] = st.query_params.get("form", "")
        _summary(services, _request(chosen, source, filled, name.strip() or None))


def _form(services: bootstrap.Services, chosen: Sequence[operations.Operation]) -> operation_form.Filled:
    # Another value than the one this page wrote came from a link or a preset: the form begins anew with it.
    if st.query_params.get("form", "") != st.session_state.get("form_written", ""):
        st.session_state["form_number"] = st.session_state.get("form_number", 0) + 1
        st.session_state["job_name"] = draft.name_of_url()
    start = draft.form_of_url()
    return operation_form.show(services, chosen, start, f"form_{st.session_state.get('form_number', 0)}")


def _request(
    chosen: Sequence[operations.Operation], source: Source | None, filled: operation_form.Filled, name: str | None
) -> JobRequest | None:
    if source is None or not filled.valid:
        return None
    walk = operations.WalkOptions.model_validate(filled.walk)
    asked = tuple(OperationRequest(operation=one.name, options=filled.options.get(one.name, {})) for one in chosen)
    try:
        return JobRequest(operations=asked, source=source, walk=walk, name=name)
    except pydantic.ValidationError:
        return None


def _summary(services: bootstrap.Services, request: JobRequest | None) -> None:
    with st.container(horizontal=True):
        start = st.button("Start", type="primary", icon=":material/play_arrow:", disabled=request is None, key="start")
        presets.save(services, request)
    if request is None:
        st.caption("To start, choose an existing folder and fill in the marked options.")
        return
    if start:
        _start(services, request)
    preview.show(services, request)
    label = "Use the command line or API"
    same = st.expander(label, icon=":material/terminal:", key="same_as", on_change="rerun")
    if same.open:
        with same:
            same_as.show(request)


def _start(services: bootstrap.Services, request: JobRequest) -> None:
    try:
        job, _ = services.jobs.submit(request)
    except errors.PravahError as error:
        failure.show(error)
        return
    st.switch_page("pages/job.py", query_params={"id": str(job.id)})


show(bootstrap.shared_services())
