"""What Pravah archives other tools unpack, and what they archive Pravah unpacks: GNU tar, bsdtar, Python, unzip."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pravah_core
from tests.native import rows, spec

HOLE_BYTES = 3 << 20
# A tool keeps less than a nanosecond, Python's a float.
TOLERANCE_SECONDS = 0.001

_NAMES = st.one_of(
    st.sampled_from(["a", "b c", "-x", "ü", "l" * 120, "名前", "tab\tand\nline", "'\"", "$HOME", "*", "a\\b", " "]),
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40).filter(
        lambda name: name not in {".", ".."} and len(name.encode()) <= 200
    ),
)
_TIMES = st.one_of(
    st.integers(315_619_200, 4_000_000_000).map(lambda seconds: seconds * 1_000_000_000),
    st.integers(-2_000_000_000_000_000_000, 8_000_000_000_000_000_000),
)
_MODES = st.sampled_from([0o644, 0o600, 0o755, 0o444, 0o666, 0o700])
_CONTENTS = st.one_of(st.binary(max_size=700), st.integers(1, 3).map(lambda times: b"x" * 10_240 * times), st.none())
_FILES = st.tuples(
    st.lists(_NAMES, min_size=1, max_size=3),
    st.sampled_from(["file", "file", "file", "directory", "symlink", "hard link"]),
    _CONTENTS,
    _MODES,
    _TIMES,
)
TREES = st.lists(_FILES, max_size=7)

Seen = dict[bytes, tuple[str, int, float, bytes]]


def make(root: Path, entries: list[tuple[list[str], str, bytes | None, int, int]], times: bool = True) -> None:
    """Make a tree; what has no place in it is left out."""
    root.mkdir()
    last: Path | None = None
    for parts, kind, content, mode, time_ns in entries:
        path = root.joinpath(*parts)
        if any(parent.is_symlink() or parent.is_file() for parent in path.parents) or os.path.lexists(path):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "directory":
            path.mkdir()
        elif kind == "symlink":
            path.symlink_to(parts[-1] + " target")
        elif kind == "hard link" and last is not None:
            path.hardlink_to(last)
        else:
            with path.open("wb") as file:
                if content is None:
                    file.seek(HOLE_BYTES)
                file.write(b"behind a hole" if content is None else content)
                if content is None:
                    file.truncate(2 * HOLE_BYTES)
            path.chmod(mode)
            if times:
                os.utime(path, ns=(time_ns, time_ns))
            last = path


def seen(root: Path) -> Seen:
    """Return the kind, mode, time, and content or target of all that is below a directory."""
    found: Seen = {}
    for path in root.rglob("*"):
        meta, name = path.lstat(), os.fsencode(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("symlink", 0, 0, os.fsencode(path.readlink()))
        elif path.is_dir():
            found[name] = ("directory", 0, 0, b"")
        else:
            found[name] = ("file", stat.S_IMODE(meta.st_mode), meta.st_mtime, path.read_bytes())
    return found


def assert_same(found: Seen, expected: Seen, *, modes: bool = True, tolerance: float = TOLERANCE_SECONDS) -> None:
    assert set(found) == set(expected)
    for name, (kind, mode, time, content) in expected.items():
        assert (found[name][0], found[name][3]) == (kind, content), name
        assert not modes or found[name][1] == mode, name
        assert abs(found[name][2] - time) <= tolerance, (name, found[name][2], time)


def run(operation: str, source: Path, out: Path, **options: Any) -> list[str]:
    """Run a job; return its issues."""
    handle = pravah_core.start(spec(operation, source, out, None, **options))
    assert handle.wait(60)
    outcome = json.loads(handle.result())
    assert outcome["results"][0]["summary"].get("verdict", "whole") == "whole"
    return [f"{row['path']}: {row['message']}" for row in rows(out, "issues")]


@contextlib.contextmanager
def empty_folder() -> Iterator[Path]:
    """Give a folder in memory where that can be: each example has one."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _python_unpacks(archive: Path, out: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(out, filter="fully_trusted")


UNPACK: dict[str, Callable[[Path, Path], object]] = {
    "GNU tar": lambda archive, out: subprocess.run(["tar", "-xpf", archive, "-C", out], check=True),
    "Python": _python_unpacks,
}


@pytest.mark.parametrize("tool", UNPACK)
@given(entries=TREES)
def test_a_tar_comes_out_of_other_tools_as_it_went_in(tool: str, entries: Any) -> None:
    with empty_folder() as folder:
        make(folder / "source", entries)
        assert run("archive", folder / "source", folder / "job", form="tar") == []
        (folder / "out").mkdir()
        UNPACK[tool](folder / "job/archive/archive.tar", folder / "out")
        # Python rounds.
        tolerance = TOLERANCE_SECONDS if tool == "GNU tar" else 1
        assert_same(seen(folder / "out"), seen(folder / "source"), tolerance=tolerance)


