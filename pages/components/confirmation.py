"""The two buttons of a dialog that asks before something is deleted."""

from __future__ import annotations

import streamlit as st


def wanted(key: str, keep: str = "Cancel") -> bool:
    """Return whether it is to be deleted; the other button closes the dialog.

    Args:
        key: of the buttons, with ``_no`` and ``_yes`` behind it.
        keep: what the other button says.
    """
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(keep, key=f"{key}_no"):
            st.rerun()
        return st.button("Delete", type="primary", icon=":material/delete:", key=f"{key}_yes")
