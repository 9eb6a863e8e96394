"""Texts that users read use the words of docs/glossary.md: no private words, one name for each thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")] if path.name != "glossary.md")
CODE = sorted(path for folder in ("pages", "services") for path in (ROOT / folder).rglob("*.py"))
BANNED = {
    r"(?<!there )\b(is|are|was) no (?!longer|more\b)": "is not a …",
    r"\b(goes|go|went|going) on\b": "continues, resumes",
    r"\banew\b": "again",
    r"\btold\b": "shown, reported, detected by",
    r"\bby hand\b|\bhands on\b": "manually, passes",
    r"\bfaces\b": "dashboard, API and command line",
    r"\bstands? (in|at|for)\b": "is in, means",
    r"\bwritten over\b": "overwritten",
    r"\brunners?\b": "worker",
    r"\bkept jobs?\b|\bkeep a job\b": "pinned job",
    r"\brun again\b(?! with)": "re-run",
    r"\bheader lines?\b": "header row",
    r"\bline ends?\b": "line ending",
    r"\bfiles of records\b": "table files",
    r"\b(shall|whoever|nobody|somebody)\b": "must, anyone who, no one",
    r"\blog-in\b": "login",
    r"\bas asked\b|\basked for\b": "requested, selected",
    r"\btrust nothing\b": "read all files again",
}
"""Words that have a plain alternative. Add one only if it is never right in a text for users."""

NAMES = {"runner", "kept", "asked for"}
"""Values of fields in the API and of columns, which are not sentences."""


def _strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that users may see: all but docstrings, and the help texts of commands and routes."""
    tree = ast.parse(path.read_text())
    hidden: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            shown = isinstance(node, ast.FunctionDef) and node.decorator_list and path.parent.name in {"cli", "routes"}
            for statement in [] if shown else node.body:
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    hidden.add(id(statement.value))
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden
        if is_text and " " in node.value.strip() and not re.search(r"\b(SELECT|FROM|WHERE)\b", node.value):
            yield node.lineno, node.value


def _found(text: str) -> Iterator[str]:
    plain = re.sub(r"`[^`]*`|```.*?```", "``", text, flags=re.DOTALL)
    for pattern, better in BANNED.items():
        for match in re.finditer(pattern, plain, re.IGNORECASE):
            if match[0].lower() not in NAMES or len(plain) > len(match[0]):
                yield f"{match[0]!r} (write: {better})"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_in_code_use_plain_words(path: Path) -> None:
    found = [f"{path.name}:{line}: {one} in {text!r}" for line, text in _strings(path) for one in _found(text)]
    assert found == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_docs_use_plain_words(path: Path) -> None:
    lines = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL).splitlines()
    assert [f"{one} in: {line}" for line in lines for one in _found(line)] == []


def test_a_private_word_is_found() -> None:
    assert list(_found("'x' is no number")) == ["'is no ' (write: is not a …)"]
    assert list(_found("The runner goes on")) != []
    assert list(_found("There is no file, and `runner` is a name. It is no longer here.")) == []
