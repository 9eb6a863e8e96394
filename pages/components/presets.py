"""Requests kept under a name: save, load, delete."""

from __future__ import annotations

import streamlit as st

from pages.components import draft, failure, text
from services import bootstrap, errors
from services.jobs.models import JobRequest


def show(services: bootstrap.Services) -> None:
    """Offer the kept presets to load or delete."""
    kept = services.presets.list()
    with st.popover("Presets", icon=":material/bookmarks:", disabled=not kept):
        for place, (name, request) in enumerate(kept.items()):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.page_link(
                    "pages/new_job.py",
                    label=f"{text.plain(name, limit=50)} :gray[:small[{text.plain(request.operation)}]]",
                    icon=":material/bookmark:",
                    query_params=draft.encode(request),
                    width="stretch",
                )
                hint = text.plain(f"Delete {name}")
                if st.button("", icon=":material/delete:", key=f"preset_{place}", type="tertiary", help=hint):
                    services.presets.delete(name)
                    st.toast(f"Preset {text.code(name)} is deleted.")
                    st.rerun()


def save(services: bootstrap.Services, request: JobRequest | None) -> None:
    """Offer to keep what the form holds."""
    with st.popover("Save as preset", icon=":material/bookmark_add:", disabled=request is None, key="save_preset"):
        with st.form("preset_form", border=False):
            name = st.text_input("Name of the preset", max_chars=100)
            sure = st.form_submit_button("Save", type="primary")
        if sure and request is not None:
            try:
                services.presets.save(name, request)
            except errors.PravahError as error:
                failure.show(error)
            else:
                st.toast(f"Preset {text.code(name)} is saved.")
                st.rerun()
