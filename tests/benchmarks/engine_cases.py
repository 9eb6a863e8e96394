"""The engine against the native tools, on warm caches."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from tests.benchmarks.measure import Row, Run, alternate, command, compared, same


class Engine:
    """Runs engine jobs into a scratch directory, each in a fresh Python process."""

    def __init__(self, scratch: Path) -> None:
        """Keep the directory."""
        self.out = scratch / "out"

    def run(self, operation: str, source: Path, options: dict[str, Any] | None = None) -> dict[str, float]:
        """Return ``{"seconds", "peak_kib"}`` of one job; its result stays in `out`."""
        return self.run_all({operation: options or {}}, source)

    def run_all(
        self,
        asked: dict[str, dict[str, Any]],
        source: Path,
        threads: int | None = None,
        more: dict[str, Any] | None = None,
    ) -> dict[str, float]:
        """Return the same of a job of several operations, given with their options.

        Args:
            threads: one per core by default.
            more: of the job specification.
        """
        shutil.rmtree(self.out, ignore_errors=True)
        document = {
            "version": 1,
            "operations": [{"operation": name, "options": options} for name, options in asked.items()],
            "source": {"path": os.fspath(source)},
            "output": {"directory": os.fspath(self.out)},
            "threads": threads,
            **(more or {}),
        }
        command_line = [sys.executable, "-m", "tests.benchmarks.engine_run"]
        done = subprocess.run(command_line, input=json.dumps(document).encode(), stdout=subprocess.PIPE, check=True)
        measured: dict[str, float] = json.loads(done.stdout)
        return measured

    def timed(self, operation: str, source: Path, options: dict[str, Any] | None = None) -> Run:
        """Return a run of a job."""
        return lambda: self.run(operation, source, options)["seconds"]

    def scalar(self, sql: str) -> Any:
        """Return one value of a question to the result table `result`."""
        return duckdb.sql(sql.replace("result", f"read_parquet('{self.out}/inventory/result/*.parquet')")).fetchall()[0]

    def manifest(self, name: str) -> list[bytes]:
        """Return a manifest's lines, sorted."""
        return sorted((self.out / "checksum" / name).read_bytes().splitlines())


