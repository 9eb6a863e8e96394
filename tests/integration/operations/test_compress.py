"""compress, archive and decompress as their user has them: the peers take what is written, and the other way round."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.base import errors
from services.models.jobs import JobView, Source, Status
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob

TREE: dict[str | bytes, bytes | None] = {
    "a.csv": b"1,2,3\n" * 400_000,
    "sub/b.txt": b"some text\n" * 100,
    "sub/empty": b"",
    "sub/naïve\n.bin": bytes(range(256)) * 50,
    b"sub/not text \xff": b"x",
    "nothing here": None,
}
FORMATS = {
    "gzip": ("gz", gzip.decompress, ["gzip", "-t"]),
    "bzip2": ("bz2", bz2.decompress, ["bzip2", "-t"]),
    "xz": ("xz", lzma.decompress, ["xz", "-t"]),
    "zstd": ("zst", None, ["zstd", "-q", "-t"]),
    "lz4": ("lz4", None, ["lz4", "-q", "-t"]),
}


def contents(root: Path) -> dict[bytes, bytes]:
    """Return every file below a directory with its content."""
    raw = os.fsencode(root)
    found = {}
    for folder, _, names in os.walk(raw):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, raw)] = file.read()
    return found


def mirrored(suffix: str) -> set[bytes]:
    """Return the names that a mirror of the tree has."""
    return {os.fsencode(name) + b"." + suffix.encode() for name, content in TREE.items() if content is not None}


@pytest.mark.parametrize("name", FORMATS)
def test_the_formats_own_tool_and_pythons_library_take_a_mirror(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, tmp_path: Path, name: str
) -> None:
    suffix, decompress, command = FORMATS[name]
    source, destination = tree(TREE), tmp_path / "packed"
    options = {"format": name, "destination": str(destination)}
    view = run_job("compress", source, options=options)
    found, expected = contents(destination), contents(source)
    assert set(found) == mirrored(suffix)
    for path in found:
        subprocess.run([*command, os.path.join(os.fsencode(destination), path)], check=True)
        if decompress is not None:
            assert decompress(found[path]) == expected[path.removesuffix(f".{suffix}".encode())]
    by_extension = {row["extension"]: row for row in rows(view, "by_extension")}
    assert by_extension["csv"]["packed_bytes"] == len(found[b"a.csv." + suffix.encode()])
    assert by_extension["csv"]["packed_percent"] <= 2

    unpacked = tmp_path / "unpacked"
    run_job("decompress", destination, options={"destination": str(unpacked)})
    assert contents(unpacked) == contents(source)


@pytest.mark.parametrize("form", ["tar", "tar.gz", "tar.xz", "tar.bz2", "tar.zst", "tar.lz4", "zip"])
def test_tar_and_unzip_take_an_archive_and_it_can_be_downloaded(
    running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder, tmp_path: Path, form: str
) -> None:
    source = tree(TREE)
    view = run_job("archive", source, options={"form": form, "archive_name": "all"})
    name = f"archive/all.{form}"
    (listed,) = [one for one in running.artifacts.list(view.id) if one.name == name]
    target, out = tmp_path / f"all.{form}", tmp_path / "out"
    with target.open("wb") as file:
        file.writelines(running.artifacts.open(view.id, name).chunks)
    assert target.stat().st_size == listed.size_bytes
    out.mkdir()
    if form == "zip":
        assert zipfile.ZipFile(target).testzip() is None
        subprocess.run(["unzip", "-tq", target], check=True, stdout=subprocess.DEVNULL)
        # unzip itself shows a name that is not text in its own way: Python reads the bytes.
        assert len(zipfile.ZipFile(target).namelist()) == len(TREE) + 1
        subprocess.run(["unzip", "-q", target, "a.csv", "sub/b.txt"], cwd=out, check=True)
        assert (out / "a.csv").read_bytes() == TREE["a.csv"]
        return
    if form == "tar.lz4":
        plain = subprocess.run(["lz4", "-dcq", target], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-xf", "-", "-C", out], input=plain, check=True)
    else:
        subprocess.run(["tar", "-xf", target, "-C", out], check=True)
    assert contents(out) == contents(source)
    assert (out / "nothing here").is_dir()
    subprocess.run(["diff", "-r", source, out], check=True)


def test_what_tar_and_zip_of_python_write_comes_out(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, tmp_path: Path
) -> None:
    source = tree({"archives": None})
    held = {"one.txt": b"1", "sub/two.txt": b"22" * 100_000, f"{'d' * 150}/{'f' * 150}.txt": b"3"}
    for mode, suffix in (("w:gz", "tar.gz"), ("w:xz", "tar.xz"), ("w:bz2", "tbz2"), ("w", "tar")):
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            with tarfile.open(source / f"{form} {suffix.removeprefix('tar.')}.{suffix}", mode, format=form) as tar:
                for name, content in held.items():
                    member = tarfile.TarInfo(name)
                    member.size, member.mtime = len(content), 1_000_000_000
                    tar.addfile(member, io.BytesIO(content))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        with zipfile.ZipFile(source / f"{method}.zip", "w", method) as archive:
            for name, content in held.items():
                archive.writestr(name, content)
    destination = tmp_path / "unpacked"
    view = run_job("decompress", source, options={"destination": str(destination)})
    assert rows(view, "issues") == []
    # The empty folder of the source is there, too.
    folders = [path for path in destination.iterdir() if path.is_dir() and path.name != "archives"]
    assert folders
    assert list((destination / "archives").iterdir()) == []
    found = {row["path"]: row for row in rows(view)}
    assert {row["members"] for row in found.values()} == {3}
    for folder in folders:
        assert contents(folder) == {name.encode(): content for name, content in held.items()}


def test_a_destination_is_refused_before_a_job_is_queued(
    running: bootstrap.Services, tree: TreeBuilder, tmp_path: Path
) -> None:
    source = tree(TREE)
    used = tmp_path / "used"
    used.mkdir()
    (used / "mine").write_bytes(b"mine")

    def submit(destination: Path | str) -> None:
        options = {"destination": str(destination)}
        running.jobs.submit(one_job(operation="compress", source=Source.of_path(source), options=options))

    for place, told in (
        (used, "not empty"),
        (source / "below", "separate"),
        (used / "mine", "Not a"),
    ):
        with pytest.raises(errors.InvalidOptionsError, match=told) as caught:
            submit(place)
        assert caught.value.details["field"] == "operations.0.options.destination"
    for place in ("/etc/packed", "/", tmp_path, running.settings.data_dir / "work" / "x"):
        with pytest.raises(errors.SourceForbiddenError):
            submit(place)
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(errors.SourceForbiddenError):
        submit(tmp_path / "link" / "packed")
    assert contents(used) == {b"mine": b"mine"}
    assert running.jobs.list().items == []


def test_the_same_key_gives_the_same_job_also_once_its_destination_is_filled(
    running: bootstrap.Services, tree: TreeBuilder, tmp_path: Path
) -> None:
    options = {"destination": str(tmp_path / "packed")}
    request = one_job(
        operation="compress", source=Source.of_path(tree(TREE)), options=options, idempotency_key="only once"
    )
    first, is_new = running.jobs.submit(request)
    assert is_new
    assert running.jobs.wait(first.id, 60).status == Status.COMPLETED
    again, is_new = running.jobs.submit(request)
    assert (again.id, is_new) == (first.id, False)


def test_a_retry_takes_over_what_its_job_left_and_nobody_else_does(
    running: bootstrap.Services, tree: TreeBuilder, tmp_path: Path
) -> None:
    source, destination = tree(TREE), tmp_path / "packed"
    request = one_job(
        operation="compress", source=Source.of_path(source), options={"destination": str(destination), "level": 22}
    )
    view = ended(running, running.jobs.submit(request)[0], lambda job: running.jobs.cancel(job.id))
    destination.mkdir(exist_ok=True)
    # As a worker leaves it that dies in the middle.
    (destination / ".pravah-unfinished").write_text(str(view.id))
    (destination / "a.csv.zst").write_bytes(b"half")
    stranger = ended(running, running.jobs.submit(request)[0])
    assert stranger.status == Status.FAILED
    assert stranger.error is not None
    assert "unfinished" in stranger.error.message
    again = ended(running, running.jobs.rerun(view.id))
    assert again.status == Status.COMPLETED, again.error
    assert set(contents(destination)) == mirrored("zst")
    assert subprocess.run(["zstd", "-q", "-t", destination / "a.csv.zst"], check=False).returncode == 0


def ended(services: bootstrap.Services, job: JobView, then: Callable[[JobView], Any] | None = None) -> JobView:
    """Return a job at its end; `then` is done to it first."""
    if then is not None:
        then(job)
    return services.jobs.wait(job.id, 60)


def test_an_estimate_writes_nothing_and_is_near(run_job: RunJob, rows: Rows, tree: TreeBuilder, tmp_path: Path) -> None:
    source = tree({f"{number}.log": f"line {number}\n".encode() * (2_000 + number) for number in range(100)})
    before = contents(tmp_path)
    estimate = run_job("compress", source, options={"format": "gzip"}).result("compress")["summary"]
    after = {path: content for path, content in contents(tmp_path).items() if path in before}
    assert after == before
    options = {"format": "gzip", "destination": str(tmp_path / "packed")}
    truth = run_job("compress", source, options=options).result("compress")["summary"]
    assert abs(estimate["packed_bytes"] - truth["packed_bytes"]) < 0.1 * truth["packed_bytes"]
    assert estimate["estimated_seconds"] >= 0
