"""The dashboard's frame: page settings and navigation. ``pages/server.py`` serves it with the API."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import failure, notice
from services import bootstrap
from services.base import errors

# The whole list on every run: only then does Streamlit leave its legacy rules for a folder `pages/` aside.
PAGES = (
    ("home", "Home", ":material/home:", "Operations, newest jobs and health."),
    ("new_job", "New job", ":material/add_circle:", "Choose a source, operations and options."),
    ("jobs", "Jobs", ":material/list_alt:", "All jobs: find, cancel, re-run, delete."),
    ("job", "Job", ":material/task:", "One job: its progress and its result."),
    ("schedules", "Schedules", ":material/schedule:", "Jobs that start automatically."),
    ("settings", "Settings", ":material/settings:", "Health, retention, settings and versions."),
)
# A file of ours: an icon by name would be fetched from another host.
ICON = str(Path(__file__).with_name("pages") / "assets" / "pravah.svg")
HIDDEN = frozenset({"job"})
ABOUT = """
**Pravah** scans, checks, compares and converts large directories of files.
All data stays on this machine. Pravah also has a command line, `pravah`, and an [API](api/docs).
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
    st.set_page_config(page_title="Pravah" if page.title == "Home" else f"{page.title} – Pravah")
    notice.show()
    try:
        notice.warn_if_open(bootstrap.shared_services().settings)
        page.run()
    except errors.PravahError as error:
        failure.show(error)


main()
