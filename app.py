"""The dashboard's frame: page settings and navigation. ``pages/server.py`` serves it with the API."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import failure, notice
from services.base import errors

# The whole list on every run: only then does Streamlit leave its legacy rules for a folder `pages/` aside.
PAGES = (
    ("home", "Home", ":material/home:", "What one can do here, and what was done lately."),
    ("new_job", "New job", ":material/add_circle:", "Pick a directory and what to do with it."),
    ("jobs", "Jobs", ":material/list_alt:", "Every job: find, cancel, retry, delete."),
    ("job", "Job", ":material/task:", "One job: its progress, then its result."),
    ("schedules", "Schedules", ":material/schedule:", "Jobs that start by the clock."),
    ("settings", "Settings", ":material/settings:", "Settings in force, versions and health."),
)
# A file of ours: an icon by name would be fetched from another host.
ICON = str(Path(__file__).with_name("pages") / "assets" / "pravah.svg")
HIDDEN = frozenset({"job"})
ABOUT = """
**Pravah** reads directories at native speed and shows what is in them.
Everything stays on this machine. The same is there as a command, `pravah`, and as an [API](/api/docs).
"""


def main() -> None:
    """Draw the page that the URL names."""
    st.set_page_config(page_title="Pravah", page_icon=ICON, layout="wide", menu_items={"About": ABOUT})
    pages = [
        st.Page(
            f"pages/{name}.py",
            title=title,
            icon=icon,
            help=summary,
            default=name == "home",
            visibility="hidden" if name in HIDDEN else "visible",
        )
        for name, title, icon, summary in PAGES
    ]
    st.logo(ICON)
    page = st.navigation(pages, position="top")
    notice.show()
    try:
        page.run()
    except errors.PravahError as error:
        failure.show(error)


main()
