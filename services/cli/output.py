"""What a command prints: results on stdout, errors and progress on stderr; JSON if requested."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from services.base import errors

if TYPE_CHECKING:
    from rich.console import Console

_GAP = "  "
_WIDE_CELLS = 110


def prepare() -> None:
    """Let both streams show any character, escaped where the terminal's encoding has none; one that is closed, none."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - open until the process ends
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def plain(text: str) -> str:
    r"""Return one line of text that commands no terminal: control characters as ``\xNN``."""
    if text.isprintable():
        return text
    return "".join(
        "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
        if unicodedata.category(character) in {"Cc", "Cs", "Cf", "Zl", "Zp"}
        else character
        for character in text
    )


def line(text: str = "", *, error: bool = False) -> None:
    """Print a line as it is."""
    print(text, file=sys.stderr if error else sys.stdout)


def data(value: Any) -> None:
    """Print one JSON document, in UTF-8 whatever the locale says."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    raw(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.flush()


def raw(chunk: bytes) -> None:
    """Write bytes to stdout."""
    sys.stdout.flush()
    # With PYTHONUNBUFFERED the buffer is the file itself, which may take a part only.
    rest = memoryview(chunk)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]


def is_terminal(stream: IO[str]) -> bool:
    """Return whether a person looks at a stream, and can be shown something that moves."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_narrow() -> bool:
    """Return whether stdout is a terminal with little room in a line."""
    return is_terminal(sys.stdout) and console().width < _WIDE_CELLS


def console(*, error: bool = False) -> Console:
    """Return Rich's console of a stream; it knows NO_COLOR and whether there is a terminal."""
    from rich.console import Console

    return Console(stderr=error, highlight=False, markup=False, emoji=False, soft_wrap=True)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> None:
    """Print aligned columns; on a terminal the widest is shortened in its middle to fit, elsewhere nothing is.

    Args:
        right: columns that are aligned to the right.
    """
    from rich.cells import cell_len

    cells = [[plain(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(cell_len(row[place]) for row in cells) for place in range(len(headers))]
    if is_terminal(sys.stdout):
        room = console().width - len(_GAP) * (len(widths) - 1)
        widest = widths.index(max(widths))
        widths[widest] = max(min(widths[widest], room - sum(widths) + widths[widest]), 12)
    for number, row in enumerate(cells):
        shown = [_fit(row[place], width, right=place in right) for place, width in enumerate(widths)]
        styled(_GAP.join(shown).rstrip(), "bold" if number == 0 else "")


def columns_that_fit(rows: Sequence[Sequence[str]]) -> int:
    """Return how many of the first columns a terminal has room for; all of them elsewhere."""
    from rich.cells import cell_len

    count = len(rows[0])
    if not is_terminal(sys.stdout):
        return count
    room = console().width
    for place in range(count):
        room -= min(max(cell_len(plain(row[place])) for row in rows), 60) + len(_GAP)
        if room < -len(_GAP):
            return max(place, 1)
    return count


def _fit(cell: str, width: int, *, right: bool) -> str:
    from rich.cells import cell_len, set_cell_size

    if cell_len(cell) > width:
        keep = (width - 1) // 2
        tail = cell[-keep:]
        while cell_len(tail) > keep:
            tail = tail[1:]
        cell = set_cell_size(cell, width - 1 - cell_len(tail)) + "…" + tail
    padding = " " * (width - cell_len(cell))
    return padding + cell if right else cell + padding


def styled(text: str, style: str, *, error: bool = False) -> None:
    """Print a line, in a Rich style where a terminal shows it."""
    stream = sys.stderr if error else sys.stdout
    if style and is_terminal(stream):
        console(error=error).print(text, style=style)
    else:
        print(text, file=stream)


def problem(error: errors.PravahError, *, as_json: bool) -> None:
    """Say on stderr what went wrong and what to do."""
    if as_json:
        text = json.dumps(errors.as_problem(error), ensure_ascii=False, default=str)
        line(text.encode("utf-8", "backslashreplace").decode(), error=True)
        return
    styled(f"pravah: {plain(error.message)}", "bold red", error=True)
    if error.remedy:
        line(f"  {plain(error.remedy)}", error=True)
