"""The formats that profile found: dates, numbers and words as people write them, and jobs that use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import draft, grid, linked, table_link
from services import bootstrap, operations
from services.models.jobs import JobView, OperationRequest

_TABLE, _LIST = "profile.formats", 200
_SHOWN = ("column", "format", "verdict", "conforming", "share", "example", "exceptions", "first_exception", "record")
# What a URL holds without trouble.
_URL_CHARACTERS = 4000


def show(services: bootstrap.Services, job: JobView, summary: Mapping[str, Any]) -> None:
    """Show each column's format, what does not conform to it, and links to jobs that read values by the proven ones."""
    ready, ambiguous = summary["formats"], summary["ambiguous_formats"]
    if not ready and not ambiguous:
        return
    st.subheader("Formats", anchor=False)
    st.caption("Columns whose values are dates, numbers or truth values, but not written as their type has them.")
    rows = linked.rows(services, job.id, _TABLE, "column", _LIST)
    declared = next(one for one in operations.get("profile").tables if one.name == "formats").columns
    columns = [one.model_dump() for one in declared if one.name in _SHOWN]
    grid.show(rows, sorted(columns, key=lambda one: _SHOWN.index(one["name"])), key="profile_formats")
    for row in [row for row in rows if row["verdict"] == "ambiguous"]:
        st.caption(f":material/help: {text.plain(row['column'])}: {text.plain(_either(row))}")
    with st.container(horizontal=True, key="profile_use_formats"):
        table_link.button("All formats", _TABLE, sort="column", key="to_formats")
        if ready and sum(map(len, ready)) <= _URL_CHARACTERS:
            link(job, "convert", "Use these formats to convert", {"formats": ready})
            link(job, "validate", "Use these formats to validate", {"formats": ready})


def _either(row: Mapping[str, Any]) -> str:
    if row["other_format"] is None:
        return f"{row['format']}, but {row['note']}. Set the option Formats if this is right."
    first, second = (
        f"{row[f'{one}format']} ({text.count(row[f'{one}conforming'], 'value', 'values')})" for one in ("", "other_")
    )
    return f"{first} or {second}: the values do not tell. Set the option Formats to the right one."


def link(job: JobView, operation: str, label: str, options: Mapping[str, Any]) -> None:
    """Show a link to a new job on the same source, with these options and those that say how files are read."""
    read = next(one for one in job.request.operations if one.operation == "profile").options
    chosen = OperationRequest(operation=operation, options={**read, **options})
    request = job.request.model_copy(update={"operations": (chosen,), "name": None})
    icon = f":material/{operations.get(operation).icon}:"
    st.page_link("pages/new_job.py", label=label, icon=icon, query_params=draft.encode(request))
