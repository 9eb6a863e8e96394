"""How the parts of the system are."""

from __future__ import annotations

import shutil

import streamlit as st

from pages.base import text
from services import bootstrap
from services.base import units


@st.cache_data(ttl=10, show_spinner=False)
def _lines(_services: bootstrap.Services) -> list[bootstrap.Health]:
    # Asking the storage may take a while, and many tabs may ask.
    return _services.health()


def lines(services: bootstrap.Services) -> list[bootstrap.Health]:
    """Return the state of each part, at most ten seconds old."""
    return _lines(services)


def alarms(services: bootstrap.Services) -> None:
    """Show what is not well, and what helps."""
    for line in lines(services):
        if line.ok:
            continue
        st.error(f"**{text.plain(line.part.capitalize())}:** {text.plain(line.detail)}", icon=":material/error:")
        if line.remedy:
            st.caption(f":material/lightbulb: {text.plain(line.remedy)}")


def brief(services: bootstrap.Services) -> None:
    """Show what is well, in one line."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="health"):
        for line in lines(services):
            if line.ok:
                st.badge(
                    text.plain(line.part.capitalize()),
                    icon=":material/check:",
                    color="green",
                    help=text.plain(line.detail),
                )


def table(services: bootstrap.Services) -> None:
    """Show a row for each part."""
    for line in lines(services):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"part_{line.part}"):
            icon, color = (":material/check_circle:", "green") if line.ok else (":material/error:", "red")
            st.markdown(f":{color}[{icon}] **{text.plain(line.part.capitalize())}**", width=130)
            st.markdown(text.plain(line.detail), width="content")
            if line.remedy:
                st.caption(f":material/lightbulb: {text.plain(line.remedy)}", width="content")


def space(services: bootstrap.Services) -> None:
    """Show how full the disk is that holds the results."""
    total, used, free = shutil.disk_usage(services.settings.data_dir)
    words = f"{units.format_bytes(free)} of {units.format_bytes(total)} free in the data directory"
    st.progress(used / total, text=words)
