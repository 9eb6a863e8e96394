"""A folder as a treemap that one can enter: two levels at a time, whatever the tree's size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.base import text
from pages.components.charts import style
from services.base import units

Node = Mapping[str, Any]
_HEIGHT = 460
_LABEL = 42
_ROOT = "root"
_LABELLED_SHARE = 0.0015
"""Of a large screen some 30 x 30 pixels: no label fits into less, but the browser would measure each."""


@dataclass(frozen=True)
class Look:
    """What a node says beside its name and amount, and its colour."""

    words: str
    color: str


def show(
    nodes: Sequence[Node],
    total: Mapping[str, Any],
    measure: str,
    *,
    key: str,
    on_pick: Callable[[Node], None],
    look: Callable[[Node], Look] | None = None,
) -> None:
    """Draw a folder.

    Args:
        nodes: as `ResultService.treemap` gives them.
        total: the folder's own sizes: what the nodes leave out is drawn as one grey rest.
        measure: ``files``, or a number of bytes that the nodes have.
        on_pick: called with the node that was clicked.
        look: of a node; by default its amount in words, in the accent, stronger the more it holds.
    """
    drawn = [node for node in nodes if node[measure] > 0]
    if not drawn:
        st.info("This folder is empty.", icon=":material/info:")
        return
    style.draw(
        _figure(drawn, total, measure, look),
        key=key,
        height=_HEIGHT,
        alt=f"Treemap of {len(drawn)} folders and files; the table of folders has the same numbers",
        on_select=lambda: _pick(key, drawn, on_pick),
        selection_mode="points",
    )


def _pick(key: str, drawn: Sequence[Node], on_pick: Callable[[Node], None]) -> None:
    points = st.session_state[key].selection.points
    name = str(points[0].get("id", "")) if points else ""
    if name.startswith("n") and name[1:].isdecimal() and int(name[1:]) < len(drawn):
        on_pick(drawn[int(name[1:])])


def _figure(
    nodes: Sequence[Node], total: Mapping[str, Any], measure: str, look: Callable[[Node], Look] | None
) -> go.Figure:
    # Numbers as ids: a path could be taken for one of Streamlit's colour codes.
    ids = {total["path"]: _ROOT, **{node["path"]: f"n{place}" for place, node in enumerate(nodes)}}
    inner = {node["parent"] for node in nodes}
    rest = _rest(nodes, inner, total, measure)
    whole = total.get(measure) or sum(node[measure] for node in nodes)
    # Each row: id, parent's id, name, amount, what of it no drawn child holds, look.
    rows = [(_ROOT, "", text.plotly(_name(total), _LABEL), whole, 0, Look(_amount(whole, measure), style.surface()))]
    for node in nodes:
        own = 0 if node["path"] in inner else node[measure]
        shown = look(node) if look else Look(_amount(node[measure], measure), _color(node, node[measure], whole))
        name = text.plotly(node["name"], _LABEL)
        rows.append((ids[node["path"]], ids[node["parent"]], name, node[measure], own, shown))
    for place, (parent, amount) in enumerate(rest):
        rest_look = Look(_amount(amount, measure), style.quiet())
        rows.append((f"r{place}", ids[parent], "smaller entries", amount, amount, rest_look))
    places, parents, names, amounts, values, looks = zip(*rows, strict=True)
    words = [one.words for one in looks]
    figure = go.Figure(
        go.Treemap(
            ids=places,
            labels=[
                # One line is all that fits into the head of a folder that is drawn with what is in it.
                f"<b>{name}</b>{'<br>' if value else '  '}{word}" if amount >= whole * _LABELLED_SHARE else ""
                for name, word, value, amount in zip(names, words, values, amounts, strict=True)
            ],
            parents=parents,
            values=values,
            branchvalues="remainder",
            customdata=[
                [name, word, f"{amount / whole:.1%}" if whole else ""]
                for name, word, amount in zip(names, words, amounts, strict=True)
            ],
            textinfo="label",
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}, %{customdata[2]} of this folder<extra></extra>",
            marker={
                "colors": [one.color for one in looks],
                "cornerradius": 3,
                "pad": {"t": 24, "l": 3, "r": 3, "b": 3},
            },
            pathbar={"visible": False},
            tiling={"pad": 2, "packing": "squarify"},
        )
    )
    # A label that would have to be tiny is left to the hover text.
    return figure.update_layout(uniformtext={"minsize": 10, "mode": "hide"})


def _name(total: Mapping[str, Any]) -> str:
    return "Source" if total["path"] == "." else str(total["path"]).rpartition("/")[2]


def _rest(nodes: Sequence[Node], inner: set[str], total: Mapping[str, Any], measure: str) -> list[tuple[str, int]]:
    """Return (parent, what its drawn children leave out) where there is something."""
    drawn: dict[str, int] = {}
    for node in nodes:
        drawn[node["parent"]] = drawn.get(node["parent"], 0) + node[measure]
    owed = {node["path"]: node[measure] for node in nodes if node["path"] in inner}
    owed[total["path"]] = total.get(measure) or 0
    # A hard link counts once in a folder and at each of its names: the difference may be below nought.
    return [(path, amount - drawn.get(path, 0)) for path, amount in owed.items() if amount > drawn.get(path, 0)]


def _amount(amount: int, measure: str) -> str:
    return text.count(amount, "file", "files") if measure == "files" else units.format_bytes(amount)


def _color(node: Node, amount: int, whole: int) -> str:
    share = (amount / whole) ** 0.4 if whole else 0
    return _blend(share if node["kind"] == "directory" else share * 0.5)


def _blend(share: float) -> str:
    """Return the accent, mixed into the background the less a node holds."""
    return blend(style.accent(), style.surface(), 0.18 + 0.72 * min(1.0, share))


def blend(front: str, back: str, strength: float) -> str:
    """Return a colour between two, nearer to `front` the nearer `strength` is to 1."""
    parts = zip(_parts(front), _parts(back), strict=True)
    return "#" + "".join(f"{round(a * strength + b * (1 - strength)):02x}" for a, b in parts)


def _parts(color: str) -> list[int]:
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]
