"""Amounts of two names each, as a map of fields the darker the more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log1p

import plotly.graph_objects as go
import streamlit as st

from pages.base import text
from pages.components.charts import style
from services.base import units

_ROW, _LABEL = 26, 28


def show(
    rows: Sequence[str],
    columns: Sequence[str],
    amounts: Mapping[tuple[str, str], int],
    *,
    key: str,
    on_pick: Callable[[str, str], None],
) -> None:
    """Draw a field for each row and column.

    Args:
        amounts: by (column, row); what is missing is nought.
        on_pick: called with row and column of the field that was clicked.
    """
    # Points, not a heat-map trace: only points can be clicked. The colour is by the logarithm, else one large
    # amount would leave all others alike.
    fields = [(row, column) for row in range(len(rows)) for column in range(len(columns))]
    values = [amounts.get((columns[column], rows[row]), 0) for row, column in fields]
    most = log1p(max(values, default=1)) or 1
    figure = go.Figure(
        go.Scatter(
            x=[column for _, column in fields],
            y=[row for row, _ in fields],
            mode="markers+text",
            marker={
                "symbol": "square",
                "size": _ROW - 4,
                "color": style.accent(),
                "opacity": [0.06 + 0.94 * log1p(value) / most for value in values],
            },
            customdata=[
                [text.plotly(rows[row], 80), text.plotly(columns[column], 80), units.format_count(value)]
                for (row, column), value in zip(fields, values, strict=True)
            ],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}: %{customdata[2]}<extra></extra>",
        )
    )
    names = [text.plotly(name, _LABEL) for name in rows]
    figure.update_yaxes(
        autorange="reversed", tickvals=list(range(len(rows))), ticktext=names, fixedrange=True, showgrid=False,
        zeroline=False,
    )  # fmt: skip
    figure.update_xaxes(
        tickvals=list(range(len(columns))), ticktext=[text.plotly(name, 18) for name in columns], side="top",
        range=[-0.6, max(len(columns), 4) - 0.4], fixedrange=True, showgrid=False, zeroline=False,
    )  # fmt: skip

    def pick() -> None:
        points = st.session_state[key].selection.points
        if points:
            row, column = fields[int(points[0]["point_index"])]
            on_pick(rows[row], columns[column])

    height = _ROW * len(rows) + 60
    alt = f"Matches of {len(columns)} patterns in {len(rows)} folders; the table has the same numbers"
    style.draw(figure, key=key, height=height, top=30, alt=alt, on_select=pick, selection_mode="points")
