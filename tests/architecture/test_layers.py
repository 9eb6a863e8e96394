"""Folders do not import each other in circles: asked of the import graph, not of a list of contracts."""

from __future__ import annotations

import re
import statistics
import subprocess
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "pages")


def circles(imports: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the groups of nodes that reach each other."""
    after: dict[str, set[str]] = {}
    for importer, imported in imports:
        after.setdefault(importer, set()).add(imported)
    reached = {node: _reachable(node, after) for node in after}
    groups = {frozenset(one for one in reached[node] if node in reached.get(one, ())) for node in after}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _reachable(start: str, after: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    left = [start]
    while left:
        for node in after.get(left.pop(), set()) - seen:
            seen.add(node)
            left.append(node)
    return seen


def folder(module: str) -> str:
    is_folder = (ROOT / module.replace(".", "/")).is_dir()
    return module if is_folder else module.rpartition(".")[0]


@pytest.fixture(scope="module")
def imports() -> set[tuple[str, str]]:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return {(one, two) for one in graph.modules for two in graph.find_modules_directly_imported_by(one)}


def test_the_graph_is_whole(imports: set[tuple[str, str]]) -> None:
    # A folder without __init__.py is not in the graph, and nothing in it would be checked.
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [Path(name) for name in listed.split() if name.endswith(".py") and (ROOT / name).exists()]
    assert {str(path.parent) for path in files if not (ROOT / path.parent / "__init__.py").exists()} == set()
    assert len(imports) > 1_000


def test_no_folder_imports_another_in_a_circle(imports: set[tuple[str, str]]) -> None:
    pairs = {(folder(one), folder(two)) for one, two in imports}
    assert circles((one, two) for one, two in pairs if one != two) == []


def test_no_module_imports_another_in_a_circle(imports: set[tuple[str, str]]) -> None:
    assert circles(imports) == []


def test_a_circle_is_found() -> None:
    assert circles([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]) == [["a", "b", "c"]]
    assert circles([("a", "b"), ("b", "c"), ("a", "c")]) == []


def test_the_median_file_is_at_most_200_lines() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert statistics.median(path.read_text().count("\n") for path in files) <= 200


def test_statements_are_in_the_folder_of_the_database_and_nowhere_else() -> None:
    # A use case has the session in its hand: what it does with it is to hand it on.
    runs = re.compile(r"\bsession\.(execute|execute_many|rows|row|scalars|scalar|all|first)\(")
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    found = {path.relative_to(ROOT) for path in files if runs.search(path.read_text())}
    assert {path.parts[:2] for path in found} == {("services", "db")}
