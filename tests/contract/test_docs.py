"""Generated pages equal the code; what README names exists."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.core

from docs import generate
from services import operations
from services.cli import commands

SHOWN = [*(operation.name for operation in operations.OPERATIONS), "home", "new_job", "jobs", "schedules", "settings"]
"""What needs a screenshot: every operation and every entry of the navigation."""
_MOST_BYTES = 3_000_000

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_generated_page_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == generate.PAGES[name](), "run: make docs"


def test_every_operation_is_documented() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    for operation in operations.OPERATIONS:
        assert f"(`{operation.name}`)" in page
        assert operation.name in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", SHOWN)
def test_every_operation_and_page_has_a_screenshot_in_the_docs(name: str) -> None:
    picture = f"screenshots/{name}-light.png"
    assert (ROOT / "docs" / picture).is_file(), "run: make screenshots"
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert any(picture in page.read_text() for page in pages), "add it to docs/tour.md"


def test_every_entry_of_the_navigation_needs_a_screenshot() -> None:
    pages = re.findall(r'^    \("(\w+)", ', (ROOT / "app.py").read_text(), re.MULTILINE)
    assert {"home", "job"} < set(pages)
    assert set(pages) - {"job"} <= set(SHOWN), "the results of all operations are the pictures of the page job"


def test_screenshots_are_small_and_all_shown() -> None:
    taken = sorted((ROOT / "docs" / "screenshots").iterdir())
    tour = (ROOT / "docs" / "tour.md").read_text()
    assert [one.name for one in taken if f"screenshots/{one.name}" not in tour] == []
    assert sum(one.stat().st_size for one in taken) < _MOST_BYTES


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)", path.read_text())
    broken = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert broken == []


def test_make_targets_of_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text())
    missing = {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)}
    assert missing == set()


_COMMANDS = sorted(
    {
        (page.name, line.strip())
        for page in [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]
        for block in re.findall(r"^```(?:sh|bash|console|)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        for line in re.split(r"\n|; ", block.replace("\\\n", " "))
        if line.strip().startswith("pravah ")
    }
)


@pytest.mark.parametrize(("page", "line"), _COMMANDS)
def test_a_command_of_the_docs_is_understood(page: str, line: str) -> None:
    words = list(itertools.takewhile(lambda word: word not in {"|", ">", "&&"}, shlex.split(line, comments=True)))[1:]
    command: Any = commands.command
    while words and isinstance(command, typer.core.TyperGroup) and not words[0].startswith("-"):
        name = words.pop(0)
        command = command.get_command(None, name)
        assert command is not None, f"{page}: no command {name}"
    command.make_context("pravah", words)


def test_there_are_commands_in_the_docs() -> None:
    assert len(_COMMANDS) > 20
