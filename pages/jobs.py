"""Jobs: all of them, newest first; find, cancel, re-run, delete."""

from __future__ import annotations

import streamlit as st

from pages.components import failure, job_list, page_head, status
from services import bootstrap, operations
from services.base import errors, units
from services.models.jobs import JobFilter, Status

_ROWS = 50
_REFRESH_SECONDS = 2.0
_ANY = "any"


def show(services: bootstrap.Services) -> None:
    """Draw the page; filters and place are in the URL."""
    with page_head.show("Jobs"):
        st.page_link("pages/new_job.py", label="New job", icon=":material/add_circle:")
    job_list.act(services)
    counts = services.jobs.counts()
    if not any(counts.values()):
        _empty()
        return
    _filters(counts)
    _list(services)


def _empty() -> None:
    st.info("No jobs yet. A job runs operations on a directory and stores the result.", icon=":material/info:")
    st.page_link("pages/new_job.py", label="New job", icon=":material/play_arrow:")


def _filters(counts: dict[Status, int]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Search",
            key="text",
            bind="query-params",
            type="search",
            live="300ms",
            max_chars=500,
            placeholder="Name or folder",
            width=280,
            on_change=_first_page,
        )
        names = [operation.name for operation in operations.OPERATIONS]
        st.selectbox(
            "Operation",
            [_ANY, *names],
            key="operation",
            bind="query-params",
            width=180,
            on_change=_first_page,
            format_func=lambda name: "All operations" if name == _ANY else operations.get(name).title,
        )
        st.selectbox(
            "Verdict",
            [_ANY, *status.VERDICTS],
            key="verdict",
            bind="query-params",
            width=150,
            on_change=_first_page,
            format_func=lambda name: "Any verdict" if name == _ANY else status.VERDICTS[name].label,
        )
        states = [state for state in Status if counts[state]]
        st.pills(
            "Status",
            [state.value for state in states],
            key="state",
            bind="query-params",
            on_change=_first_page,
            format_func=lambda name: f"{status.LOOKS[Status(name)].label} {units.format_count(counts[Status(name)])}",
        )


def _first_page() -> None:
    st.query_params.pop("cursor", None)


@st.fragment(run_every=_REFRESH_SECONDS)
def _list(services: bootstrap.Services) -> None:
    operation, state = st.session_state.get("operation", _ANY), st.session_state.get("state")
    verdict = st.session_state.get("verdict", _ANY)
    wanted = JobFilter(
        status=Status(state) if state else None,
        operation=None if operation == _ANY else operation,
        verdict=None if verdict == _ANY else verdict,
        text=st.session_state.get("text") or None,
    )
    cursor = st.query_params.get("cursor")
    try:
        page = services.jobs.list(wanted, cursor, _ROWS)
    except errors.InvalidOptionsError as error:
        failure.show(error)
        st.button("Newest", on_click=_first_page)
        return
    if not page.items:
        st.info("No jobs match these filters.", icon=":material/info:")
    job_list.show(page.items)
    with st.container(horizontal=True):
        if cursor:
            st.button("Newest", icon=":material/first_page:", on_click=_first_page)
        if page.next_cursor:
            st.button("Older", icon=":material/navigate_next:", on_click=_older, args=(page.next_cursor,))


def _older(cursor: str) -> None:
    st.query_params["cursor"] = cursor


show(bootstrap.shared_services())
