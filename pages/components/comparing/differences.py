"""The tables of a comparison: search, kind, sort and paging are the server's; the URL holds all of them."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import download, table_parts
from services import bootstrap
from services.base import units
from services.models import results
from services.models.comparisons import ComparedTable, Comparison

TABLE, KIND, SEARCH, SORT, PAGE = (f"compare_{name}" for name in ("table", "kind", "search", "sort", "page"))
ICONS = {
    "changed": ":material/edit:",
    "missing": ":material/remove_circle:",
    "gone": ":material/remove_circle:",
    "vanished": ":material/remove_circle:",
    "moved": ":material/drive_file_move:",
    "new": ":material/add_circle:",
    "appeared": ":material/add_circle:",
    "unread": ":material/lock:",
    "touched": ":material/schedule:",
    "grown": ":material/trending_up:",
    "shrunk": ":material/trending_down:",
}
"""So that a kind is not told by its word alone."""


@st.fragment
def show(services: bootstrap.Services, found: Comparison) -> None:
    """Show one of the tables, the one that the URL names or the first with a row."""
    known = {table.name: table for table in found.tables}
    if st.session_state.get(TABLE) not in known:
        asked = st.query_params.get(TABLE, "")
        filled = next((table.name for table in found.tables if table.rows), found.tables[0].name)
        st.session_state[TABLE] = asked if asked in known else filled
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare_bar"):
        table = table_parts.choose("Differences", known, key=TABLE, on_change=_begin_anew)
        search = table_parts.search(key=SEARCH, on_change=_first_page)
        kind = _kind(table, kind_key(found, table.name))
        bar = st.container(width="content")
    filters = (results.Filter(column="kind", operator="eq", value=kind),) if kind else ()
    query = results.ResultQuery(filters=filters, sort=_sort(table), search=search)
    _rows(services, found, table, query, bar)


def kind_key(found: Comparison, table: str) -> str:
    """Return the key of a table's choice of a kind; another job's is another."""
    return f"{KIND}_{table}_{found.after.id}"


def _kind(table: ComparedTable, key: str) -> str | None:
    kinds = [one.kind for one in table.kinds]
    asked = st.query_params.get(KIND)
    chosen = st.selectbox(
        "Kind",
        kinds,
        index=kinds.index(asked) if asked in kinds else None,
        format_func=lambda one: next(f"{one} ({units.format_count(k.rows)})" for k in table.kinds if k.kind == one),
        key=key,
        placeholder="All kinds",
        on_change=_first_page,
        width=200,
    )
    if chosen is None:
        st.query_params.pop(KIND, None)
    elif chosen != asked:
        st.query_params[KIND] = chosen
    return chosen


def _rows(
    services: bootstrap.Services,
    found: Comparison,
    table: ComparedTable,
    query: results.ResultQuery,
    bar: st.delta_generator.DeltaGenerator,
) -> None:
    asked = (found.after.id, found.operation, found.before.id, table.name)
    total = services.comparisons.query(*asked, query.model_copy(update={"limit": 0})).total_rows
    if not total:
        st.info("No rows match." if table.rows else "This table has no differences.", icon=":material/info:")
        return
    _download(found, table, query, total, bar)

    def read(offset: int, limit: int) -> Sequence[dict[str, Any]]:
        return services.comparisons.query(*asked, query.model_copy(update={"offset": offset, "limit": limit})).rows

    key = f"compare_rows_{table.name}_{'_'.join(query.sort)}"
    table_parts.page(table, total, read, page_key=PAGE, key=key, on_click=lambda: _sort_by_click(key))


def _download(
    found: Comparison,
    table: ComparedTable,
    query: results.ResultQuery,
    total: int,
    bar: st.delta_generator.DeltaGenerator,
) -> None:
    asked = [("with", str(found.before.id)), ("table", table.name)]
    asked += [("filter", f"{one.column}:{one.operator}:{one.value}") for one in query.filters]
    asked += [("sort", ",".join(query.sort))] if query.sort else []
    asked += [("search", query.search)] if query.search else []
    with bar, st.popover("Download", icon=":material/download:", key="compare_download"):
        st.caption(text.count(total, "row", "rows"))
        for form, label in download.FORMATS.items():
            parameters = urllib.parse.urlencode([*asked, *download.asked(form)])
            address = f"api/jobs/{found.after.id}/compare/{found.operation}?{parameters}"
            key = f"compare_get_{form}"
            st.link_button(label, address, key=key, width="stretch", help=download.HELP.get(form))


def _sort(table: ComparedTable) -> tuple[str, ...]:
    known = {column["name"] for column in table.columns}
    return tuple(one for one in results.parse_sort(st.query_params.get(SORT, "")) if one.removeprefix("-") in known)


def _sort_by_click(key: str) -> None:
    chosen = st.session_state[key].selection.columns
    if chosen:
        before = st.query_params.get(SORT)
        st.query_params[SORT] = f"-{chosen[0]}" if before == chosen[0] else str(chosen[0])
        _first_page()


def _first_page() -> None:
    st.session_state[PAGE] = 1


def _begin_anew() -> None:
    """Forget what was asked of the table before."""
    st.session_state[SEARCH] = ""
    for name in (SORT, KIND):
        st.query_params.pop(name, None)
    _first_page()
