"""How sizes are distributed: columns for powers of two, lines for percentiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.base import text
from pages.components.charts import style
from services.base import units

_MARKS = {"p50": "50 % of files are smaller", "p90": "90 % of files are smaller", "p99": "99 % of files are smaller"}


def show(
    buckets: Sequence[Mapping[str, Any]],
    percentiles: Mapping[str, int],
    *,
    key: str,
    on_pick: Callable[[Mapping[str, Any]], None],
) -> None:
    """Draw the number of files of each size.

    Args:
        buckets: rows of a size histogram: ``lower_bytes, upper_bytes, files, size_bytes``.
        percentiles: name → bytes.
        on_pick: called with the bucket that was clicked.
    """
    shown = _without_ends(buckets)
    if not shown:
        st.caption("No files.")
        return
    places = list(range(len(shown)))
    figure = go.Figure(
        go.Bar(
            x=places,
            y=[bucket["files"] for bucket in shown],
            marker={"color": style.accent(), "cornerradius": 3},
            customdata=[_words(bucket) for bucket in shown],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{customdata[2]}<extra></extra>",
        )
    )
    step = max(1, len(shown) // 7)
    figure.update_xaxes(
        tickvals=places[::step],
        ticktext=[units.format_bytes(shown[place]["lower_bytes"]) for place in places[::step]],
        fixedrange=True,
        showgrid=False,
    )
    figure.update_yaxes(fixedrange=True, tickformat=",d", rangemode="tozero")
    _mark(figure, shown, percentiles)
    style.draw(
        figure,
        key=key,
        height=300,
        top=24,
        alt="Number of files by size",
        on_select=lambda: _pick(key, shown, on_pick),
        selection_mode="points",
    )


def _pick(key: str, shown: Sequence[Mapping[str, Any]], on_pick: Callable[[Mapping[str, Any]], None]) -> None:
    points = st.session_state[key].selection.points
    if points:
        on_pick(shown[int(points[0]["point_index"])])


def _without_ends(buckets: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    filled = [place for place, bucket in enumerate(buckets) if bucket["files"]]
    return list(buckets[filled[0] : filled[-1] + 1]) if filled else []


def _words(bucket: Mapping[str, Any]) -> list[str]:
    return [_range(bucket), text.count(bucket["files"], "file", "files"), units.format_bytes(bucket["size_bytes"])]


def _range(bucket: Mapping[str, Any]) -> str:
    if bucket["upper_bytes"] == 0:
        return "empty"
    return f"{units.format_bytes(bucket['lower_bytes'])} to {units.format_bytes(bucket['upper_bytes'])}"


def _mark(figure: go.Figure, shown: Sequence[Mapping[str, Any]], percentiles: Mapping[str, int]) -> None:
    color = style.palette()[1]
    for name, words in _MARKS.items():
        if name not in percentiles:
            continue
        place = _place(shown, percentiles[name])
        figure.add_vline(x=place, line={"color": color, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=place,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=name.upper(),
            showarrow=False,
            font={"color": color, "size": 12},
            hovertext=f"{words}: {units.format_bytes(percentiles[name])}",
        )


def _place(shown: Sequence[Mapping[str, Any]], size_bytes: int) -> float:
    """Return where a size stands between the columns, in proportion within its own."""
    for place, bucket in enumerate(shown):
        if size_bytes <= bucket["upper_bytes"]:
            width = bucket["upper_bytes"] - bucket["lower_bytes"]
            inside = (size_bytes - bucket["lower_bytes"]) / width if width > 0 else 0.5
            return place - 0.5 + max(0.0, min(1.0, inside))
    return len(shown) - 0.5
