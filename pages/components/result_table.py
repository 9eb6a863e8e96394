"""A result table of any size: search, filter, sort and paging are the server's; the URL holds all of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from uuid import UUID

import streamlit as st

from pages.components import download, failure, filters, grid
from services import bootstrap, errors, results, units

TABLE, SEARCH, SORT, PAGE = "table", "search", "sort", "page"
ROWS = 100


def show(services: bootstrap.Services, job_id: UUID, tables: Sequence[results.TableInfo]) -> None:
    """Show one of a job's tables."""
    known = {table.name: table for table in tables}
    if st.session_state.get(TABLE) not in known:
        asked = st.query_params.get(TABLE, "")
        st.session_state[TABLE] = asked if asked in known else tables[0].name
    _table(services, job_id, known)


@st.fragment
def _table(services: bootstrap.Services, job_id: UUID, known: dict[str, results.TableInfo]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="table_bar"):
        name = st.selectbox(
            "Table",
            list(known),
            format_func=lambda name: f"{known[name].title} ({units.format_count(known[name].rows)})",
            key=TABLE,
            on_change=_begin_anew,
            width=260,
        )
        # By hand: a bound list puts its labels into the address, and these hold the number of rows.
        if st.query_params.get(TABLE) != name:
            st.query_params[TABLE] = name
        table = known[name]
        search = st.text_input(
            "Search",
            key=SEARCH,
            bind="query-params",
            type="search",
            live="300ms",
            max_chars=500,
            on_change=_first_page,
            placeholder="Any text in this table",
            width=260,
        )
        filters.show(table.columns, key=f"filter_{name}")
        bar = st.container(width="content")
    filters.chips(table.columns)
    question = results.ResultQuery(filters=filters.of_url(), sort=_sort(), search=search or "")
    try:
        rows = services.results.query(job_id, name, question.model_copy(update={"limit": 0})).total_rows
        with bar:
            download.table(job_id, name, rows, _as_parameters(question))
        _rows(services, job_id, table, question, rows)
    except errors.PravahError as error:
        failure.show(error)
        st.button("Clear search, filters and sort", icon=":material/filter_alt_off:", on_click=_begin_anew)


def _rows(
    services: bootstrap.Services, job_id: UUID, table: results.TableInfo, question: results.ResultQuery, total: int
) -> None:
    if not total:
        asks = question.filters or question.search
        st.info("No row matches." if asks else "This table is empty.", icon=":material/info:")
        return
    body = st.container()
    pages = ceil(total / ROWS)
    if st.session_state.get(PAGE, 1) > pages:
        st.session_state[PAGE] = pages
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        words = st.container(width="content")
        page = st.pagination(pages, key=PAGE, bind="query-params", width=400) if pages > 1 else 1
    offset = (page - 1) * ROWS
    found = services.results.query(job_id, table.name, question.model_copy(update={"offset": offset, "limit": ROWS}))
    last = offset + len(found.rows)
    words.caption(f"Rows {units.format_count(offset + 1)} to {units.format_count(last)} of {units.format_count(total)}")
    key = f"rows_{table.name}_{'_'.join(question.sort)}"
    body.dataframe(
        grid.frame(found.rows, table.columns),
        column_config=grid.config(table.columns, _headings(table, question.sort)),
        hide_index=True,
        key=key,
        on_select=lambda: _sort_by_click(key),
        selection_mode="single-column",
        row_height=32,
        placeholder="",
        height=min(600, 40 + 32 * len(found.rows)),
        alt=f"{table.title}, page {page} of {pages}",
    )
    body.caption("A click on a column's name sorts all rows by it; a second click turns the order.")


def _headings(table: results.TableInfo, sort: tuple[str, ...]) -> dict[str, str]:
    """Return the titles of the columns, with an arrow where they sort."""
    arrows = {term.removeprefix("-"): "▼" if term.startswith("-") else "▲" for term in sort}
    return {
        column["name"]: f"{grid.title(column)} {arrows[column['name']]}"
        for column in table.columns
        if column["name"] in arrows
    }


def _sort() -> tuple[str, ...]:
    return results.parse_sort(st.query_params.get(SORT, ""))


def _sort_by_click(key: str) -> None:
    chosen = st.session_state[key].selection.columns
    if not chosen:
        return
    before = _sort()
    st.query_params[SORT] = f"-{chosen[0]}" if before == (chosen[0],) else str(chosen[0])
    _first_page()


def _first_page() -> None:
    st.session_state[PAGE] = 1


def _begin_anew() -> None:
    """Forget what was asked of the table before."""
    st.session_state[SEARCH] = ""
    for name in (SORT, filters.PARAMETER):
        st.query_params.pop(name, None)
    _first_page()


def _as_parameters(question: results.ResultQuery) -> list[tuple[str, str]]:
    """Return a question as the API's query parameters."""
    found = [("filter", filters.as_text(one)) for one in question.filters]
    found += [("sort", ",".join(question.sort))] if question.sort else []
    return found + ([("search", question.search)] if question.search else [])
