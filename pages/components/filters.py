"""Conditions on a table: built by clicking, shown as chips, kept in the URL as ``column:operator:value``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from pages.base import text
from services import operations
from services.base import errors, units
from services.models import results

PARAMETER = "filter"
_COMPARE = {"eq": "is", "ne": "is not", "lt": "<", "le": "≤", "gt": ">", "ge": "≥"}
_TEXT = {"contains": "contains", "starts_with": "starts with", "in": "is one of"}
_EMPTY = {"is_null": "is empty", "not_null": "is filled"}
_OPERATORS = {
    "text": {**_TEXT, "eq": "is", "ne": "is not", **_EMPTY},
    "number": {"ge": "≥", "le": "≤", "gt": ">", "lt": "<", "eq": "is", "ne": "is not", "in": "is one of", **_EMPTY},
    "timestamp": {"ge": "at or after", "lt": "before", **_EMPTY},
}
_HINTS = {"text": "", "number": "e.g. 100", "timestamp": "e.g. 2025-01-31 or 2025-01-31 12:00"}
_BYTES_HINT = "e.g. 4096 or 10 MiB"


def of_url() -> tuple[results.Filter, ...]:
    """Return the conditions in the URL; what cannot be read is left out."""
    found = []
    for one in st.query_params.get_all(PARAMETER):
        try:
            found.append(results.parse_filter(one))
        except errors.InvalidOptionsError:
            continue
    return tuple(found)


def as_text(condition: results.Filter) -> str:
    """Return a condition as the URL and the API hold it."""
    return f"{condition.column}:{condition.operator}:{condition.value}"


def add(condition: results.Filter) -> None:
    """Put one more condition into the URL and go back to the first page."""
    _write([*of_url(), condition])


def _write(conditions: Sequence[results.Filter]) -> None:
    st.query_params[PARAMETER] = [as_text(one) for one in conditions]
    st.session_state["page"] = 1


def show(columns: Sequence[Mapping[str, Any]], key: str) -> None:
    """Offer to add a condition on one of a table's columns."""
    usable = {column["name"]: column for column in columns if column["dtype"] != "binary"}
    popover = st.popover("Filter", icon=":material/filter_alt:", key=f"{key}_popover", on_change="rerun")
    if not popover.open:
        return
    with popover:
        name = st.selectbox("Column", list(usable), key=f"{key}_column")
        kind = kind_of(usable[name])
        choices = _OPERATORS[kind]
        operator = st.selectbox("Condition", list(choices), format_func=choices.__getitem__, key=f"{key}_{kind}")
        if operator not in _EMPTY:
            hint = _BYTES_HINT if usable[name].get("unit") == "bytes" else _HINTS[kind]
            st.text_input("Value", placeholder=hint, key=f"{key}_value")
        if operator == "in":
            st.caption("Separate several values with commas.")
        if mistake := st.session_state.pop(f"{key}_mistake", None):
            st.markdown(f":red[:material/error: {text.plain(mistake)}]")
        arguments = (usable[name], operator, key)
        st.button("Add filter", type="primary", key=f"{key}_add", on_click=_add, args=arguments)


def _add(column: Mapping[str, Any], operator: str, key: str) -> None:
    try:
        value = value_of(column, operator, st.session_state.get(f"{key}_value", ""))
    except ValueError as error:
        st.session_state[f"{key}_mistake"] = str(error)
        return
    add(results.Filter(column=column["name"], operator=operator, value=value))
    st.session_state[f"{key}_popover"] = False


def value_of(column: Mapping[str, Any], operator: str, typed: str) -> str:
    """Return what was typed as the services read it.

    Raises:
        ValueError: it is no value of this column.
    """
    if operator in _EMPTY:
        return ""
    parts = [part.strip() for part in typed.split(",")] if operator == "in" else [typed.strip()]
    return ",".join(_value(column, part) for part in parts)


def _value(column: Mapping[str, Any], typed: str) -> str:
    kind = kind_of(column)
    if kind == "text":
        return typed
    if not typed:
        raise ValueError("Enter a value")
    if kind == "timestamp":
        return datetime.fromisoformat(typed).isoformat()
    if column.get("dtype") == "number":
        return str(float(typed.replace(",", "")))
    return str(units.parse_bytes(typed) if column.get("unit") == "bytes" else int(typed.replace(",", "")))


def chips(columns: Sequence[Mapping[str, Any]]) -> None:
    """Show each condition with a button to take it away."""
    conditions = of_url()
    if not conditions:
        return
    known = {column["name"]: column for column in columns}
    with st.container(horizontal=True, gap="xsmall", key="filter_chips"):
        for place, one in enumerate(conditions):
            st.button(
                text.plain(_sentence(one, known.get(one.column, {})), limit=90),
                icon=":material/close:",
                icon_position="right",
                key=f"chip_{place}",
                on_click=_remove,
                args=(place,),
                help="Remove this filter",
            )
        if len(conditions) > 1:
            st.button("Clear all", type="tertiary", key="chips_clear", on_click=_write, args=([],))


def _remove(place: int) -> None:
    _write([one for number, one in enumerate(of_url()) if number != place])


def _sentence(condition: results.Filter, column: Mapping[str, Any]) -> str:
    words = {**_COMPARE, **_TEXT, **_EMPTY, **(_OPERATORS["timestamp"] if kind_of(column) == "timestamp" else {})}
    value = condition.value
    if column.get("unit") == "bytes" and value.isdecimal():
        value = units.format_bytes(int(value))
    shown = "" if condition.operator in _EMPTY else f" {value or '(nothing)'}"
    return f"{condition.column} {words[condition.operator]}{shown}"


def kind_of(column: Mapping[str, Any]) -> str:
    """Return ``text``, ``number`` or ``timestamp``."""
    dtype = column.get("dtype", "text")
    return "number" if dtype in operations.NUMERIC else "timestamp" if dtype == "timestamp" else "text"
