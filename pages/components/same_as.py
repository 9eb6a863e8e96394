"""The job one sees, as a command and as an API call to copy."""

from __future__ import annotations

import json
import re
import shlex
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from pages.components import fields
from services import operations
from services.base import paths
from services.models.jobs import JobRequest


def show(request: JobRequest) -> None:
    """Show both forms, each with a button to copy it."""
    command, call = st.tabs(["As a command", "As an API call"])
    command.code(command_of(request), language="bash", wrap_lines=True)
    call.code(call_of(request, origin()), language="bash", wrap_lines=True)


def origin() -> str:
    """Return scheme and host of this dashboard as the browser sees them."""
    parts = urllib.parse.urlsplit(st.context.url or "http://127.0.0.1:8501")
    return f"{parts.scheme}://{parts.netloc}"


def command_of(request: JobRequest) -> str:
    """Return the ``pravah run`` command of a request, quoted for a POSIX shell with ``$'…'`` (bash, zsh, ksh)."""
    words = ["pravah", "run", ",".join(name.replace("_", "-") for name in request.names)]
    words.append(paths.shell_quoted(request.source.s3_uri or request.source.os_path))
    chosen = [operations.get(name) for name in request.names]
    names = operations.option_names(chosen)
    for operation, asked in zip(chosen, request.operations, strict=True):
        defaults, schemas = fields.defaults(operation.options), operation.options.model_json_schema()["properties"]
        for name, value in asked.options.items():
            if value != defaults.get(name):
                verbatim = schemas[name].get("widget") == "verbatim"
                words.extend(_option(names[operation.name, name], value, verbatim=verbatim))
    for name, value in request.walk.model_dump(mode="json", exclude_defaults=True).items():
        words.extend(_option(name, value))
    if request.name:
        words.extend(_option("name", request.name))
    if request.baseline:
        words.extend(_option("baseline", request.baseline))
    return " ".join(words)


def _option(name: str, value: Any, *, verbatim: bool = False) -> Iterator[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        yield f"--{flag}" if value else f"--no-{flag}"
        return
    values = value if isinstance(value, list) else [value]
    for one in [_one_of_a_list(part) for part in values] if isinstance(value, list) and not verbatim else values:
        word = paths.shell_quoted(str(one))
        # A value that begins with a dash would be taken for an option.
        yield f"--{flag}={word}" if str(one).startswith("-") else f"--{flag} {word}"


def _one_of_a_list(value: Any) -> str:
    r"""Return a value in which no comma, but those in ``{}``, separates two values: the command reads ``\,`` as one."""
    shown, depth = "", 0
    for piece in re.findall(r"\\.|[^\\]|\\$", str(value), re.DOTALL):
        depth += (piece == "{") - (piece == "}" and depth > 0)
        shown += r"\," if piece == "," and depth == 0 else piece
    return shown


def call_of(request: JobRequest, base: str) -> str:
    """Return a ``curl`` command that queues the same job."""
    body = json.dumps(_document(request), ensure_ascii=False)
    address = shlex.quote(f"{base}/api/jobs")
    headers = "-H 'Content-Type: application/json' -H \"Authorization: Bearer $PRAVAH_TOKEN\""
    return f"curl -X POST {address} \\\n  {headers} \\\n  -d {shlex.quote(body)}"


def _document(request: JobRequest) -> Mapping[str, Any]:
    document = request.model_dump(mode="json", exclude_defaults=True)
    document["operations"] = [one.model_dump(mode="json", exclude_defaults=True) for one in request.operations]
    return document
