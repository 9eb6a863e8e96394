"""Rows of a result as a table: values in words and units, names made visible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import pandas as pd
import streamlit as st

from pages.base import text
from services import operations
from services.base import units

Columns = Sequence[Mapping[str, Any]]


def frame(rows: Sequence[Mapping[str, Any]], columns: Columns) -> pd.DataFrame:
    """Return rows as the table shows them: all text."""
    return pd.DataFrame(
        {column["name"]: [cell(row.get(column["name"]), column) for row in rows] for column in columns}, dtype=object
    )


def cell(value: Any, column: Mapping[str, Any]) -> str | None:
    """Return one value as text; ``None`` stays empty."""
    if value is None:
        return None
    if column["dtype"] == "timestamp":
        return datetime.fromisoformat(value).strftime("%Y-%m-%d %H:%M:%S")
    if column["dtype"] == "integer":
        return units.format_bytes(value) if column.get("unit") == "bytes" else units.format_count(value)
    if column["dtype"] == "number":
        return units.format_percent(value) if column.get("unit") == "%" else units.format_number(value)
    return text.visible(str(value))


def config(columns: Columns, titles: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return Streamlit's settings of the columns."""
    titles = titles or {}
    return {column["name"]: _config(column, titles.get(column["name"], title(column))) for column in columns}


def title(column: Mapping[str, Any]) -> str:
    """Return a column's heading."""
    name = str(column["name"]).removesuffix("_bytes") if column.get("unit") == "bytes" else str(column["name"])
    zone = " (UTC)" if column["dtype"] == "timestamp" else ""
    return f"{name.replace('_', ' ').capitalize()}{zone}"


def _config(column: Mapping[str, Any], heading: str) -> Any:
    if column["dtype"] == "binary":
        return None
    number = column["dtype"] in operations.NUMERIC
    return st.column_config.TextColumn(
        heading,
        help=text.plain(column.get("meaning") or "") or None,
        alignment="right" if number else "left",
        width=_width(column),
    )


def _width(column: Mapping[str, Any]) -> int | Literal["medium", "large"] | None:
    if column["name"] == "path":
        return "large"
    if column.get("unit") == "hexadecimal":
        return "medium"
    return 170 if column["dtype"] == "timestamp" else None


def show(
    rows: Sequence[Mapping[str, Any]], columns: Columns, *, key: str, height: int | Literal["auto"] = "auto"
) -> None:
    """Show a short table that is whole: nothing is sorted or paged by the server."""
    st.dataframe(
        frame(rows, columns),
        column_config=config(columns),
        hide_index=True,
        key=key,
        height=height,
        row_height=32,
        placeholder="",
    )
