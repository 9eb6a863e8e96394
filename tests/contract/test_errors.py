"""The error table: every class once, with a status, an exit and a remedy, the same as in docs and engine."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest

from services.base import errors

ROOT = Path(__file__).parents[2]
ENGINE_ERRORS = ROOT / "pravah_core" / "engine" / "foundation" / "src" / "base" / "error.rs"
CLASSES = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.PravahError) and value is not errors.PravahError
]


def test_every_class_is_in_the_table_once() -> None:
    assert sorted(row.cls.__name__ for row in errors.ERRORS) == sorted(cls.__name__ for cls in CLASSES)
    assert len({row.code for row in errors.ERRORS}) == len(errors.ERRORS)


@pytest.mark.parametrize("row", errors.ERRORS, ids=lambda row: row.code)
def test_a_row_tells_what_happened_and_what_to_do(row: errors.ErrorRow) -> None:
    assert re.fullmatch(r"[a-z_]+", row.code)
    assert 400 <= row.http_status < 600
    assert row.exit_status in {2, 3, 4, 5, 70, 130}
    assert row.remedy.endswith(".")
    assert row.remedy != errors.PravahError.remedy or row.code == "internal"
    assert row.title[0].isupper()
    assert inspect.getdoc(row.cls)


@pytest.mark.parametrize("row", errors.ERRORS, ids=lambda row: row.code)
def test_an_error_carries_message_remedy_and_details(row: errors.ErrorRow) -> None:
    error = row.cls("what happened", remedy="do this", field="x")
    assert str(error) == error.message == "what happened"
    assert (error.code, error.remedy, error.details) == (row.code, "do this", {"field": "x"})
    assert row.cls("what").remedy == row.remedy
    assert type(errors.of_code(row.code, "what")) is row.cls
    problem = errors.as_problem(error, "/api/jobs")
    assert problem["status"] == row.http_status
    assert problem["code"] == row.code
    assert problem["type"] == f"urn:pravah:error:{row.code}"
    assert (problem["detail"], problem["remedy"], problem["instance"]) == ("what happened", "do this", "/api/jobs")
    assert problem["details"] == {"field": "x"}
    assert pickle.loads(pickle.dumps(row.cls("what"))).message == "what"


def test_an_unknown_code_is_an_internal_error() -> None:
    assert type(errors.of_code("made_up", "what")) is errors.InternalError


def test_the_table_in_the_docs_says_the_same() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text().partition("## Error table")[2]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| `(\w+)`(?: \((\w+)\))? \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    documented = {code: (name, base or None, int(http), int(status)) for code, _, name, base, http, status in rows}
    assert set(documented) == {row.code for row in errors.ERRORS}
    for row in errors.ERRORS:
        name, base, http_status, exit_status = documented[row.code]
        assert (name, http_status, exit_status) == (row.cls.__name__, row.http_status, row.exit_status)
        if base is not None:
            assert base in {parent.__name__ for parent in row.cls.__mro__}


def test_every_code_of_the_engine_is_in_the_table() -> None:
    codes = set(re.findall(r'=> "([a-z]+_?[a-z]*)"', ENGINE_ERRORS.read_text()))
    assert {"invalid_options", "cancelled", "internal", "output_failed"} <= codes
    assert codes <= {row.code for row in errors.ERRORS}


def test_every_class_is_raised_somewhere_and_tested_somewhere() -> None:
    code = "".join(path.read_text() for path in (ROOT / "services").rglob("*.py") if path.name != "errors.py")
    engine = ENGINE_ERRORS.read_text()
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__))
    for row in errors.ERRORS:
        assert f"errors.{row.cls.__name__}" in code or f'"{row.code}"' in engine, row.code
        assert row.cls.__name__ in tests or row.code in tests, row.code
