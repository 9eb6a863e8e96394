"""A result table of any size: search, filter, sort and paging are the server's; the URL holds all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import streamlit as st

from pages.components import download, failure, filters, grid, table_parts
from services import bootstrap
from services.base import errors
from services.models import results

TABLE, SEARCH, SORT, PAGE = "table", "search", "sort", "page"


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
        table = table_parts.choose("Table", known, key=TABLE, on_change=_begin_anew)
        name, search = table.name, table_parts.search(key=SEARCH, on_change=_first_page)
        filters.show(table.columns, key=f"filter_{name}")
        bar = st.container(width="content")
    filters.chips(table.columns)
    question = results.ResultQuery(filters=filters.of_url(), sort=_sort(), search=search)
    try:
        rows = services.results.query(job_id, name, question.model_copy(update={"limit": 0})).total_rows
        with bar:
            download.table(job_id, name, rows, _as_parameters(question))
        _rows(services, job_id, table, question, rows)
    except errors.PravahError as error:
        failure.show(error)
        st.button("Reset view", icon=":material/filter_alt_off:", on_click=_begin_anew)


def _rows(
    services: bootstrap.Services, job_id: UUID, table: results.TableInfo, question: results.ResultQuery, total: int
) -> None:
    if not total:
        asks = question.filters or question.search
        st.info("No rows match." if asks else "This table is empty.", icon=":material/info:")
        return

    def read(offset: int, limit: int) -> Sequence[dict[str, Any]]:
        asked = question.model_copy(update={"offset": offset, "limit": limit})
        return services.results.query(job_id, table.name, asked).rows

    key = f"rows_{table.name}_{'_'.join(question.sort)}"
    table_parts.page(
        table,
        total,
        read,
        page_key=PAGE,
        key=key,
        on_click=lambda: _sort_by_click(key),
        titles=_headings(table, question.sort),
    )


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
