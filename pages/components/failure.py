"""What a person sees when something went wrong: message and remedy, never a traceback."""

from __future__ import annotations

import logging

import streamlit as st

from pages.base import text
from services.base import errors

log = logging.getLogger(__name__)


def show(error: errors.PravahError) -> None:
    """Show an error with its remedy."""
    st.error(f"**{text.plain(error.title)}.** {text.plain(error.message)}", icon=":material/error:")
    st.caption(f":material/lightbulb: {text.plain(error.remedy)}")


def on_script_error(error: Exception) -> bool:
    """Show an error that no page caught; what is not ours goes to the log."""
    if not isinstance(error, errors.PravahError):
        log.error("page failed", exc_info=error)
        error = errors.InternalError(f"This page could not be shown ({type(error).__name__}).")
    show(error)
    return True
