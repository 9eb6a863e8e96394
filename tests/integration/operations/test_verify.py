"""verify as a job: each path one status, counts that add up, a three-valued verdict."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest


def sums(**files: bytes) -> bytes:
    return b"".join(hashlib.sha256(data).hexdigest().encode() + f"  {name}\n".encode() for name, data in files.items())


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return where a test writes its manifest: outside of the tree it describes."""
    return tmp_path / "listed.sha256"


def statuses(rows: Any, view: Any) -> dict[str, str]:
    return {row["path"]: row["status"] for row in rows(view)}


def test_every_status_once_and_the_counts_add_up(tree: Any, manifest: Path, run_job: Any, rows: Any) -> None:
    root = tree({"same": b"1", "edited": b"now", "elsewhere": b"moved", "extra": b"new"})
    os.mkdir(root / "folder")
    manifest.write_bytes(sums(same=b"1", edited=b"then", before=b"moved", gone=b"gone", folder=b"?"))
    view = run_job("verify", root, options={"manifest": str(manifest)})
    assert statuses(rows, view) == {
        "same": "ok",
        "edited": "changed",
        "elsewhere": "moved",
        "extra": "new",
        "gone": "missing",
        "folder": "not_verified",
    }
    summary = view.outcome["results"][0]["summary"]
    assert summary["verdict"] == "failed"
    counted = Counter(statuses(rows, view).values())
    assert {status: files for status, files in summary["statuses"].items() if files} == counted
    by_status = rows(view, "by_status")
    assert [row["status"] for row in by_status] == [
        "ok", "changed", "moved", "new", "missing", "unreadable", "not_verified",
    ]  # fmt: skip
    assert [row["size_bytes"] for row in by_status if row["status"] in ("missing", "unreadable")] == [None, 0]
    assert sum(row["files"] for row in by_status) == 5 + 1, "listed paths and new files; a moved one is listed"


@pytest.mark.parametrize(
    ("files", "listed", "verdict"),
    [
        ({"a": b"1"}, {"a": b"1"}, "verified"),
        ({"a": b"1", "new": b"2"}, {"a": b"1"}, "verified"),
        ({"a": b"2"}, {"a": b"1"}, "failed"),
        ({}, {"a": b"1"}, "failed"),
        ({"a/": None}, {"a": b"1"}, "incomplete"),
        ({"a/": None, "b": b"2"}, {"a": b"1", "b": b"1"}, "failed"),
    ],
)
def test_verdict(tree: Any, manifest: Path, run_job: Any, files: dict, listed: dict, verdict: str) -> None:
    manifest.write_bytes(sums(**listed))
    view = run_job("verify", tree(files), options={"manifest": str(manifest)})
    assert view.outcome["results"][0]["summary"]["verdict"] == verdict


def test_deleting_one_of_two_equal_files_is_missing(tree: Any, manifest: Path, run_job: Any, rows: Any) -> None:
    # hashdeep#64: an equal file at its own listed place must not explain the missing one.
    root = tree({"kept": b"twin"})
    manifest.write_bytes(sums(kept=b"twin", deleted=b"twin"))
    view = run_job("verify", root, options={"manifest": str(manifest)})
    assert statuses(rows, view) == {"kept": "ok", "deleted": "missing"}
    assert view.outcome["results"][0]["summary"]["verdict"] == "failed"


def test_result_of_an_earlier_job_is_a_manifest(tree: Any, run_job: Any, rows: Any) -> None:
    root = tree({"a": b"1", b"\xff": b"2", "new\nline": b"3"})
    proof = run_job("checksum", root, options={"algorithms": ["xxh3_128", "md5"]})
    again = run_job("verify", root, options={"manifest": f"job:{proof.id}"})
    assert set(statuses(rows, again).values()) == {"ok"}
    assert again.outcome["results"][0]["summary"]["statuses"]["ok"] == 3
    (root / "a").write_bytes(b"x")
    changed = run_job("verify", root, options={"manifest": f"job:{proof.id}"})
    assert statuses(rows, changed)["a"] == "changed"
