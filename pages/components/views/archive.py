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
        checked = "was read back and compared with the source" if summary["verified"] else "was not read back"
        folders = text.count(summary["directories"], "folder", "folders")
        links = text.count(summary["links"], "link", "links")
        st.caption(
            f"The archive {checked}. It also contains {folders} and {links}. The same files always give the same "
            f"archive."
        )
    if not summary["files"]:
        st.info("There were no files to archive.", icon=":material/info:")
    elif summary["archive_bytes"] > summary["bytes"]:
        more = units.format_bytes(summary["archive_bytes"] - summary["bytes"])
        st.caption(f"The archive is {more} larger than the files, because of names and headers.")
    table_link.button("Show entries", "archive.result", sort="path", key="to_entries")
