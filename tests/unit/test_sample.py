"""The sample directory: the same on every machine, made once, whole."""

from __future__ import annotations

import os
from pathlib import Path

from services.base import sample


def contents(directory: Path) -> dict[str, bytes]:
    """Return path → content of the files."""
    files = [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_the_sample_is_the_same_every_time(tmp_path: Path) -> None:
    sample.make(tmp_path / "one")
    sample.make(tmp_path / "two")
    first = contents(tmp_path / "one")
    assert first == contents(tmp_path / "two")
    assert 100 < len(first) < 200
    assert 2e6 < sum(map(len, first.values())) < 6e6


def test_the_sample_shows_what_operations_find(tmp_path: Path) -> None:
    sample.make(tmp_path)
    assert (tmp_path / "docs" / "empty.txt").stat().st_size == 0
    assert list((tmp_path / "docs" / "empty folder").iterdir()) == []
    assert (tmp_path / "docs" / "README.md").stat().st_nlink == 2
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "photos/IMG_0003.JPG").read_bytes() == (tmp_path / "photos/backup/IMG_0003.JPG").read_bytes()
    ages = {path.stat().st_mtime // 86_400 for path in (tmp_path / "logs").iterdir()}
    assert len(ages) > 20


def test_a_sample_that_was_cut_short_is_made_again_and_a_whole_one_left_alone(tmp_path: Path) -> None:
    sample.make(tmp_path)
    whole = contents(tmp_path)
    (tmp_path / "logs" / "web-00.log").unlink()
    sample.make(tmp_path)
    assert contents(tmp_path) != whole  # somebody deleted it: that is theirs to do
    os.unlink(tmp_path / ".complete")
    sample.make(tmp_path)
    assert contents(tmp_path) == whole
