"""From a number or a chart to the rows behind it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.components import filters, result_table
from services.models import results

TAB, TABLE_TAB = "tab", "Table"


def open_table(table: str, conditions: Sequence[results.Filter] = (), sort: str = "", search: str = "") -> None:
    """Turn the job's page to a table, in a callback."""
    st.session_state[TAB] = TABLE_TAB
    st.session_state[result_table.TABLE] = table
    st.session_state[result_table.SEARCH] = search
    st.session_state[result_table.PAGE] = 1
    st.query_params[filters.PARAMETER] = [filters.as_text(one) for one in conditions]
    st.query_params[result_table.SORT] = sort
    if not sort:
        st.query_params.pop(result_table.SORT, None)


def button(label: str, table: str, conditions: Sequence[results.Filter] = (), *, sort: str = "", key: str) -> None:
    """Show a button that opens a table."""
    icon = ":material/table_view:"
    st.button(label, icon=icon, key=key, type="tertiary", on_click=open_table, args=(table, conditions, sort))


def warning(words: str, label: str, table: str) -> None:
    """Show a line on something amiss, with a button to the table that lists it.

    Args:
        words: Markdown; foreign text in it is made safe by the caller.
    """
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"{table}_warning"):
        st.markdown(f":orange[:material/warning:] {words}")
        button(label, table, key=f"to_{table}")
