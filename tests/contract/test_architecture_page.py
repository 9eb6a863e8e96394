"""What docs/architecture.md says of folders, files, names and states is so."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from services.models.jobs import Progress, Status

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PLACES = (ROOT, ROOT / "pages", ROOT / "pravah_core" / "engine", ROOT / "pravah_core" / "engine" / "src")
"""Where a path of the page may begin."""


def test_the_layers_of_the_services_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one.get("containers") == ["services"]]
    drawn = PAGE.partition("## Who may import whom")[2].partition("```")[2].partition("```")[0]
    lines = re.findall(r"^(?:services:| {9}) (\w+(?: \| \w+)*)", drawn, re.MULTILINE)
    assert lines == layers


def test_every_file_that_is_named_exists() -> None:
    named = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|pyi|rs)|(?:services|pages|tests|pravah_core)/[\w/]+)`", PAGE))
    assert len(named) > 10
    assert {path for path in named if not any((place / path).exists() for place in PLACES)} == set()


def _is_there(dotted: str) -> bool:
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_every_name_of_the_services_exists() -> None:
    named = set(re.findall(r"`(services(?:\.\w+)+)", PAGE))
    assert named
    assert {name for name in named if not _is_there(name)} == set()
    assert not _is_there("services.use_cases.jobs.JobService.made_up")


def test_the_states_of_a_job_and_the_fields_of_progress_are_those_of_the_models() -> None:
    (states,) = re.findall(r"^States: `([^`]+)`", PAGE, re.MULTILINE)
    assert set(re.findall(r"[A-Z]+", states)) == {status.value for status in Status}
    (fields,) = re.findall(r"^\*\*Progress\*\*[^`]*`([^`]+)`", PAGE, re.MULTILINE)
    assert [field.partition("|")[0] for field in fields.split(", ")] == list(Progress.model_fields)


@pytest.mark.parametrize("number", range(1, len(list((ROOT / "docs/decisions").glob("*.md"))) + 1))
def test_decisions_are_numbered_without_a_gap(number: int) -> None:
    assert len(list((ROOT / "docs" / "decisions").glob(f"{number:04}-*.md"))) == 1
