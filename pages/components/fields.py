"""One field of a declaration as a widget: JSON schema in, JSON value out. Knows no operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pydantic
import pydantic_core
import streamlit as st

from pages.base import text
from services.base import units

FEW = 8
"""Choices that are shown side by side; more go into a list."""


class UnreadableError(ValueError):
    """What was typed is no value of this field; the message says why."""


def show(name: str, schema: Mapping[str, Any], value: Any, key: str) -> Any:
    """Draw the widget of a field.

    Args:
        name: of the field; the label when the schema has no title. Titles are ours: nothing is escaped in them,
            since a screen reader would read the escapes.
        schema: its part of the JSON schema, references resolved, ``null`` folded into ``nullable``.
        value: the JSON value to begin with.

    Returns:
        The JSON value; ``None`` for an empty field.

    Raises:
        UnreadableError: the text in the widget is no such value.
    """
    label = schema.get("title") or name
    arguments = {"label": label, "key": key, "help": text.plain(schema.get("description", ""))}
    return _widget(schema)(schema, value, arguments)


def resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a property's schema with ``$ref`` followed and ``anyOf … null`` folded into ``nullable``."""
    found = dict(schema)
    if "$ref" in found:
        target = definitions[str(found.pop("$ref")).rpartition("/")[2]]
        found = {**target, **found}
    if "anyOf" in found:
        choices = [choice for choice in found.pop("anyOf") if choice.get("type") != "null"]
        found = {**resolved(choices[0], definitions), **found, "nullable": True}
    if isinstance(found.get("items"), dict):
        found["items"] = resolved(found["items"], definitions)
    return found


def defaults(model: type[pydantic.BaseModel]) -> dict[str, Any]:
    """Return a model's defaults as JSON values; its JSON schema leaves out those of lists."""
    return {
        name: pydantic_core.to_jsonable_python(field.get_default(call_default_factory=True))
        for name, field in model.model_fields.items()
        if not field.is_required()
    }


def _widget(schema: Mapping[str, Any]) -> Callable[[Mapping[str, Any], Any, dict[str, Any]], Any]:
    kind = schema.get("type")
    if kind == "array":
        return _choices if "enum" in schema.get("items", {}) else _texts
    if "enum" in schema:
        return _choice
    if kind == "boolean":
        return _switch
    if kind == "integer" and schema.get("unit") == "bytes":
        return _bytes
    if kind in {"integer", "number"}:
        return _number
    if schema.get("suggestions"):
        return _suggested
    if schema.get("widget") == "document":
        return _document
    return _time if schema.get("format") == "date-time" else _text


def _switch(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> bool:
    return st.toggle(value=bool(value), **arguments)


def _choice(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> str:
    options = list(schema["enum"])
    start = value if value in options else options[0]
    if len(options) <= FEW:
        return str(st.pills(options=options, default=start, required=True, format_func=text.plain, **arguments))
    return str(st.selectbox(options=options, index=options.index(start), format_func=text.visible, **arguments))


def _choices(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> list[str]:
    options = list(schema["items"]["enum"])
    start = [one for one in value or [] if one in options]
    if len(options) <= FEW:
        picked = st.pills(options=options, selection_mode="multi", default=start, format_func=text.plain, **arguments)
    else:
        picked = st.multiselect(options=options, default=start, format_func=text.visible, **arguments)
    return [one for one in options if one in picked]


def _texts(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> list[str] | None:
    start = [str(one) for one in value or []]
    hint = "Type and press Enter"
    picked = st.multiselect(
        options=start, default=start, accept_new_options=True, placeholder=hint, format_func=text.visible, **arguments
    )
    # A list that must be given has no default: nothing typed is nothing given.
    return list(picked) or ([] if value is not None else None)


def _number(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> int | float | None:
    if schema.get("unit"):
        arguments["label"] += f" ({schema['unit']})"
    # The browser's numbers are exact up to 2^53 only.
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds: dict[str, Any] = {"min_value": low, "max_value": high if high is not None and high <= 2**53 - 1 else None}
    placeholder = schema.get("placeholder") or ("no limit" if schema.get("nullable") else None)
    number: int | float | None = st.number_input(value=value, step=1, placeholder=placeholder, **bounds, **arguments)
    return number


def _bytes(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> int | None:
    start = "" if value is None else _plain_bytes(value)
    typed = st.text_input(value=start, placeholder="no limit, or e.g. 10 MiB", **arguments).strip()
    if not typed:
        return None
    try:
        return units.parse_bytes(typed)
    except ValueError as error:
        raise UnreadableError(str(error)) from None


def _plain_bytes(size_bytes: int) -> str:
    """Return a size so that reading it back gives the same number."""
    for factor, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor} {unit}"
    return f"{size_bytes} B"


def _time(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> str | None:
    arguments["label"] += " (UTC)"
    start = datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None) if isinstance(value, str) else None
    picked = st.datetime_input(value=start, step=60, format="YYYY-MM-DD", **arguments)
    return picked.replace(tzinfo=UTC).isoformat() if picked else None


def _text(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> str | None:
    arguments["placeholder"] = schema.get("placeholder")
    typed = st.text_input(value=value or "", max_chars=schema.get("maxLength"), **arguments)
    return (typed if schema.get("widget") == "verbatim" else typed.strip()) or None


def _document(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> str | None:
    arguments |= {"placeholder": schema.get("placeholder"), "max_chars": schema.get("maxLength")}
    # Empty it is one line high, as a text; a document is there to be read and changed.
    typed = st.text_area(value=value or "", height=320 if value else 68, **arguments)
    return typed.strip() or None


def _suggested(schema: Mapping[str, Any], value: Any, arguments: dict[str, Any]) -> str:
    options = list(dict.fromkeys([*schema["suggestions"], *([value] if value else [])]))
    index = options.index(value) if value else 0
    typed = st.selectbox(options=options, index=index, accept_new_options=True, format_func=text.visible, **arguments)
    return str(typed)
