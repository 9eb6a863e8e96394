"""The native module where it may not read or write all: other users, limits, millions of issues."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from services import operations
from services.models import findings
from tests.conftest import TreeBuilder
from tests.native import python, rows, spec


def test_a_limit_of_file_sizes_is_an_output_error_without_half_a_shard(tree: TreeBuilder, tmp_path: Path) -> None:
    source = tree({f"{n:04}-{'n' * 200}": b"" for n in range(3000)})
    script = """
import pathlib, resource, sys, pravah_core
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    pravah_core.start(sys.argv[1].encode()).result()
except pravah_core.OutputError as error:
    print(error)
"""
    ended = python(script, spec("inventory", source, tmp_path / "out").decode())
    assert "File too large" in ended.stdout, ended
    files = [path for path in (tmp_path / "out").rglob("*.parquet") if not path.name.startswith(".")]
    for path in files:
        pq.read_table(path)
    assert not (tmp_path / "out" / "outcome.json").exists()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that any user may enter: pytest's own belong to one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)


# Imports first: another user may not read this installation.
AS_NOBODY = """
import json, os, sys, pravah_core
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    handle = pravah_core.start(sys.argv[1].encode())
    print(handle.result().decode())
except pravah_core.EngineError as error:
    print(json.dumps({"error": error.code}))
