"""Home: what is wrong, the newest jobs, the operations, and the health of the installation."""

from __future__ import annotations

import os

import streamlit as st

from pages.components import draft, health, job_list, operation_cards, page_head
from services import bootstrap, operations
from services.models.jobs import JobRequest, JobView, OperationRequest, Source

_RECENT = 8
_REFRESH_SECONDS = 2.0


def show(services: bootstrap.Services) -> None:
    """Draw the page."""
    with page_head.show("Pravah"):
        st.page_link("pages/new_job.py", label="New job", icon=":material/add_circle:")
    job_list.act(services)
    jobs = services.jobs.list(limit=_RECENT).items
    if jobs:
        health.alarms(services)
        _recent(services, jobs)
        st.subheader("Operations", anchor=False)
        operation_cards.lines()
    else:
        st.markdown("Choose a directory, run an operation on it, and look at the result.")
        _first(services)
        st.subheader("Operations", anchor=False)
        operation_cards.show(_begin)
        health.alarms(services)
    st.subheader("Health", anchor=False)
    health.brief(services)
    health.space(services)


def _first(services: bootstrap.Services) -> None:
    request = JobRequest(
        operations=(OperationRequest(operation=operations.OPERATIONS[0].name),),
        source=Source.of_path(os.fspath(services.settings.sample_dir)),
    )
    with st.container(border=True, key="first"):
        st.markdown("**Try it on the sample**")
        st.markdown("The sample is a small directory of about 120 files. Your files are not changed.")
        clicked = st.button("Try the sample", type="primary", icon=":material/science:", key="begin")
        if clicked:
            st.switch_page("pages/new_job.py", query_params=draft.encode(request))


def _begin(operation: operations.Operation) -> None:
    st.page_link(
        "pages/new_job.py",
        label="Choose folder",
        icon=":material/arrow_forward:",
        query_params={"operations": operation.name},
    )


def _recent(services: bootstrap.Services, jobs: list[JobView]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Recent jobs", anchor=False, width="content")
        st.page_link("pages/jobs.py", label="All jobs", icon=":material/list_alt:")
    # Only where something moves is there something to ask for again.
    moving = any(not job.is_final for job in jobs)
    st.fragment(_rows, run_every=_REFRESH_SECONDS if moving else None)(services, moving)


def _rows(services: bootstrap.Services, moving: bool) -> None:
    jobs = services.jobs.list(limit=_RECENT).items
    if moving and all(job.is_final for job in jobs):
        st.rerun()
    job_list.show(jobs)


show(bootstrap.shared_services())
