"""How much of a result was taken over from an earlier one, and how much was computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from services.base import units


def show(summary: Mapping[str, Any], files: int) -> None:
    """Say it in a line, when anything was taken over.

    Args:
        files: all that were taken over or computed.
    """
    reused = summary.get("reused_files")
    if not reused:
        return
    unchanged = text.count(reused, "file", "files")
    computed = text.count(max(files - reused, 0), "file", "files")
    size = units.format_bytes(summary["reused_bytes"])
    st.markdown(f":material/history: {unchanged} unchanged ({size}) and not read again, {computed} read.")
