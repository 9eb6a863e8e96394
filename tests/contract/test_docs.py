"""Generated pages equal the code; what README names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import generate
from services import operations

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_generated_page_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == generate.PAGES[name](), "run: make docs"


def test_every_operation_is_documented() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    for operation in operations.OPERATIONS:
        assert f"(`{operation.name}`)" in page
        assert operation.name in (ROOT / "README.md").read_text()


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
