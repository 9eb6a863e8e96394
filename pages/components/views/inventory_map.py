"""The treemap of an inventory with the way back up; the folder one is in is in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import streamlit as st

from pages.components import table_link, text
from pages.components.charts import treemap
from services import bootstrap, errors, results

FOLDER = "folder"
_TOP = "."
_MOVES = "map_moves"
_INNER, _DRAWN = 60, 200


def show(services: bootstrap.Services, job_id: UUID, measure: str) -> None:
    """Show the folder that the URL names, at first the source itself."""
    path = st.query_params.get(FOLDER, _TOP)
    total = _total(services, job_id, path)
    if total is None:
        st.query_params.pop(FOLDER, None)
        path, total = _TOP, _total(services, job_id, _TOP)
    by = "size_bytes" if measure == "files" else measure
    nodes = services.results.treemap(job_id, path, by=by, inner_limit=_INNER)  # type: ignore[arg-type]
    if path != _TOP:
        _breadcrumbs(path)
    nodes = _largest(nodes, path, measure)
    # A new key for each change of folder: the browser keeps a chart's own zoom under its key and would come back
    # to the folder that was clicked in it.
    key = f"map_{measure}_{path}_{st.session_state.get(_MOVES, 0)}"
    treemap.show(nodes, total or {"path": path}, measure, key=key, on_pick=_enter)
    st.caption("A click enters a folder; a click on a file finds it in the table.")


def _largest(nodes: list[dict[str, Any]], path: str, measure: str) -> list[dict[str, Any]]:
    """Return the folder's children and, of what they hold, the largest: a browser draws hundreds, not thousands."""
    inner = sorted((node for node in nodes if node["parent"] != path), key=lambda node: -node[measure])
    return [node for node in nodes if node["parent"] == path] + inner[:_DRAWN]


def _total(services: bootstrap.Services, job_id: UUID, path: str) -> dict[str, Any] | None:
    question = results.ResultQuery(filters=(results.Filter(column="path", operator="eq", value=path),), limit=1)
    try:
        rows = services.results.query(job_id, "directories", question).rows
    except errors.InvalidOptionsError:
        return None
    return rows[0] if rows else None


def _breadcrumbs(path: str) -> None:
    parts = [] if path == _TOP else path.split("/")
    places = [(_TOP, "Source"), *(("/".join(parts[: end + 1]), part) for end, part in enumerate(parts))]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="map_breadcrumbs"):
        for number, (target, name) in enumerate(places):
            if number:
                st.markdown(":gray[/]", width="content")
            label, last = text.plain(name, limit=40), number == len(places) - 1
            shown = f"**{label}**" if last else label
            st.button(shown, key=f"map_crumb_{number}", type="tertiary", disabled=last, on_click=_go, args=(target,))


def _go(path: str) -> None:
    st.session_state[_MOVES] = st.session_state.get(_MOVES, 0) + 1
    if path == _TOP:
        st.query_params.pop(FOLDER, None)
    else:
        st.query_params[FOLDER] = path


def _enter(node: Mapping[str, Any]) -> None:
    if node["kind"] == "directory":
        _go(node["path"])
        return
    found = results.Filter(column="path", operator="eq", value=node["path"])
    table_link.open_table("result", [found])