"""


def as_nobody(document: bytes) -> dict[str, Any]:
    ended = python(AS_NOBODY, document.decode())
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)  # type: ignore[no-any-return]


@pytest.fixture
def guarded(open_folder: Path) -> Path:
    """Return a tree of which some may not be read by others."""
    source = open_folder / "source"
    for name in ("open", "no-list", "no-enter", "closed"):
        (source / name).mkdir(parents=True)
        (source / name / "file").write_bytes(b"content")
    (source / "secret").write_bytes(b"secret")
    (source / "readable").write_bytes(b"readable")
    (source / "secret").chmod(0)
    (source / "no-list").chmod(stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    (source / "no-enter").chmod(0o444)
    (source / "closed").chmod(0)
    return source


def test_inventory_tells_what_another_user_could_not_read(guarded: Path, open_folder: Path) -> None:
    outcome = as_nobody(spec("inventory", guarded, open_folder / "out"))
    kinds = {(row["path"], row["kind"], row["stage"]) for row in rows(open_folder / "out", "issues")}
    unread = {"no-list", "no-enter/file", "closed"}
    assert kinds == {(path, "unreadable", "walk") for path in unread}
    uncovered = {(row["path"], row["reason"]) for row in rows(open_folder / "out", "not_covered")}
    assert uncovered == {(path, "unreadable") for path in unread}
    assert (outcome["counts"]["issues"], outcome["counts"]["not_covered"]) == (3, 3)
    listed = {row["path"] for row in rows(open_folder / "out", "result")}
    assert listed == {"open", "open/file", "no-list", "no-enter", "closed", "secret", "readable"}
    empty = {row["path"] for row in rows(open_folder / "out", "empty")}
    assert empty == set(), "what was not read is not empty"


def test_checksum_goes_on_past_what_it_may_not_read(guarded: Path, open_folder: Path) -> None:
    outcome = as_nobody(spec("checksum", guarded, open_folder / "out"))
    assert outcome["results"][0]["summary"]["files"] == 2
    assert {row["path"] for row in rows(open_folder / "out", "result")} == {"open/file", "readable"}
    issues = {(row["path"], row["stage"]) for row in rows(open_folder / "out", "issues")}
    assert issues == {("no-list", "walk"), ("no-enter/file", "walk"), ("closed", "walk"), ("secret", "read")}
    assert all("Permission denied" in row["message"] for row in rows(open_folder / "out", "issues"))


def test_verify_tells_unreadable_from_missing(guarded: Path, open_folder: Path) -> None:
    content = {"open/file": b"content", "secret": b"secret", "closed/file": b"content", "readable": b"readable"}
    content |= {"no-list/file": b"content", "no-enter/file": b"content", "gone": b"gone"}
    manifest = open_folder / "sums.sha256"
    manifest.write_text("".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in content.items()))
    outcome = as_nobody(spec("verify", guarded, open_folder / "out", manifest=str(manifest)))
    statuses = {row["path"]: row["status"] for row in rows(open_folder / "out", "result")}
    assert statuses == {
        "open/file": "ok",
        "readable": "ok",
        "secret": "unreadable",
        "closed/file": "unreadable",
        "no-enter/file": "unreadable",
        # It may be read by who knows its name; this walk could not list it.
        "no-list/file": "not_verified",
        "gone": "missing",
    }
    assert outcome["results"][0]["summary"]["verdict"] == "failed"
    assert sum(outcome["results"][0]["summary"]["statuses"].values()) == outcome["results"][0]["summary"]["listed"] == 7


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("inventory", {}),
        ("checksum", {}),
        ("duplicates", {}),
        ("search", {"patterns": ["e"]}),
        ("text_statistics", {}),
        ("profile", {}),
        ("validate", {}),
        ("convert", {"destination": "made"}),
        ("verify", {"manifest": "sums.sha256"}),
        ("compress", {"destination": "made"}),
        ("compress", {}),
        ("archive", {}),
        ("decompress", {}),
    ],
)
def test_a_job_that_could_not_read_everything_is_incomplete(
    operation: str, options: dict[str, Any], open_folder: Path
) -> None:
    assert operation in {one.name for one in operations.OPERATIONS}
    source = open_folder / "source"
    (source / "closed").mkdir(parents=True)
    (source / "a.csv").write_bytes(b"n,m\n1,2\n2,4\n")
    (source / "a.gz").write_bytes(gzip.compress(b"text"))
    digests = [f"{hashlib.sha256((source / name).read_bytes()).hexdigest()}  {name}\n" for name in ("a.csv", "a.gz")]
    (open_folder / "sums.sha256").write_text("".join(digests))
    made = open_folder / "made"
    made.mkdir()
    made.chmod(0o777)
    places = {key: str(open_folder / text) for key, text in options.items() if key in {"destination", "manifest"}}
    for attempt, (mode, verdict, incomplete) in enumerate([(0o755, "complete", 0), (0, "incomplete", 1)]):
        (source / "closed").chmod(mode)
        if "destination" in places:
            places["destination"] = str(made / str(attempt))
        outcome = as_nobody(spec(operation, source, open_folder / f"out{attempt}", **options | places))
        assert (outcome["verdict"], outcome["counts"]["incomplete"]) == (verdict, incomplete)
        assert bool(findings.verdicts(outcome)) == bool(incomplete), findings.verdicts(outcome)
        if incomplete:
            assert findings.verdict(outcome) in {"incomplete", "partial"}


def test_no_operation_is_left_out_above() -> None:
    marks = test_a_job_that_could_not_read_everything_is_incomplete.pytestmark  # type: ignore[attr-defined]
    assert {name for name, _ in marks[0].args[1]} == {one.name for one in operations.OPERATIONS}


def test_a_source_or_output_of_somebody_else_is_refused_before_the_start(guarded: Path, open_folder: Path) -> None:
    assert as_nobody(spec("inventory", guarded / "closed", open_folder / "1")) == {"error": "source_forbidden"}
    theirs = open_folder / "theirs"
    theirs.mkdir(mode=0o755)
    if os.getuid() == 0:
        assert as_nobody(spec("inventory", guarded, theirs / "out")) == {"error": "output_failed"}
        assert as_nobody(spec("inventory", guarded, theirs)) == {"error": "output_failed"}
    assert list(theirs.iterdir()) == []


def test_a_million_issues_take_no_memory_each(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    script = """
import json, resource, sys, pravah_core
outcome = json.loads(pravah_core.start(sys.argv[1].encode()).result())
print(json.dumps([outcome["counts"]["issues"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""
    peaks = []
    for count in (10_000, 1_000_000):
        manifest = tmp_path / f"{count}.sha256"
        with manifest.open("w") as file:
            file.write(f"{hashlib.sha256(b'').hexdigest()}  gone\n")
            file.writelines(f"this line {n} is none of a manifest, and has the length of one\n" for n in range(count))
        ended = python(script, spec("verify", source, tmp_path / f"out{count}", manifest=str(manifest)).decode())
        issues, peak = json.loads(ended.stdout)
        assert issues == count
        peaks.append(peak)
    assert peaks[1] < peaks[0] + (48 << 20), f"{peaks} bytes for 10,000 and 1,000,000 issues"
