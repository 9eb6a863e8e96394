"""What every table has whose rows the server sorts, searches and pages: its choice, its search, a page of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any, TypeVar

import streamlit as st

from pages.components import grid
from services.base import units
from services.models import results

ROWS = 100
Info = TypeVar("Info", bound=results.TableInfo)


def choose(label: str, known: Mapping[str, Info], *, key: str, on_change: Callable[[], None]) -> Info:
    """Return the table that is chosen; `key` is its key, and its parameter in the address."""
    name = st.selectbox(
        label,
        list(known),
        format_func=lambda one: f"{known[one].title} ({units.format_count(known[one].rows)})",
        key=key,
        on_change=on_change,
        width=260,
    )
    # By hand: a bound list puts its labels into the address, and these hold the number of rows.
    if st.query_params.get(key) != name:
        st.query_params[key] = name
    return known[name]


def search(*, key: str, on_change: Callable[[], None]) -> str:
    """Return what is searched for; empty for all."""
    asked = st.text_input(
        "Search",
        key=key,
        bind="query-params",
        type="search",
        live="300ms",
        max_chars=500,
        on_change=on_change,
        placeholder="Any text in this table",
        width=260,
    )
    return asked or ""


def page(
    table: results.TableInfo,
    total: int,
    read: Callable[[int, int], Sequence[Mapping[str, Any]]],
    *,
    page_key: str,
    key: str,
    on_click: Callable[[], None],
    titles: Mapping[str, str] | None = None,
) -> None:
    """Show a page of the rows, and the way to the others.

    Args:
        read: returns rows from an offset, at most so many.
        on_click: called when a column's name is clicked; the choice is in the state of `key`.
        titles: of columns that have another one than their own.
    """
    body = st.container()
    pages = ceil(total / ROWS)
    if st.session_state.get(page_key, 1) > pages:
        st.session_state[page_key] = pages
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        words = st.container(width="content")
        number = st.pagination(pages, key=page_key, bind="query-params", width=400) if pages > 1 else 1
    offset = (number - 1) * ROWS
    rows = read(offset, ROWS)
    shown = units.format_count(offset + 1), units.format_count(offset + len(rows))
    words.caption(f"Rows {shown[0]} to {shown[1]} of {units.format_count(total)}")
    body.dataframe(
        grid.frame(rows, table.columns),
        column_config=grid.config(table.columns, titles),
        hide_index=True,
        key=key,
        on_select=on_click,
        selection_mode="single-column",
        row_height=32,
        placeholder="",
        height=min(600, 40 + 32 * len(rows)),
        alt=f"{table.title}, page {number} of {pages}",
    )
    body.caption("Click a column name to sort all rows; click again to reverse the order.")
