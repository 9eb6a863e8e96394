"""Named amounts as horizontal bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import plotly.graph_objects as go
import streamlit as st

from pages.base import text
from pages.components.charts import style

_ROW, _LABEL = 30, 24


def show(
    names: Sequence[str],
    amounts: Sequence[int],
    label: Callable[[int], str],
    *,
    key: str,
    alt: str,
    on_pick: Callable[[int], None] | None = None,
) -> None:
    """Draw a bar for each name, the first one at the top.

    Args:
        label: makes an amount's text.
        on_pick: called with the place of the bar that was clicked.
    """
    if not names:
        st.caption("No data.")
        return
    places = list(range(len(names)))
    figure = go.Figure(
        go.Bar(
            x=list(amounts),
            y=places,
            orientation="h",
            marker={"color": style.accent(), "cornerradius": 3},
            text=[label(amount) for amount in amounts],
            textposition="outside",
            cliponaxis=False,
            customdata=[[text.plotly(name, 80), label(amount)] for name, amount in zip(names, amounts, strict=True)],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<extra></extra>",
        )
    )
    ticks = [text.plotly(name, _LABEL) for name in names]
    figure.update_yaxes(autorange="reversed", tickvals=places, ticktext=ticks, fixedrange=True, showgrid=False)
    # Room at the right for the text beside the longest bar.
    limit = max(1, *amounts) * 1.25
    figure.update_xaxes(range=[0, limit], showticklabels=False, showgrid=False, zeroline=False, fixedrange=True)
    height = _ROW * len(names) + 16
    if on_pick is None:
        style.draw(figure, key=key, height=height, alt=alt)
        return
    style.draw(figure, key=key, height=height, alt=alt, on_select=lambda: _pick(key, on_pick), selection_mode="points")


def _pick(key: str, on_pick: Callable[[int], None]) -> None:
    points = st.session_state[key].selection.points
    if points:
        on_pick(int(points[0]["point_index"]))
