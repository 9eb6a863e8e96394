"""Bytes per second over the time of a job."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from pages.components.charts import style
from services.base import units
from services.models.jobs import RateSample

_FEWEST = 2


def show(samples: Sequence[RateSample], *, key: str) -> None:
    """Draw the rate; of files where no bytes are read; nothing while there are too few points."""
    if not is_drawable(samples):
        st.caption("The chart appears after the first measurements.")
        return
    points = rates(samples)
    counts_bytes = any(sample.bytes_done for sample in samples)
    label = units.format_rate if counts_bytes else (lambda rate: f"{rate:,.0f} files/s")
    times = [seconds for seconds, _ in points]
    values = [value for _, value in points]
    figure = go.Figure(
        go.Scatter(
            x=times,
            y=values,
            mode="lines",
            fill="tozeroy",
            line={"color": style.accent(), "width": 2, "shape": "spline", "smoothing": 0.4},
            customdata=[[label(value), units.format_duration(seconds)] for seconds, value in points],
            hovertemplate="%{customdata[0]}<br>after %{customdata[1]}<extra></extra>",
        )
    )
    ticks = _ticks(max(values))
    figure.update_yaxes(rangemode="tozero", tickvals=ticks, ticktext=[label(tick) for tick in ticks], fixedrange=True)
    figure.update_xaxes(ticksuffix=" s", fixedrange=True, showgrid=False)
    style.draw(figure, key=key, height=200, alt=f"Rate over time, at most {label(max(values))}")


def is_drawable(samples: Sequence[RateSample]) -> bool:
    """Return whether there are enough points for a line."""
    return len(rates(samples)) >= _FEWEST


def rates(samples: Sequence[RateSample]) -> list[tuple[float, float]]:
    """Return (seconds, rate since the sample before); bytes per second, or files where no bytes are read."""
    by_bytes = any(sample.bytes_done for sample in samples)
    found = []
    for before, after in itertools.pairwise(samples):
        seconds = after.elapsed_seconds - before.elapsed_seconds
        done = after.bytes_done - before.bytes_done if by_bytes else after.files_done - before.files_done
        if seconds > 0:
            found.append((after.elapsed_seconds, max(0.0, done / seconds)))
    return found


def _ticks(largest: float) -> list[float]:
    """Return three round marks from nought: powers of two, as bytes are counted."""
    if largest <= 0:
        return [0]
    step = 1.0
    while step * 4 < largest:
        step *= 2
    return [mark * step for mark in range(0, int(largest // step) + 1)]
