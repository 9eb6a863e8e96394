"""New job: pick a source, an operation and its options; look at what it would touch; start."""

from __future__ import annotations

import pydantic
import streamlit as st

from pages.components import (
    directory_picker,
    draft,
    failure,
    operation_cards,
    operation_form,
    page_head,
    presets,
    preview,
    same_as,
)
from services import bootstrap, errors, operations
from services.jobs.models import JobRequest, Source


def show(services: bootstrap.Services) -> None:
    """Draw the page; everything chosen is in the URL."""
    with page_head.show("New job"):
        presets.show(services)
    choices, summary = st.columns([3, 2], gap="large")
    with choices:
        st.subheader("1. Where", anchor=False)
        source = directory_picker.show(services)
        st.subheader("2. What", anchor=False)
        operation = _operation()
        st.subheader("3. How", anchor=False)
        filled = _form(services, operation)
    with summary, st.container(border=True, key="summary"):
        st.subheader("4. Check and start", anchor=False)
        name = st.text_input("Name (optional)", max_chars=200, key="job_name")
        draft.write_form(filled.options, filled.walk, name)
        st.session_state["form_written"] = st.query_params.get("form", "")
        _summary(services, _request(operation, source, filled, name.strip() or None))


def _operation() -> operations.Operation:
    chosen = draft.operation_of_url()

    def choose(operation: operations.Operation) -> None:
        mine = operation.name == chosen.name
        st.button(
            "Chosen" if mine else "Choose",
            key=f"choose_{operation.name}",
            type="primary" if mine else "secondary",
            icon=":material/check:" if mine else None,
            width="stretch",
            on_click=_choose,
            args=(operation.name,),
        )

    operation_cards.show(choose, selected=chosen.name, width=180)
    return chosen


def _choose(name: str) -> None:
    st.query_params["operation"] = name


def _form(services: bootstrap.Services, operation: operations.Operation) -> operation_form.Filled:
    # Another value than the one this page wrote came from a link or a preset: the form begins anew with it.
    if st.query_params.get("form", "") != st.session_state.get("form_written", ""):
        st.session_state["form_number"] = st.session_state.get("form_number", 0) + 1
        st.session_state["job_name"] = draft.name_of_url()
    start = draft.form_of_url()
    known = set(operation.options.model_fields)
    options = {name: value for name, value in start["options"].items() if name in known}
    key = f"form_{st.session_state.get('form_number', 0)}_{operation.name}"
    return operation_form.show(services, operation, {"options": options, "walk": start["walk"]}, key)


def _request(
    operation: operations.Operation, source: Source | None, filled: operation_form.Filled, name: str | None
) -> JobRequest | None:
    if source is None or not filled.valid:
        return None
    walk = operations.WalkOptions.model_validate(filled.walk)
    try:
        return JobRequest(operation=operation.name, source=source, walk=walk, options=filled.options, name=name)
    except pydantic.ValidationError:
        return None


def _summary(services: bootstrap.Services, request: JobRequest | None) -> None:
    with st.container(horizontal=True):
        start = st.button("Start", type="primary", icon=":material/play_arrow:", disabled=request is None, key="start")
        presets.save(services, request)
    if request is None:
        st.caption("To start, choose a folder that exists and complete what is marked in the form.")
        return
    if start:
        _start(services, request)
    preview.show(services, request)
    with st.expander("The same without the dashboard", icon=":material/terminal:", key="same_as"):
        same_as.show(request)


def _start(services: bootstrap.Services, request: JobRequest) -> None:
    try:
        job, _ = services.jobs.submit(request)
    except errors.PravahError as error:
        failure.show(error)
        return
    st.switch_page("pages/job.py", query_params={"id": str(job.id)})


show(bootstrap.shared_services())
