"""The job one is about to start, kept in the URL: a reload, a second tab and a link show the same form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pydantic
import streamlit as st

from services import operations
from services.models.jobs import JobRequest, Source

# Marks a path whose bytes are not UTF-8: a URL holds text only. A real path starts with a slash.
_HEX = "hex:"


def encode_source(source: Source) -> dict[str, str]:
    """Return the query parameters of a source."""
    if source.s3_uri is not None:
        return {"s3": source.s3_uri}
    return {"path": encode_path(source.os_path)}


def encode_path(path: str) -> str:
    """Return a path of the ``os`` module as text for a URL or a widget's key."""
    source = Source.of_path(path)
    return _HEX + source.path_bytes if source.path_bytes else path


def decode_path(text: str) -> str:
    """Return the path of `encode_path`; what is not hexadecimal after the mark is taken as it is."""
    if text.startswith(_HEX):
        try:
            return Source(path="/", path_bytes=text.removeprefix(_HEX)).os_path
        except pydantic.ValidationError:
            return text
    return text


def encode(request: JobRequest) -> dict[str, str]:
    """Return the query parameters that make page "New job" show a request."""
    changed = request.walk.model_dump(mode="json", exclude_defaults=True)
    options = {one.operation: one.options for one in request.operations if one.options}
    return {
        "operations": ",".join(request.names),
        **encode_source(request.source),
        **_form({"options": options, "walk": changed, "name": request.name}),
    }


def _form(parts: Mapping[str, Any]) -> dict[str, str]:
    kept = {name: value for name, value in parts.items() if value}
    return {"form": json.dumps(kept, separators=(",", ":"), ensure_ascii=False)} if kept else {}


def form_of_url() -> dict[str, dict[str, Any]]:
    """Return what the URL says of the form: ``options`` by operation and ``walk``; what cannot be read is left out."""
    try:
        parts = json.loads(st.query_params.get("form", "{}"))
    except ValueError:
        parts = {}
    parts = parts if isinstance(parts, dict) else {}
    found = {name: parts.get(name) for name in ("options", "walk")}
    return {name: value if isinstance(value, dict) else {} for name, value in found.items()}


def name_of_url() -> str:
    """Return the job's name in the URL."""
    try:
        name = json.loads(st.query_params.get("form", "{}")).get("name")
    except (ValueError, AttributeError):
        return ""
    return name if isinstance(name, str) else ""


def write_form(options: Mapping[str, Any], walk: Mapping[str, Any], name: str) -> None:
    """Put the form's changed values into the URL."""
    wanted = _form({"options": dict(options), "walk": dict(walk), "name": name}).get("form")
    if wanted is None:
        st.query_params.pop("form", None)
    elif st.query_params.get("form") != wanted:
        st.query_params["form"] = wanted


def operations_of_url() -> tuple[operations.Operation, ...]:
    """Return the chosen operations in the order of the declarations; the first one without a choice."""
    names = st.query_params.get("operations", "").split(",")
    return tuple(one for one in operations.OPERATIONS if one.name in names) or operations.OPERATIONS[:1]
