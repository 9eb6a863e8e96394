"""The wheel in an empty environment, far from the checkout: command line, server and a page in the browser."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from playwright.sync_api import Page, expect

from tests.conftest import fill
from tests.e2e.conftest import REPOSITORY, open_page
from tests.processes import Pravah


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it beside what it requires, and nothing else; return its command."""
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(["make", "wheel", f"DIST={directory}"], cwd=REPOSITORY, check=True, timeout=600)
    (wheel,) = directory.glob("*.whl")
    environment = directory / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", environment / "bin" / "python"]
    subprocess.run([*pip, "install", "--quiet", "--no-compile", "--no-deps", wheel], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (own,) = metadata.distributions(name="pravah", path=[str(packages)])
    for required in closure(own):
        link(required, packages)
    assert not (packages / "pytest").exists(), "only what is required"
    return environment / "bin" / "pravah"


def closure(wanted: metadata.Distribution) -> list[metadata.Distribution]:
    """Return what a distribution requires, directly or not, of those that are installed here with locked versions.

    What the lock file leaves out, as charts that no page draws, is not needed for the pages.
    """
    found: dict[str, metadata.Distribution] = {}
    waiting = [(wanted, frozenset[str]())]
    seen = set[tuple[str, frozenset[str]]]()
    while waiting:
        distribution, extras = waiting.pop()
        for text in distribution.requires or []:
            needed = Requirement(text)
            if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                continue
            key = canonicalize_name(needed.name), frozenset(needed.extras)
            if key not in seen:
                seen.add(key)
                with contextlib.suppress(metadata.PackageNotFoundError):
                    found[key[0]] = metadata.distribution(needed.name)
                if key[0] not in found:
                    assert distribution is not wanted, f"{needed.name} is not installed"
                    continue
                assert needed.specifier.contains(found[key[0]].version, prereleases=True), text
                waiting.append((found[key[0]], key[1]))
    return list(found.values())


def link(distribution: metadata.Distribution, packages: Path) -> None:
    """Put the files of an installed distribution into another environment, as links: to copy them takes a minute."""
    tops = {file.parts[0] for file in distribution.files or [] if file.parts[0] not in {"..", "__pycache__"}}
    for top in tops:
        source = Path(str(distribution.locate_file(top)))
        # A namespace that several share leads to all of it.
        if not (packages / top).exists():
            (packages / top).symlink_to(source)


@pytest.fixture
def pravah(installed: Path, tmp_path: Path) -> Iterator[Pravah]:
    """Yield the installed command, with variables that lead to nothing of the checkout."""
    environment = {"PRAVAH_DATA_DIR": str(tmp_path / "data"), "PRAVAH_ALLOWED_ROOTS": str(tmp_path / "source")}
    made = Pravah(environment | {"PYTHONPATH": ""}, tmp_path, [installed])
    yield made
    made.close()


@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.browser
def test_the_wheel_runs_a_job_and_serves_its_pages(pravah: Pravah, tmp_path: Path, page: Page) -> None:
    source = fill(tmp_path / "source", {"a.txt": b"hello", "b/c.txt": b"world"})
    server = pravah.serve()
    job = pravah.json("run", "checksum", str(source))
    assert job["outcome"]["results"][0]["summary"]["files"] == 2

    open_page(page, f"{server.url}/job?id={job['id']}")
    expect(page.get_by_role("tab", name="Overview")).to_be_visible()
    open_page(page, f"{server.url}/new_job?path={source}")
    # The theme is a file of the wheel.
    expect(page.get_by_role("button", name="Start", exact=True)).to_have_css("background-color", "rgb(15, 118, 110)")
    server.stop()
