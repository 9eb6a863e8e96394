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
