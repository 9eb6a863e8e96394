"""What all charts share: colours of the theme, margins, no toolbar over the data."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

CONFIG = {"displayModeBar": False, "responsive": True}


def is_dark() -> bool:
    """Return whether the browser shows the dark theme."""
    return bool(st.context.theme.type == "dark")


def accent() -> str:
    """Return the theme's accent colour."""
    return str(_option("primaryColor") or "#0f766e")


def palette() -> list[str]:
    """Return the theme's colours for categories."""
    return list(_option("chartCategoricalColors") or ["#0f766e", "#c2570c"])


def surface() -> str:
    """Return the page's background."""
    return str(_option("backgroundColor") or ("#0e1414" if is_dark() else "#ffffff"))


def _option(name: str) -> Any:
    return st.get_option(f"theme.{'dark' if is_dark() else 'light'}.{name}")


def quiet() -> str:
    """Return a grey for what is not of interest."""
    return "#39464a" if is_dark() else "#e3e8e8"


def growth() -> str:
    """Return the colour of what became more; with `shrinkage` told apart by the colour-blind too."""
    return "#e8703a" if is_dark() else "#c2410c"


def shrinkage() -> str:
    """Return the colour of what became less."""
    return "#4d9de0" if is_dark() else "#1d5fa8"


def draw(figure: go.Figure, *, key: str, height: int, alt: str, top: int = 8, **arguments: Any) -> Any:
    """Draw a figure.

    Args:
        height: pixels.
        alt: what a screen reader says.
        top: margin above the drawing in pixels.
    """
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 0, "t": top, "b": 0},
        showlegend=False,
        hoverlabel={"align": "left"},
        dragmode=False,
    )
    return st.plotly_chart(figure, key=key, config=CONFIG, alt=alt, **arguments)
