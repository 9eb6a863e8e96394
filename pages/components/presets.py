"""Requests saved under a name: save, load, delete."""

from __future__ import annotations

import streamlit as st

from pages.base import text
from pages.components import directory_picker, draft, failure, notice
from services import bootstrap
from services.base import errors
from services.models.jobs import JobRequest

_POPOVER = "presets_popover"


def show(services: bootstrap.Services) -> None:
    """Offer the presets to load or delete."""
    saved = services.presets.list()
    popover = st.popover("Presets", icon=":material/bookmarks:", disabled=not saved, key=_POPOVER, on_change="rerun")
    if not popover.open:
        return
    with popover:
        for place, (name, request) in enumerate(saved.items()):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _row(services, place, name, request)


def _row(services: bootstrap.Services, place: int, name: str, request: JobRequest) -> None:
    label = f"{text.plain(name, limit=50)} :gray[:small[{text.plain(', '.join(request.names))}]]"
    st.button(
        label,
        icon=":material/bookmark:",
        key=f"preset_{place}",
        type="tertiary",
        width="stretch",
        on_click=_choose,
        args=(request,),
    )
    arguments = (services, name)
    icon = ":material/delete:"
    st.button("Delete", icon=icon, key=f"delete_preset_{place}", type="tertiary", on_click=_delete, args=arguments)


def _choose(request: JobRequest) -> None:
    st.session_state[_POPOVER] = False
    directory_picker.choose(request.source)
    found = draft.encode(request)
    for parameter in ("operations", "form"):
        st.query_params.pop(parameter, None)
        if parameter in found:
            st.query_params[parameter] = found[parameter]


def _delete(services: bootstrap.Services, name: str) -> None:
    st.session_state[_POPOVER] = False
    services.presets.delete(name)
    notice.later(f"Preset {text.code(name)} was deleted.", ":material/delete:")


def save(services: bootstrap.Services, request: JobRequest | None) -> None:
    """Offer to keep what the form holds."""
    label = "Save as preset"
    if st.button(label, icon=":material/bookmark_add:", disabled=request is None, key="save_preset") and request:
        _ask_name(services, request)


@st.dialog("Save as preset", icon=":material/bookmark_add:")
def _ask_name(services: bootstrap.Services, request: JobRequest) -> None:
    with st.form("preset_form", border=False):
        name = st.text_input("Name of the preset", max_chars=100)
        st.caption(
            "A preset stores the source, the operations and the options. A preset with the same name is replaced."
        )
        sure = st.form_submit_button("Save", type="primary")
    if not sure:
        return
    try:
        services.presets.save(name, request)
    except errors.PravahError as error:
        failure.show(error)
        return
    notice.later(f"Preset {text.code(name.strip())} was saved.", ":material/bookmark:")
    st.rerun()
