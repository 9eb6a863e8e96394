"""inventory as a job: every table against a naive walk of a hostile tree."""

from __future__ import annotations

import os
import stat
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.base import paths


@pytest.fixture
def hostile(tree: Any) -> Path:
    """Return a tree with what trees hold in the worst case; no file needs rights that root ignores."""
    root: Path = tree(
        {
            "a.txt": b"hello",
            "A.TXT": b"upper",
            "empty.log": b"",
            "deep/er/est/file.tar.gz": b"x" * 5000,
            "empty folder/": None,
            b"not-utf8-\xff\xfe.bin": b"123",
            "new\nline.txt": b"12",
            "back\\slash": b"1",
            ".hidden/x": b"hidden",
            "no-extension": b"12345678",
        }
    )
    os.link(root / "a.txt", root / "deep" / "hard-link.txt")
    os.symlink("a.txt", root / "link")
    os.symlink("..", root / "deep" / "loop")
    os.symlink("nowhere", root / "dangling")
    os.mkfifo(root / "pipe")
    with (root / "sparse").open("wb") as file:
        file.truncate(10 << 20)
    old = (datetime.now(UTC) - timedelta(days=400)).timestamp()
    os.utime(root / "empty.log", (old, old))
    return root


def naive(root: Path) -> dict[str, os.stat_result]:
    found = {}
    raw_root = os.fsencode(root)
    for directory, folders, files in os.walk(raw_root):
        for name in folders + files:
            path = os.path.join(directory, name)
            found[paths.escape(os.path.relpath(path, raw_root))] = os.lstat(path)
    return found


def test_result_has_every_entry_with_what_lstat_says(hostile: Path, run_job: Any, rows: Any) -> None:
    expected = naive(hostile)
    found = {row["path"]: row for row in rows(run_job("inventory", hostile))}
    assert found.keys() == expected.keys()
    for path, status in expected.items():
        row = found[path]
        assert row["size_bytes"] == status.st_size
        assert row["allocated_bytes"] == status.st_blocks * 512
        assert (row["inode"], row["link_count"]) == (status.st_ino, status.st_nlink)
        assert row["mode"] == f"{stat.S_IMODE(status.st_mode):04o}"
        assert datetime.fromisoformat(row["modified"]).timestamp() == pytest.approx(status.st_mtime, abs=1e-3)
    kinds = Counter(row["kind"] for row in found.values())
    assert kinds["fifo"] == 1
    assert kinds["symlink"] == 3


def test_totals_count_a_hard_link_once_in_each_directory(hostile: Path, run_job: Any, rows: Any) -> None:
    view = run_job("inventory", hostile)
    directories = {row["path"]: row for row in rows(view, "directories")}
    inodes = {
        (status.st_dev, status.st_ino): status.st_size
        for status in naive(hostile).values()
        if not stat.S_ISDIR(status.st_mode)
    }
    assert directories["."]["size_bytes"] == sum(inodes.values())
    assert directories["deep"]["size_bytes"] == 5 + 5000 + len("..")
    assert view.outcome["results"][0]["summary"]["size_bytes"] == directories["."]["size_bytes"]


def test_summaries_agree_with_the_rows(hostile: Path, run_job: Any, rows: Any) -> None:
    view = run_job("inventory", hostile)
    all_rows = rows(view)
    files = [row for row in all_rows if row["kind"] == "file"]
    by_extension = {row["extension"]: row["files"] for row in rows(view, "by_extension")}
    assert by_extension == Counter(row["extension"] for row in files)
    assert by_extension["txt"] == 4
    others = [row for row in all_rows if row["kind"] != "directory"]
    for table in ("by_owner", "by_age"):
        assert sum(row["files"] for row in rows(view, table)) == len(others), table
    assert sum(row["files"] for row in rows(view, "size_histogram")) == len(files)
    ages = {row["age"]: row["files"] for row in rows(view, "by_age")}
    assert ages["< 2 years"] == 1
    largest = rows(view, "largest_files")
    assert [row["size_bytes"] for row in largest] == sorted((row["size_bytes"] for row in files), reverse=True)
    assert {row["path"] for row in rows(view, "empty")} == {"empty.log", "empty folder"}


def test_what_rules_leave_out_is_listed_as_not_covered(hostile: Path, run_job: Any, rows: Any) -> None:
    view = run_job("inventory", hostile, walk={"include_hidden": False, "ignore_globs": ["deep"]})
    uncovered = {row["path"]: row["reason"] for row in rows(view, "not_covered")}
    assert uncovered == {".hidden": "hidden", "deep": "ignored"}
    assert not any(row["path"].startswith(("deep", ".hidden")) for row in rows(view))
