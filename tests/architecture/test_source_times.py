"""A new clone builds from a warm cache, and two clones with one cache never get each other's engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "source_times.py"
OLD = 1_000_000_000


def clone(directory: Path, **sources: str) -> Path:
    """Make a clone with these sources, all written long ago."""
    (directory / ".ci").mkdir(parents=True)
    shutil.copy(SCRIPT, directory / ".ci")
    (directory / "pravah_core").mkdir()
    for name, content in sources.items():
        path = directory / "pravah_core" / f"{name}.rs"
        path.write_text(content)
        os.utime(path, (OLD, OLD))
    return directory


def times(directory: Path, target: Path) -> dict[str, int]:
    """Run the script in a clone; return the time of each source, in nanoseconds."""
    subprocess.run([sys.executable, directory / ".ci" / SCRIPT.name, target], check=True)
    return {path.stem: path.stat().st_mtime_ns for path in (directory / "pravah_core").iterdir()}


def test_a_source_has_the_time_at_which_its_content_was_first_built(tmp_path: Path) -> None:
    target = tmp_path / "target"
    first, second = clone(tmp_path / "1", same="x", other="y"), clone(tmp_path / "2", same="x", other="z")
    built = times(first, target)
    assert min(built.values()) > OLD * 10**9
    assert times(first, target) == built

    # The second clone's file is as old as can be, and its content is not what was built.
    again = times(second, target)
    assert again["same"] == built["same"]
    assert again["other"] > built["other"]
    # And the first one's is not what was built last.
    assert times(first, target)["other"] > again["other"]


def test_what_was_kept_and_cannot_be_read_makes_all_new(tmp_path: Path) -> None:
    target = tmp_path / "target"
    only = clone(tmp_path / "1", same="x")
    built = times(only, target)
    (target / "source-times.json").write_text('{"pravah_core/same.rs": ["')
    assert times(only, target)["same"] > built["same"]
