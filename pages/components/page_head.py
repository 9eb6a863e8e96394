"""The head of a page: its title, and what one can do, in one row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import streamlit as st

_ACTIONS = "page_actions"


@contextlib.contextmanager
def show(title: str) -> Iterator[None]:
    """Draw a title; what the block draws stands at the right of it.

    Args:
        title: Markdown.
    """
    with st.container(horizontal=True, vertical_alignment="center", key="page_head"):
        st.title(title, anchor=False, width="content")
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key=_ACTIONS):
            yield
