"""The result of any operation: the numbers of its summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from pages.base import text
from services.base import units
from services.models.jobs import JobView


def show(job: JobView, operation: str) -> None:
    """Show every number and word of the summary."""
    summary = job.result(operation)["summary"]
    with st.grid(4, min_column_width=170):
        for name, value in flat(summary):
            st.metric(text.plain(name.replace("_", " ").capitalize()), value, border=True)


def flat(summary: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return (name, value as text), nested ones too."""
    for name, value in summary.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name} ")
        elif name.endswith("bytes_per_second"):
            yield prefix + "rate", units.format_rate(value)
        elif name.endswith("bytes"):
            yield prefix + name.removesuffix("_bytes"), units.format_bytes(value)
        elif isinstance(value, list):
            yield prefix + name, text.plain(", ".join(str(one) for one in value))
        elif isinstance(value, int):
            yield prefix + name, units.format_count(value)
        elif value is not None:
            yield prefix + name, text.plain(str(value))
