"""checksum as a job: digests against other libraries, manifests against the tools they are for."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import blake3
import google_crc32c
import pytest
import xxhash

from services import bootstrap
from services.base import paths

ALGORITHMS = {
    "blake3": lambda data: blake3.blake3(data).hexdigest(),
    "sha256": lambda data: hashlib.sha256(data).hexdigest(),
    "sha1": lambda data: hashlib.sha1(data).hexdigest(),
    "md5": lambda data: hashlib.md5(data).hexdigest(),
    "xxh3_128": lambda data: xxhash.xxh3_128(data).hexdigest(),
    "crc32c": lambda data: f"{google_crc32c.value(data):08x}",
}


@pytest.fixture
def files(tree: Any) -> Path:
    """Return a tree with names that manifests must escape and sizes at the borders of blocks."""
    generator = random.Random(4)
    border = 512 << 10
    sizes = (0, 1, 4096, border - 1, border, border + 1, 3 * border + 17)
    content: dict[str | bytes, bytes | None] = {f"size-{size}": generator.randbytes(size) for size in sizes}
    content |= {"new\nline": b"a", "back\\slash": b"b", "carriage\rreturn": b"c", " space ": b"d", "*star": b"e"}
    root: Path = tree(content)
    os.symlink("size-1", root / "link")
    return root


def test_every_algorithm_equals_another_implementation(files: Path, run_job: Any, rows: Any) -> None:
    view = run_job("checksum", files, options={"algorithms": list(ALGORITHMS)})
    found = {row["path"]: row for row in rows(view)}
    regular = [name for name in os.listdir(files) if not (files / name).is_symlink()]
    assert found.keys() == {paths.escape_os(name) for name in regular}
    for name in regular:
        data = (files / name).read_bytes()
        row = found[paths.escape_os(name)]
        assert row["size_bytes"] == len(data)
        assert {name: row[name] for name in ALGORITHMS} == {name: digest(data) for name, digest in ALGORITHMS.items()}


@pytest.mark.parametrize(
    ("algorithm", "manifest", "command"),
    [
        ("sha256", "checksum/manifest.sha256", ["sha256sum", "--check", "--strict", "--quiet"]),
        ("sha1", "checksum/manifest.sha1", ["sha1sum", "--check", "--strict", "--quiet"]),
        ("md5", "checksum/manifest.md5", ["md5sum", "--check", "--strict", "--quiet"]),
        ("blake3", "checksum/manifest.b3", ["b3sum", "--check", "--quiet"]),
    ],
)
def test_manifest_is_accepted_by_the_tool(
    files: Path, tmp_path: Path, running: bootstrap.Services, run_job: Any, algorithm: str, manifest: str, command: list
) -> None:
    view = run_job("checksum", files, options={"algorithms": [algorithm]})
    target = tmp_path / "sums"
    target.write_bytes(b"".join(running.artifacts.open(view.id, manifest).chunks))
    assert target.read_bytes().count(b"\n") == 12
    checked = subprocess.run([*command, target], cwd=files, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (files / "size-1").write_bytes(b"?!")
    assert subprocess.run([*command, target], cwd=files, capture_output=True, check=False).returncode == 1


def test_name_that_b3sum_cannot_hold_is_an_issue_and_has_its_row(tree: Any, run_job: Any, rows: Any) -> None:
    root = tree({b"\xff.bin": b"1", "plain": b"2"})
    view = run_job("checksum", root)
    assert {row["path"] for row in rows(view)} == {"\\xff.bin", "plain"}
    assert [(row["path"], row["kind"]) for row in rows(view, "issues")] == [("\\xff.bin", "unsupported")]
    assert view.issues_count == 1
