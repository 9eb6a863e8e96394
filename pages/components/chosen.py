"""What was chosen in a list that is drawn anew by itself; the page does it.

A dialog belongs to the part of a page that opened it. One that such a list opened could close at its next drawing, and
a click that came at that moment was lost.
"""

from __future__ import annotations

from uuid import UUID

import streamlit as st

_KEY = "chosen"


def later(of: UUID, action: str) -> None:
    """Leave an action to the page, which is drawn at once."""
    st.session_state[_KEY] = (of, action)
    st.rerun()


def now() -> tuple[UUID, str] | None:
    """Return what is to be done and of what, once."""
    found: tuple[UUID, str] | None = st.session_state.pop(_KEY, None)
    return found
