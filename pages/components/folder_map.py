"""A treemap with the way back up; the folder one is in is in the URL, so that it is a link and a reload keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages.base import text
from pages.components.charts import treemap

TOP = "."
_FOLDER = "folder"
_MOVES = "map_moves"
_DRAWN = 200

Total = Callable[[str], Mapping[str, Any] | None]
Nodes = Callable[[str], Sequence[Mapping[str, Any]]]


def show(
    total: Total,
    nodes: Nodes,
    measure: str,
    on_file: Callable[[str], None],
    *,
    name: str,
    look: Callable[[Mapping[str, Any]], treemap.Look] | None = None,
) -> None:
    """Show the folder that the URL names, at first the source itself.

    Args:
        total: gives a folder's own amounts; ``None`` for one that the result does not know.
        nodes: gives what is in a folder, two levels, as `ResultService.treemap` does.
        on_file: called with the path of a file that was clicked.
        name: tells one map from another on the same page.
        look: of a node, where it is not its amount alone.
    """
    path = st.query_params.get(_FOLDER, TOP)
    whole = total(path)
    if whole is None:
        st.query_params.pop(_FOLDER, None)
        path, whole = TOP, total(TOP)
    if path != TOP:
        _breadcrumbs(path)
    # A new key for each change of folder: the browser keeps a chart's own zoom under its key and would come back
    # to the folder that was clicked in it.
    key = f"{name}_{measure}_{path}_{st.session_state.get(_MOVES, 0)}"

    def pick(node: Mapping[str, Any]) -> None:
        if node["kind"] == "directory":
            _go(node["path"])
        else:
            on_file(node["path"])

    drawn = _largest(nodes(path), path, measure)
    treemap.show(drawn, whole or {"path": path}, measure, key=key, on_pick=pick, look=look)


def _largest(nodes: Sequence[Mapping[str, Any]], path: str, measure: str) -> list[Mapping[str, Any]]:
    """Return the folder's children and, of what they hold, the largest: a browser draws hundreds, not thousands."""
    inner = sorted((node for node in nodes if node["parent"] != path), key=lambda node: -node[measure])
    return [node for node in nodes if node["parent"] == path] + inner[:_DRAWN]


def _breadcrumbs(path: str) -> None:
    parts = path.split("/")
    places = [(TOP, "Source"), *(("/".join(parts[: end + 1]), part) for end, part in enumerate(parts))]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="map_breadcrumbs"):
        for number, (target, name) in enumerate(places):
            if number:
                st.markdown(":gray[/]", width="content")
            label, last = text.plain(name, limit=40), number == len(places) - 1
            shown = f"**{label}**" if last else label
            st.button(shown, key=f"map_crumb_{number}", type="tertiary", disabled=last, on_click=_go, args=(target,))


def _go(path: str) -> None:
    st.session_state[_MOVES] = st.session_state.get(_MOVES, 0) + 1
    if path == TOP:
        st.query_params.pop(_FOLDER, None)
    else:
        st.query_params[_FOLDER] = path
