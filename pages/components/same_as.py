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
from services.jobs.models import JobRequest


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
    operation = operations.get(request.operation)
    walk = request.walk.model_dump(mode="json", exclude_defaults=True)
    defaults = fields.defaults(operation.options)
    options = {name: value for name, value in request.options.items() if value != defaults.get(name)}
    words = ["pravah", "run", operation.name.replace("_", "-")]
    words.append(_quoted(request.source.s3_uri or request.source.os_path))
    for name, value in {**options, **walk}.items():
        words.extend(_option(name, value))
    if request.name:
        words.extend(_option("name", request.name))
    return " ".join(words)


def _option(name: str, value: Any) -> Iterator[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        yield f"--{flag}" if value else f"--no-{flag}"
        return
    for one in [_one_of_a_list(part) for part in value] if isinstance(value, list) else [value]:
        word = _quoted(str(one))
        # A value that begins with a dash would be taken for an option.
        yield f"--{flag}={word}" if str(one).startswith("-") else f"--{flag} {word}"


def _one_of_a_list(value: Any) -> str:
    r"""Return a value in which no comma, but those in ``{}``, separates two values: the command reads ``\,`` as one."""
    shown, depth = "", 0
    for piece in re.findall(r"\\.|[^\\]|\\$", str(value), re.DOTALL):
        depth += (piece == "{") - (piece == "}" and depth > 0)
        shown += r"\," if piece == "," and depth == 0 else piece
    return shown


def _quoted(word: str) -> str:
    """Return a word for the shell; bytes that no terminal can show are written as escapes."""
    if word.isprintable():
        return shlex.quote(word)
    shown = []
    for character in word:
        if character in "\\'":
            shown.append(f"\\{character}")
        elif character.isprintable():
            shown.append(character)
        else:
            shown.extend(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
    return f"$'{''.join(shown)}'"


def call_of(request: JobRequest, base: str) -> str:
    """Return a ``curl`` command that queues the same job."""
    body = json.dumps(_document(request), ensure_ascii=False)
    address = shlex.quote(f"{base}/api/jobs")
    header = "'Content-Type: application/json'"
    return f"curl -X POST {address} \\\n  -H {header} \\\n  -d {shlex.quote(body)}"


def _document(request: JobRequest) -> Mapping[str, Any]:
    document = request.model_dump(mode="json", exclude_defaults=True)
    document["operation"] = request.operation
    return document
