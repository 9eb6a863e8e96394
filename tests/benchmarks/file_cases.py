"""Duplicates, search, and several operations in one read, against the native tools; on warm caches."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from tests.benchmarks.engine_cases import Engine, large_file, synthetic_tree
from tests.benchmarks.measure import Row, Run, alternate, command, compared, same

LITERAL = "EXPORT_SYMBOL_GPL"
EXPRESSION = r"mutex_(un)?lock\(&[a-z]+->"
_FILES, _ALIKE, _FILE_BYTES = 20, 12, 400_000_000
_SEED = 20261125
_MOST_MB = 28 + 64
"""What fclones takes there, and 64 MB."""
_MOST_MB_OF_MANY = 400
"""200 bytes a file, of two million."""

Sets = set[frozenset[str]]


def _our_sets(out: Path) -> Sets:
    table = f"read_parquet('{out}/duplicates/result/*.parquet')"
    rows = duckdb.sql(f'SELECT list(path) FROM {table} GROUP BY "group"').fetchall()
    return {frozenset(row[0]) for row in rows}


def _jdupes_sets(root: Path) -> Sets:
    # -H: names of one inode too, as our groups have them.
    text = subprocess.run(["jdupes", "-rqH", "."], cwd=root, capture_output=True, check=True).stdout.decode()
    blocks = (block.splitlines() for block in text.split("\n\n") if block.strip())
    return {frozenset(line.removeprefix("./") for line in block) for block in blocks}


def duplicates(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """Duplicates of the Linux tree, and of a few large files."""
    engine = Engine(scratch)
    large = _large_files(scratch / "large")
    for work, root, limit, names in (
        ("duplicates of linux/", corpora / "linux", 0.9, ("jdupes", "fclones", "rmlint")),
        ("duplicates of 20 files of 400 MB, 12 alike", large, 0.8, ("jdupes", "fclones", "rmlint")),
    ):
        engine.run("duplicates", root)
        found = _our_sets(engine.out)
        same(found, _jdupes_sets(root), "jdupes: sets")
        note = f"{sum(map(len, found)):,} files in {len(found):,} sets, as jdupes finds them"
        for name, peer in _finders(root, scratch).items():
            if name in names:
                measured = alternate(engine.timed("duplicates", root), peer, runs if name != "rmlint" else 3)
                yield compared(work, shlex.join(_FINDERS[name]), measured, limit, note)
    ours = engine.run("duplicates", corpora / "linux")
    yield _memory("duplicates of linux/", ours, _MOST_MB, "fclones: 28 MB")


def memory(scratch: Path) -> Iterator[Row]:
    """Peak memory of duplicates and of a search among 2,000,000 small files, of which every two are alike."""
    source = synthetic_tree(scratch / "pairs-2000000", 2_000_000, lambda number: b"%032d" % (number // 2))
    engine, name = Engine(scratch), "2,000,000 files, every two alike"
    theirs = f"jdupes -rqm: {_peak_mb(_FINDERS['jdupes'], source):,.0f} MB"
    yield _memory(f"duplicates of {name}", engine.run("duplicates", source), _MOST_MB_OF_MANY, theirs)
    ours = engine.run("search", source, {"patterns": ["[02468]$"]})
    yield _memory(f"search of {name}", ours, _MOST_MB_OF_MANY, "a row for every second file")


def _memory(work: str, measured: dict[str, float], limit: int, note: str) -> Row:
    peak = measured["peak_kib"] * 1024 / 1e6
    note = f"Python process with the engine, peak resident; {note}"
    return Row(f"memory: {work}", "–", f"{peak:,.0f} MB", "–", "–", f"≤ {limit} MB", peak <= limit, note)


_PEAK_OF_A_CHILD = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _peak_mb(words: list[str], cwd: Path) -> float:
    # By a small process of its own: a child's figure begins with that of the process it was forked from.
    asking = [sys.executable, "-S", "-c", _PEAK_OF_A_CHILD, *words]
    return int(subprocess.run(asking, cwd=cwd, stdout=subprocess.PIPE, check=True).stdout) * 1024 / 1e6


_FINDERS = {
    "jdupes": ["jdupes", "-rqm", "."],
    "fclones": ["fclones", "group", "--no-ignore", "--hidden", "."],
    "rmlint": ["rmlint", "-T", "df", "-o", "summary:stdout", "--no-with-color", "."],
}


def _finders(root: Path, scratch: Path) -> dict[str, Run]:
    there = {name: words for name, words in _FINDERS.items() if shutil.which(name)}
    return {name: command(words, root, scratch / "finder.txt") for name, words in there.items()}


def _large_files(root: Path) -> Path:
    """Make files of which some are alike and the others differ from them late; those that are there are kept."""
    mark = root.parent / ".large-complete"
    if mark.exists():
        return root
    root.mkdir(exist_ok=True)
    block = random.Random(_SEED).randbytes(4_000_000)
    for number in range(_FILES):
        with (root / f"{number:02d}.bin").open("wb") as file:
            for _ in range(_FILE_BYTES // len(block)):
                file.write(block)
            if number >= _ALIKE:
                file.seek(_FILE_BYTES // 2)
                file.write(b"%032d" % number)
    mark.touch()
    return root


def search(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """A text and a regular expression in the Linux tree; ours writes a row for every match."""
    linux, engine = corpora / "linux", Engine(scratch)
    cases: tuple[tuple[str, list[str], dict[str, Any], float], ...] = (
        (f"search of linux/ for {LITERAL}", [LITERAL], {"patterns": [LITERAL], "fixed_strings": True}, 1.1),
        (
            f"search of linux/ for {EXPRESSION}, any case",
            ["-i", EXPRESSION],
            {"patterns": [EXPRESSION], "case": "insensitive"},
            1.0,
        ),
    )
    for work, words, options, limit in cases:
        engine.run("search", linux, options)
        table = f"read_parquet('{engine.out}/search/by_file/*.parquet')"
        ours = dict(duckdb.sql(f"SELECT path, lines FROM {table}").fetchall())
        same(ours, _rg_counts(linux, words), "rg: lines by file")
        rows = duckdb.sql(f"SELECT count(*) FROM read_parquet('{engine.out}/search/result/*.parquet')").fetchall()[0][0]
        note = f"{sum(ours.values()):,} lines in {len(ours):,} files equal; {rows:,} rows written"
        peer = command(["rg", "-uu", "-c", *words, "."], linux)
        measured = alternate(engine.timed("search", linux, options), peer, runs)
        yield compared(work, f"rg -uu -c {shlex.join(words)}", measured, limit, note)


def _rg_counts(root: Path, words: list[str]) -> dict[str, int]:
    text = subprocess.run(["rg", "-uu", "-c", *words, "."], cwd=root, capture_output=True, check=True).stdout.decode()
    found: dict[str, int] = defaultdict(int)
    for line in text.splitlines():
        path, _, count = line.rpartition(":")
        found[path.removeprefix("./")] = int(count)
    return dict(found)


def together(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """Four operations in one job against four jobs, and against four tools."""
    linux, engine = corpora / "linux", Engine(scratch)
    asked: dict[str, dict[str, Any]] = {
        "inventory": {},
        "checksum": {},
        "search": {"patterns": [LITERAL], "fixed_strings": True},
        "duplicates": {},
    }
    alone = {}
    for name, options in asked.items():
        engine.run(name, linux, options)
        alone[name] = _rows(engine.out, name)
    engine.run_all(asked, linux)
    same({name: _rows(engine.out, name) for name in asked}, alone, "rows of each operation alone")
    note = "rows of every operation as it writes them alone"

    def one_after_the_other() -> float:
        return sum(engine.run(name, linux, options)["seconds"] for name, options in asked.items())

    def ours() -> float:
        return engine.run_all(asked, linux)["seconds"]

    work = "inventory + checksum + search + duplicates of linux/ in one job"
    yield compared(work, "the sum of the four jobs", alternate(ours, one_after_the_other, runs), 0.6, note)
    peers = [
        command(["gdu", "-np", "."], linux),
        command(["sh", "-c", "find . -type f -print0 | xargs -0 b3sum"], linux, scratch / "b3sums"),
        command(["rg", "-uu", "-c", LITERAL, "."], linux, scratch / "rg.txt"),
        command(["jdupes", "-rqm", "."], linux, scratch / "jdupes.txt"),
    ]
    measured = alternate(ours, lambda: sum(peer() for peer in peers), runs)
    yield compared(work, "the sum of gdu, b3sum, rg and jdupes", measured, 0.7, note)


def _rows(out: Path, operation: str) -> int:
    table = f"read_parquet('{os.fspath(out)}/{operation}/result/*.parquet')"
    return int(duckdb.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def compress(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """One large file in two formats, and a tree in one archive."""
    engine, copy, target = Engine(scratch), large_file(corpora, scratch), scratch / "packed"
    theirs = scratch / "packed.theirs"
    zstd, pigz = ["zstd", "-q", "-T2", "-3", "-c", copy.name], ["pigz", "-6", "-c", copy.name]
    for form, level, words, verified, limit in (
        ("zstd", 3, zstd, False, 1.0),
        ("zstd", 3, zstd, True, None),
        ("gzip", 6, pigz, False, 0.5),
        ("gzip", 6, pigz, True, None),
    ):
        options = {"format": form, "level": level, "verify_output": verified, "destination": os.fspath(target)}
        ours = _afresh(target, engine.timed("compress", copy.parent, options))
        measured = alternate(ours, command(words, copy.parent, theirs), runs)
        packed = next(target.iterdir())
        for file in (packed, theirs):
            same(_unpacks_to(words[0], file, copy), True, f"{file} unpacks to the original")
        note = f"both unpack to the original; {_sizes(packed, theirs)}"
        work = f"{form} -{level} of a 766 MB file" + (", read back and compared" if verified else "")
        yield compared(work, shlex.join(words), measured, limit, note)
    shutil.rmtree(target)
    yield _archive(corpora / "linux", engine, theirs, runs)


def _archive(linux: Path, engine: Engine, theirs: Path, runs: int) -> Row:
    script = "tar -c . | zstd -q -T2 -3"
    options = {"form": "tar.zst", "level": 3, "verify_output": False}
    measured = alternate(engine.timed("archive", linux, options), command(["sh", "-c", script], linux, theirs), runs)
    ours = next(file for file in (engine.out / "archive").iterdir() if file.name.endswith(".tar.zst"))
    members = [_members(file) for file in (ours, theirs)]
    same(members[0], members[1], "members of the archives")
    note = f"{len(members[0]):,} members of equal names and sizes; {_sizes(ours, theirs)}"
    return compared("linux/ as one tar.zst, by name", script, measured, None, note)


def _sizes(ours: Path, theirs: Path) -> str:
    own, others = (file.stat().st_size / 1e6 for file in (ours, theirs))
    return f"{own:.1f} MB, theirs {others:.1f} MB"


def _members(archive: Path) -> set[tuple[str, str]]:
    """Names and sizes of the files and links in an archive."""
    text = subprocess.run(["tar", "-tvf", archive, "--zstd"], capture_output=True, check=True).stdout.decode()
    lines = (line.split(maxsplit=5) for line in text.splitlines() if not line.startswith("d"))
    return {(words[5].removeprefix("./"), words[2]) for words in lines}


def _afresh(target: Path, run: Run) -> Run:
    def afresh() -> float:
        shutil.rmtree(target, ignore_errors=True)
        return run()

    return afresh


def _unpacks_to(tool: str, packed: Path, original: Path) -> bool:
    unpacked = subprocess.Popen([tool, "-dc", packed], stdout=subprocess.PIPE)
    done = subprocess.run(["cmp", "-", original], stdin=unpacked.stdout, check=False)
    return unpacked.wait() == 0 and done.returncode == 0