def inventory(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """Inventory of the Linux tree against what only counts, and what only lists."""
    linux, engine = corpora / "linux", Engine(scratch)
    engine.run("inventory", linux)
    listed = scratch / "find.txt"
    find = command(
        ["find", ".", "-mindepth", "1", "-printf", "%p\\t%s\\t%b\\t%y\\t%T@\\t%C@\\t%u\\t%g\\t%m\\t%i\\t%n\\n"],
        linux,
        listed,
    )
    find()
    rows = [line.split("\t") for line in listed.read_text().splitlines()]
    counted = (len(rows), sum(int(row[1]) for row in rows), sum(int(row[2]) * 512 for row in rows))
    same(
        engine.scalar("SELECT count(*), sum(size_bytes), sum(allocated_bytes) FROM result"),
        counted,
        "find: entries, bytes, blocks",
    )
    used = int(subprocess.run(["du", "-s", "-B1", linux], capture_output=True, check=True).stdout.split()[0])
    same(counted[2] + linux.stat().st_blocks * 512, used, "du: blocks")
    note = f"{counted[0]:,} entries, bytes and blocks equal"
    ours = engine.timed("inventory", linux)
    for name, words, limit in (
        ("gdu -np", ["gdu", "-np", "."], 1.0),
        ("du -s", ["du", "-s", "."], 1.0),
    ):
        yield compared("inventory of linux/", name, alternate(ours, command(words, linux), runs), limit, note)
    yield compared("inventory of linux/", "find -printf to a file", alternate(ours, find, runs), 0.8, note)


def _digests(tool: str, linux: Path, target: Path, *options: str) -> tuple[Run, list[bytes]]:
    script = f"find . -type f -print0 | xargs -0 {' '.join(options)} {tool}"
    run = command(["sh", "-c", script], linux, target)
    run()
    lines = target.read_bytes().replace(b"  ./", b"  ").splitlines()
    return run, sorted(lines)


def checksum(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """Digests of the Linux tree and of one large file."""
    linux, engine = corpora / "linux", Engine(scratch)
    theirs, lines = _digests("b3sum", linux, scratch / "b3sums")
    engine.run("checksum", linux)
    same(engine.manifest("manifest.b3"), lines, "b3sum: lines")
    note = f"{len(lines):,} manifest lines equal"
    measured = alternate(engine.timed("checksum", linux), theirs, runs)
    yield compared("BLAKE3 of linux/, manifest written", "find -print0 | xargs -0 b3sum", measured, 0.8, note)

    options = {"algorithms": ["sha256"]}
    # Batches of 500 keep both processes busy, which is kinder to the peer than xargs' own batches.
    theirs, lines = _digests("sha256sum", linux, scratch / "sha256sums", "-P2", "-n500")
    engine.run("checksum", linux, options)
    same(engine.manifest("manifest.sha256"), lines, "sha256sum: lines")
    measured = alternate(engine.timed("checksum", linux, options), theirs, runs)
    yield compared("SHA-256 of linux/, manifest written", "xargs -P2 sha256sum", measured, 0.9, note)

    yield from _one_file(large_file(corpora, scratch), engine, runs)


def large_file(corpora: Path, scratch: Path) -> Path:
    """Return `lineitem.csv`, 766 MB, alone in a directory; a copy that is there is kept."""
    original = corpora / "tpch" / "full" / "lineitem.csv"
    copy = scratch / "one" / original.name
    copy.parent.mkdir(exist_ok=True)
    if not copy.exists():
        shutil.copy(original, copy)
    return copy


def _one_file(copy: Path, engine: Engine, runs: int) -> Iterator[Row]:
    alone = copy.parent
    engine.run("checksum", alone)
    answer = subprocess.run(["b3sum", copy.name], cwd=alone, capture_output=True, check=True).stdout
    same(engine.manifest("manifest.b3"), answer.splitlines(), "b3sum of one file")
    for name, words, limit in (
        ("b3sum (mmap)", ["b3sum", copy.name], 1.1),
        ("b3sum --no-mmap", ["b3sum", "--no-mmap", copy.name], 1.1),
    ):
        measured = alternate(engine.timed("checksum", alone), command(words, alone), runs)
        yield compared("BLAKE3 of one 766 MB file", name, measured, limit, "digest equal; ours reads without mmap")


def memory(scratch: Path) -> Iterator[Row]:
    """Peak memory of an inventory of 100,000 and of 2,000,000 files."""
    engine = Engine(scratch)
    peaks = {}
    for files in (100_000, 2_000_000):
        source = synthetic_tree(scratch / f"files-{files}", files)
        peaks[files] = engine.run("inventory", source)["peak_kib"] / 1024
        same(engine.scalar("SELECT count(*) FROM result WHERE kind = 'file'")[0], files, "files")
    small, large = peaks.values()
    yield Row(
        "memory: inventory of 2,000,000 files",
        "ourselves at 100,000 files",
        f"{large:,.0f} MiB",
        f"{small:,.0f} MiB",
        f"{large / small:.2f}",
        "≤ 1.5, < 300 MB",
        large / small <= 1.5 and large * 1.048576 < 300,
        "Python process with the engine, peak resident; rows counted",
    )


def synthetic_tree(root: Path, files: int, content: Callable[[int], bytes] | None = None) -> Path:
    """Make `files` files, empty or of the content of their number, 1,000 a folder; a tree that is there is kept."""
    if (root.parent / f".{root.name}-complete").exists():
        return root
    for folder in range(files // 1000):
        directory = root / f"group-{folder // 100:03d}" / f"folder-{folder:05d}"
        directory.mkdir(parents=True, exist_ok=True)
        at = os.open(directory, os.O_RDONLY)
        for number in range(1000):
            file = os.open(f"file-{number:04d}.dat", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=at)
            if content is not None:
                os.write(file, content(folder * 1000 + number))
            os.close(file)
        os.close(at)
    (root.parent / f".{root.name}-complete").touch()
    return root
