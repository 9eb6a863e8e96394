"""What was chosen in a list that is drawn anew by itself; the page does it.

A dialog belongs to the part of a page that opened it. One that such a list opened could close at its next drawing, and
a click that came at that moment was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import streamlit as st

from pages.components import failure
from services.base import errors

_KEY = "chosen"


def later(of: UUID, action: str) -> None:
    """Leave an action to the page, which is drawn at once."""
    st.session_state[_KEY] = (of, action)
    st.rerun()


def now(act: Callable[[UUID, str], None]) -> None:
    """Do what was left, if anything was, once."""
    picked: tuple[UUID, str] | None = st.session_state.pop(_KEY, None)
    if picked is None:
        return
    try:
        act(*picked)
    except errors.PravahError as error:
        failure.show(error)
