"""The engine without Python: what its example program declares, runs and refuses; ``test_declarations`` compares."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pydantic
import pytest

from services import operations
from services.base import errors
from tests.conftest import TreeBuilder
from tests.native import ROOT, spec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # the first compiles the engine where that was not done


@pytest.fixture(scope="module")
def program() -> Path:
    """Return the example program, built as ``make rust-examples`` does."""
    command = ["cargo", "build", "--release", "--quiet", "--package", "pravah-engine", "--examples"]
    subprocess.run(command, cwd=ROOT, check=True)
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    answer = subprocess.run(metadata, cwd=ROOT, capture_output=True, text=True, check=True)
    return Path(json.loads(answer.stdout)["target_directory"]) / "release" / "examples" / "run_job"


def run(program: Path, document: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([program, *arguments], input=document, capture_output=True, check=False)


@pytest.fixture(scope="module")
def declared(program: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(program, b"", "--defaults").stdout)
    return document


def test_walk_rules_have_the_same_names_and_defaults(declared: dict[str, Any]) -> None:
    fields = operations.WalkOptions.model_fields
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
    assert declared["walk"] == pydantic.TypeAdapter(dict[str, Any]).dump_python(defaults, mode="json")


def test_issues_have_the_documented_columns(program: Path, declared: dict[str, Any], tmp_path: Path) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    row = next(line for line in page.splitlines() if "| `issues.parquet` |" in line)
    documented = row.split("|")[3].strip(" `").split(", ")
    assert [column["name"] for column in declared["issues"]] == documented
    (tmp_path / "source").mkdir()
    assert run(program, spec("inventory", tmp_path / "source", tmp_path / "out")).returncode == 0
    assert pq.read_schema(tmp_path / "out" / "issues.parquet").names == documented


def test_a_job_without_python_prints_the_outcome(program: Path, tree: TreeBuilder, tmp_path: Path) -> None:
    source = tree({"a": b"hello", b"not \xff text": b"x"})
    ended = run(program, spec("checksum", source, tmp_path / "out", algorithms=["md5", "crc32c"]))
    assert (ended.returncode, ended.stderr) == (0, b"")
    outcome = json.loads(ended.stdout)
    assert ended.stdout.rstrip(b"\n") == (tmp_path / "out" / "outcome.json").read_bytes()
    assert outcome["results"][0]["summary"]["files"] == 2
    assert set(outcome) >= {"version", "results", "walk", "source", "counts", "stages"}


def test_exit_statuses_are_those_of_the_error_table(program: Path, tree: TreeBuilder, tmp_path: Path) -> None:
    source = tree({"file": b"x"})
    cases = {
        "invalid_options": b"{}",
        "source_not_found": spec("inventory", source / "absent", tmp_path / "1"),
        "output_failed": spec("inventory", source, source / "file" / "out"),
    }
    for code, document in cases.items():
        ended = run(program, document)
        problem = json.loads(ended.stderr)
        assert (problem["code"], ended.stdout) == (code, b"")
        assert ended.returncode == type(errors.of_code(code, "")).exit_status


def test_every_exit_status_is_the_engines() -> None:
    source = (ROOT / "pravah_core" / "engine" / "tests" / "engine" / "spec.rs").read_text()
    for code in (
        "invalid_options",
        "source_not_found",
        "source_forbidden",
        "limit_exceeded",
        "output_failed",
        "cancelled",
    ):
        assert f'"{code}", {type(errors.of_code(code, "")).exit_status}),' in source, code
