"""Tests use no program that `make test` does not install."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.programs import ROOT, installed_by_make, is_allowed


def test_an_unlisted_program_is_refused() -> None:
    with pytest.raises(AssertionError, match="jq is not in the Makefile's TEST_PROGRAMS"):
        subprocess.run(["jq", "--version"], check=False)


def test_listed_programs_are_installed() -> None:
    assert [program for program in installed_by_make() if shutil.which(program) is None] == []


def test_rust_tests_name_listed_programs_only() -> None:
    sources = [*Path(ROOT / "pravah_core").glob("*/tests/**/*.rs")]
    named = {name for path in sources for name in re.findall(r'Command::new\("([^"]+)"\)', path.read_text())}
    assert "mount" in named, "the pattern finds what is there"
    assert {name for name in named if not is_allowed(name)} == set()


def test_every_variable_that_a_run_sets_is_read_by_a_test() -> None:
    """A name misspelt where it is read would silently give every run the default amount of work."""
    told = {name for file in ("Makefile", ".ci/run") for name in re.findall(r"PRAVAH_\w+", (ROOT / file).read_text())}
    sources = [*(ROOT / "tests").glob("**/*.py"), *(ROOT / "pravah_core").glob("**/tests/**/*.rs")]
    reads = re.compile(r'(?:environ\.get|env::var)\(\s*"(PRAVAH_\w+)"')
    assert "PRAVAH_FAULT_FACTOR" in told, "the pattern finds what is there"
    assert told - {name for path in sources for name in reads.findall(path.read_text())} == set()
