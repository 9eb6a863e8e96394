"""The native module on random trees, against other libraries and the standard one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import blake3
import google_crc32c
import hypothesis
import xxhash
from hypothesis import strategies as st

import pravah_core
from services.base import paths
from tests.native import raw, rows, spec

DIGESTS: dict[str, Callable[[bytes], str]] = {
    "blake3": lambda content: blake3.blake3(content).hexdigest(),
    "sha256": lambda content: hashlib.sha256(content).hexdigest(),
    "sha1": lambda content: hashlib.sha1(content).hexdigest(),
    "md5": lambda content: hashlib.md5(content).hexdigest(),
    "xxh3_128": xxhash.xxh3_128_hexdigest,
    "crc32c": lambda content: f"{google_crc32c.value(content):08x}",
}


names = st.binary(min_size=1, max_size=20).filter(
    lambda name: not set(name) & set(b"/\0") and name not in (b".", b"..")
)
sizes = st.one_of(st.integers(0, 3000), st.sampled_from([(512 << 10) - 1, 512 << 10, (512 << 10) + 1, 1_700_000]))


@st.composite
def trees(draw: st.DrawFn) -> dict[bytes, bytes]:
    """Files by path, at most three levels deep, no name both a file and a folder."""
    files: dict[bytes, bytes] = {}
    for _ in range(draw(st.integers(0, 12))):
        path = b"/".join(draw(st.lists(names, min_size=1, max_size=3)))
        above = {path[:at] for at, byte in enumerate(path) if byte == ord("/")}
        if above & files.keys() or any(other.startswith(path + b"/") for other in files):
            continue
        seed = draw(st.integers(0, 255))
        files[path] = bytes([seed, seed ^ 0x5A, 7]) * (draw(sizes) // 3)
    return files


@contextlib.contextmanager
def placed(files: dict[bytes, bytes]) -> Iterator[tuple[Path, Path]]:
    """Yield a source with these files, and a place for a result."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source"
        source.mkdir()
        for relative, content in files.items():
            path = os.path.join(os.fsencode(source), relative)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        yield source, Path(name) / "out"


@hypothesis.given(files=trees(), chosen=st.sets(st.sampled_from(sorted(DIGESTS)), min_size=1))
def test_digests_equal_those_of_other_libraries(files: dict[bytes, bytes], chosen: set[str]) -> None:
    with placed(files) as (source, out):
        pravah_core.start(spec("checksum", source, out, algorithms=sorted(chosen))).result()
        found = {raw(row): {name: row[name] for name in chosen} for row in rows(out, "result")}
    assert found == {path: {name: DIGESTS[name](content) for name in chosen} for path, content in files.items()}


@hypothesis.given(files=trees())
def test_totals_equal_a_walk_of_the_standard_library(files: dict[bytes, bytes]) -> None:
    with placed(files) as (source, out):
        outcome = json.loads(pravah_core.start(spec("inventory", source, out)).result())
        told = {
            raw(row): (row["files"], row["directories"], row["size_bytes"], row["allocated_bytes"])
            for row in rows(out, "directories")
        }
        expected = {}
        top = os.fsencode(source)
        for above, _, _ in os.walk(top):
            counted = [0, 0, 0, os.lstat(above).st_blocks * 512]
            for below, folders, plain in os.walk(above):
                counted[0] += len(plain)
                counted[1] += len(folders)
                for name in plain:
                    counted[2] += os.lstat(os.path.join(below, name)).st_size
                for name in plain + folders:
                    counted[3] += os.lstat(os.path.join(below, name)).st_blocks * 512
            expected[os.path.relpath(above, top)] = tuple(counted)
        entries = {raw(row) for row in rows(out, "result")}
    assert told == expected
    assert outcome["results"][0]["summary"]["size_bytes"] == sum(map(len, files.values()))
    assert entries >= files.keys()


@hypothesis.given(found=st.lists(names, max_size=30, unique=True))
def test_the_engine_shows_names_as_the_services_do(found: list[bytes]) -> None:
    with placed(dict.fromkeys(found, b"")) as (source, out):
        pravah_core.start(spec("inventory", source, out)).result()
        shown = {raw(row): (row["path"], row["name"]) for row in rows(out, "result")}
    assert shown == {name: (paths.escape(name), paths.escape(name)) for name in found}
