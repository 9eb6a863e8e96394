"""Schedules: jobs that start automatically; the next and the last run of each."""

from __future__ import annotations

import streamlit as st

from pages.components import page_head, schedule_form, schedule_list
from services import bootstrap

_REFRESH_SECONDS = 5.0


def show(services: bootstrap.Services) -> None:
    """Draw the page."""
    has_presets = bool(services.presets.list())
    with page_head.show("Schedules"):
        help_ = None if has_presets else "Save a preset first, or open a finished job and press Schedule."
        icon = ":material/more_time:"
        if st.button("New schedule", icon=icon, key="new_schedule", disabled=not has_presets, help=help_):
            schedule_form.ask(services, None)
    schedule_list.act(services)
    if services.schedules.list():
        _list(services)
    else:
        _empty(has_presets)


def _empty(has_presets: bool) -> None:
    st.info("No schedules yet. A schedule starts a job automatically, for example every night.", icon=":material/info:")
    if has_presets:
        st.markdown("Press **New schedule** to run one of your presets automatically.")
    else:
        st.markdown("Save a new job as a preset, or open a finished job and press **Schedule**.")
    with st.container(horizontal=True):
        st.page_link("pages/new_job.py", label="New job", icon=":material/add_circle:")
        st.page_link("pages/jobs.py", label="All jobs", icon=":material/list_alt:")


@st.fragment(run_every=_REFRESH_SECONDS)
def _list(services: bootstrap.Services) -> None:
    schedule_list.show(services.schedules.list())
    if not services.runs_schedules:
        line = "This process has no worker. Schedules start only while `pravah serve` or `pravah serve worker` runs."
        st.caption(f":material/info: {line}")


show(bootstrap.shared_services())