@pytest.mark.parametrize("tool", [*UNPACK, "bsdtar"])
def test_links_to_long_names_come_out_of_other_tools(tool: str, tmp_path: Path) -> None:
    long = "d" * 60 + "/" + "n" * 90
    source, out = tmp_path / "source", tmp_path / "out"
    (source / long).parent.mkdir(parents=True)
    (source / long).write_bytes(b"x")
    (source / "z-soft").symlink_to(long)
    (source / "z-hard").hardlink_to(source / long)
    assert run("archive", source, tmp_path / "job", form="tar") == []
    out.mkdir()
    archive = tmp_path / "job/archive/archive.tar"
    if tool == "bsdtar":
        subprocess.run(["bsdtar", "-xpf", archive, "-C", out], check=True)
    else:
        UNPACK[tool](archive, out)
    assert (out / "z-soft").readlink() == Path(long)
    assert (out / "z-soft").read_bytes() == b"x"
    assert (out / "z-hard").samefile(out / long)


def _python_packs(source: Path, archive: Path, form: int) -> None:
    with tarfile.open(archive, "w", format=form) as tar:
        for path in sorted(source.iterdir()):
            tar.add(path, path.name)


def _packer(*command: str) -> Callable[[Path, Path], object]:
    return lambda source, archive: subprocess.run([*command, "-cf", archive, "-C", source, "."], check=True)


PACK: dict[str, Callable[[Path, Path], object]] = {
    "GNU tar": _packer("tar", "--format=gnu", "--sparse"),
    "GNU tar, posix": _packer("tar", "--format=posix", "--sparse"),
    "bsdtar": _packer("bsdtar", "--format=pax"),
    "Python": lambda source, archive: _python_packs(source, archive, tarfile.PAX_FORMAT),
    "Python, GNU": lambda source, archive: _python_packs(source, archive, tarfile.GNU_FORMAT),
}


@pytest.mark.parametrize("tool", PACK)
@given(entries=TREES)
def test_tars_of_other_tools_come_out_as_they_went_in(tool: str, entries: Any) -> None:
    with empty_folder() as folder:
        make(folder / "source", entries)
        (folder / "packed").mkdir()
        PACK[tool](folder / "source", folder / "packed/a.tar")
        assert run("decompress", folder / "packed", folder / "job", destination=str(folder / "out")) == []
        # The format of GNU has whole seconds, and bsdtar writes -1.999999999 for -0.000000001.
        tolerance = {"GNU tar": 1, "Python, GNU": 1, "bsdtar": 2}.get(tool, TOLERANCE_SECONDS)
        assert_same(seen(folder / "out/a"), seen(folder / "source"), tolerance=tolerance)


def _is_text(name: str) -> bool:
    return name.isprintable() and "\\" not in name and not name.startswith("-") and name.strip() == name


def _zipped(source: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(source.rglob("*")):
            file.write(path, path.relative_to(source))


@pytest.mark.parametrize("tool", ["unzip", "bsdtar", "Python"])
@given(entries=TREES)
def test_a_zip_comes_out_of_other_tools_as_it_went_in(tool: str, entries: Any) -> None:
    with empty_folder() as folder:
        texts = [entry for entry in entries if all(_is_text(name) for name in entry[0])]
        make(folder / "source", texts, times=False)
        assert run("archive", folder / "source", folder / "job", form="zip") == []
        archive, out = folder / "job/archive/archive.zip", folder / "out"
        out.mkdir()
        expected = seen(folder / "source")
        if tool == "Python":
            zipfile.ZipFile(archive).extractall(out)
            # It knows no links and no modes.
            expected = {
                name: ("file" if kind == "symlink" else kind, mode, time, content)
                for name, (kind, mode, time, content) in expected.items()
            }
        elif expected:
            command = ["unzip", "-q", archive, "-d", out] if tool == "unzip" else ["bsdtar", "-xpf", archive, "-C", out]
            subprocess.run(command, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert_same(seen(out), expected, modes=tool != "Python", tolerance=float("inf") if tool == "Python" else 2)


@pytest.mark.parametrize("tool", ["bsdtar", "Python"])
@given(entries=TREES)
def test_zips_of_other_tools_come_out_as_they_went_in(tool: str, entries: Any) -> None:
    with empty_folder() as folder:
        texts = [entry for entry in entries if entry[1] != "symlink" and all(_is_text(name) for name in entry[0])]
        make(folder / "source", texts, times=False)
        (folder / "packed").mkdir()
        if tool == "Python":
            _zipped(folder / "source", folder / "packed/a.zip")
        else:
            command = ["bsdtar", "--format=zip", "-cf", folder / "packed/a.zip", "-C", folder / "source", "."]
            subprocess.run(command, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert run("decompress", folder / "packed", folder / "job", destination=str(folder / "out")) == []
        (folder / "out/a").mkdir(parents=True, exist_ok=True)
        # Python writes local times, in steps of two seconds, of a zone that is not told.
        assert_same(seen(folder / "out/a"), seen(folder / "source"), tolerance=float("inf") if tool == "Python" else 2)
