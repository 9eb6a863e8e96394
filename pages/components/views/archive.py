"""archive: the file to download, and how much smaller it is."""

from __future__ import annotations

import streamlit as st

from pages.base import text
from pages.components import download, table_link
from pages.components.views import compress
from services import bootstrap
from services.base import units
from services.models.jobs import JobView


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show figures and the archive."""
    summary = job.result("archive")["summary"]
    compress.numbers(summary, summary["archive_bytes"])
    with st.container(border=True, key="the_archive"):
        st.markdown("**The archive**")
        files = [one for one in services.artifacts.list(job.id) if one.name.startswith("archive/")]
        download.files(job.id, [one for one in files if download.is_file(one)])
        checked = "was unpacked again and compared" if summary["verified"] else "was not unpacked again"
        folders = text.count(summary["directories"], "folder", "folders")
        links = text.count(summary["links"], "link", "links")
        st.caption(f"It {checked}. It also holds {folders} and {links}. The same tree gives the same bytes each time.")
    if not summary["files"]:
        st.info("There was no file to archive.", icon=":material/info:")
    elif summary["archive_bytes"] > summary["bytes"]:
        more = units.format_bytes(summary["archive_bytes"] - summary["bytes"])
        st.caption(f"Its names and headers take {more} more than was saved.")
    table_link.button("All entries", "archive.result", sort="path", key="to_entries")
