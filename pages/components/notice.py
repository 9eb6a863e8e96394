"""Short messages that outlive the rerun or the change of page that follows what they tell of."""

from __future__ import annotations

import streamlit as st

from services.base.settings import Settings

_KEY = "notices"


def later(message: str, icon: str) -> None:
    """Keep a message for the next run of a page.

    Args:
        message: Markdown; foreign text in it is made safe by the caller.
    """
    st.session_state.setdefault(_KEY, []).append((message, icon))


def show() -> None:
    """Show what was kept, once."""
    for message, icon in st.session_state.pop(_KEY, []):
        st.toast(message, icon=icon)


def warn_if_open(settings: Settings) -> None:
    """Say that there is no login, if there is none."""
    if settings.insecure:
        message = "There is no login: everybody who can reach this address can use Pravah. Unset `PRAVAH_INSECURE`."
        st.warning(message, icon=":material/lock_open:")
