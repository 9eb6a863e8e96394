"""The formats that profile found: dates, numbers and words as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import grid, linked, table_link
from services import bootstrap, operations
from services.models.jobs import JobView

_TABLE, _LIST = "profile.formats", 200
_SHOWN = (
    "dataset",
    "column",
    "format",
    "verdict",
    "conforming",
    "share",
    "example",
    "exceptions",
    "first_exception",
    "record",
)


def show(services: bootstrap.Services, job: JobView, summary: Mapping[str, Any]) -> None:
    """Show each column's format, and what does not conform to it."""
    if not summary["formats"] and not summary["ambiguous_formats"]:
        return
    st.subheader("Formats", anchor=False)
    st.caption("Columns whose values are dates, numbers or truth values, but not written as their type has them.")
    rows = linked.rows(services, job.id, _TABLE, "column", _LIST)
    declared = next(one for one in operations.get("profile").tables if one.name == "formats").columns
    columns = [one.model_dump() for one in declared if one.name in _SHOWN]
    grid.show(rows, sorted(columns, key=lambda one: _SHOWN.index(one["name"])), key="profile_formats")
    for row in [row for row in rows if row["verdict"] == "ambiguous"]:
        st.caption(f":material/help: {text.plain(row['column'])}: {text.plain(_either(row))}")
    table_link.button("All formats", _TABLE, sort="column", key="to_formats")


def _either(row: Mapping[str, Any]) -> str:
    if row["other_format"] is None:
        return f"{row['format']}, but {row['note']}. Set the option Formats if this is right."
    first, second = (
        f"{row[f'{one}format']} ({text.count(row[f'{one}conforming'], 'value', 'values')})" for one in ("", "other_")
    )
    return f"{first} or {second}: the values do not tell. Set the option Formats to the right one."
