"""Schedules: jobs that start by the clock; when next, how the last one went."""

from __future__ import annotations

import streamlit as st

from pages.components import page_head, schedule_form, schedule_list
from services import bootstrap

_REFRESH_SECONDS = 5.0


def show(services: bootstrap.Services) -> None:
    """Draw the page."""
    has_presets = bool(services.presets.list())
    with page_head.show("Schedules"):
        help_ = None if has_presets else "Save a preset first, or press Schedule this at a job that has ended."
        icon = ":material/more_time:"
        if st.button("New schedule", icon=icon, key="new_schedule", disabled=not has_presets, help=help_):
            schedule_form.ask(services, None)
    schedule_list.act(services)
    if services.schedules.list():
        _list(services)
    else:
        _empty(has_presets)


def _empty(has_presets: bool) -> None:
    st.info("There is no schedule yet. A schedule starts a job by the clock.", icon=":material/info:")
    if has_presets:
        st.markdown("Press **New schedule** to start one of your presets by the clock.")
    else:
        st.markdown("Set a job up and save it as a preset, or open a job that has ended and press **Schedule this**.")
    with st.container(horizontal=True):
        st.page_link("pages/new_job.py", label="New job", icon=":material/add_circle:")
        st.page_link("pages/jobs.py", label="All jobs", icon=":material/list_alt:")


@st.fragment(run_every=_REFRESH_SECONDS)
def _list(services: bootstrap.Services) -> None:
    schedule_list.show(services.schedules.list())
    if not services.runs_schedules:
        line = "This process runs no jobs: schedules start where `pravah serve` or `pravah serve worker` runs."
        st.caption(f":material/info: {line}")


show(bootstrap.shared_services())
