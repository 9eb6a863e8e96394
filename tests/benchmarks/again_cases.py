"""What an earlier run is worth: nothing changed, killed in the middle, and what making it last costs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from tests.benchmarks.engine_cases import Engine
from tests.benchmarks.measure import Row, alternate, compared, limited, same

FILES, _FILE_BYTES, _ONE_BYTES = 4_000, 5 << 20, 100_000_000_000 >> 26 << 26
"""Sparse files: 20 GB that take no space, and with three digests more than half a minute."""


def rerun(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """Checksum of the Linux tree again, with nothing changed."""
    linux, engine = corpora / "linux", Engine(scratch)
    engine.run("checksum", linux)
    lines, shards = engine.manifest("manifest.b3"), _kept(engine, scratch / "baseline", "checksum", ("result",))
    again = {"baselines": {"checksum": shards}}

    def unchanged() -> float:
        return engine.run_all({"checksum": {}}, linux, more=again)["seconds"]

    unchanged()
    same(engine.manifest("manifest.b3"), lines, "manifest of both runs")
    reused = _summary(engine)["reused_files"]
    same(reused, len(lines), "files taken over")
    note = f"{reused:,} of {len(lines):,} files taken over, manifests equal"
    yield limited("BLAKE3 of linux/ again, nothing changed", [unchanged() for _ in range(runs)], 0.35, "≤ 0.35 s", note)
    if os.geteuid() == 0:
        cold = []
        for _ in range(min(runs, 3)):
            _drop_caches()
            cold.append(engine.run("checksum", linux)["seconds"])
        ratio = min(cold) / min(unchanged() for _ in range(3))
        met = ratio >= 50
        shown = f"{min(cold):,.1f} s"
        yield Row("the same, warm", "reading all on cold caches", "–", shown, f"1 : {ratio:,.0f}", "1 : 50", met, note)


def rerun_search(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """Search of the Linux tree again, with nothing changed, against searching it."""
    linux, engine = corpora / "linux", Engine(scratch)
    options = {"patterns": ["spin_lock", "mutex_lock"]}
    engine.run("search", linux, options)
    before = _told(engine)
    shards = _kept(engine, scratch / "baseline", "search", ("searched", "result"))

    def unchanged() -> float:
        return engine.run_all({"search": options}, linux, more={"baselines": {"search": shards}})["seconds"]

    unchanged()
    told = _told(engine)
    same(told[:-1], before[:-1], "lines and counts of both runs")
    note = f"{told[-1]:,} files taken over, {told[1]:,} matches equal"
    measured = alternate(unchanged, engine.timed("search", linux, options), runs)
    yield compared("Search of linux/ again, nothing changed", "searching it, warm", measured, 1.0, note)


def _told(engine: Engine) -> tuple[int, int, int, int]:
    """Return files searched, matches listed, a sum over all that is listed, and the files taken over."""
    summary = json.loads((engine.out / "outcome.json").read_text())["results"][0]["summary"]
    listed = f"read_parquet('{engine.out}/search/result/*.parquet')"
    sql = f"SELECT count(*), sum(hash(path, pattern, line, column_start, byte_offset, text)) FROM {listed}"
    matches, digest = duckdb.sql(sql).fetchall()[0]
    same(matches, summary["matches"], "matches listed and counted")
    return summary["files"], matches, int(digest), summary["reused_files"]


def durability(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """Shards closed while the job runs against one at its end."""
    linux, engine = corpora / "linux", Engine(scratch)

    def with_shards(seconds: float) -> float:
        more = {"output": {"directory": os.fspath(engine.out), "shard_seconds": seconds}}
        return engine.run_all({"checksum": {}}, linux, more=more)["seconds"]

    with_shards(0.1)
    note = f"{len(_shards(engine))} shards against the one of each thread"
    measured = alternate(lambda: with_shards(0.1), lambda: with_shards(86_400), runs)
    yield compared("BLAKE3 of linux/, rows made last all the time", "at its end only", measured, 1.05, note)


def resume(scratch: Path) -> Iterator[Row]:
    """A checksum that is killed at its half, and the attempt that goes on, against an undisturbed one."""
    tree, engine = sparse_tree(scratch / "sparse", FILES), Engine(scratch)

    def of_files() -> str:
        reused, files = _summary(engine)["reused_files"], len(engine.manifest("manifest.sha256"))
        same(0 < reused < files, True, "some files were left")
        return f"{reused:,} of {files:,} files taken over"

    def of_parts() -> str:
        rows = f"SELECT count(*) FROM read_parquet('{engine.out}/checksum/parts/*.parquet')"
        computed, parts = duckdb.sql(rows).fetchall()[0][0], _ONE_BYTES >> 26
        same(0 < computed < parts, True, "some parts were left")
        return f"{parts - computed:,} of {parts:,} parts taken over"

    yield _resumed(engine, tree, ["sha256", "sha1", "md5"], "Three digests of 20 GB", of_files)
    yield _resumed(engine, sparse_file(scratch / "one"), ["blake3"], "BLAKE3 of one file of 100 GB", of_parts)


def _resumed(engine: Engine, source: Path, algorithms: list[str], what: str, told: Callable[[], str]) -> Row:
    options, manifest = {"algorithms": algorithms}, f"manifest.{'b3' if algorithms == ['blake3'] else algorithms[0]}"
    engine.run("checksum", source, options)  # once uncounted: the second run has its pages
    whole = engine.run("checksum", source, options)["seconds"]
    lines = engine.manifest(manifest)
    _killed(engine, source, options, after=whole / 2)
    kept = _kept(engine, engine.out.parent / "baseline", "checksum", ("result", "parts"))
    rest = engine.run_all({"checksum": options}, source, more={"baselines": {"checksum": kept}})["seconds"]
    same(engine.manifest(manifest), lines, "manifest of both")
    note, ratio = f"{told()}, manifests equal", rest / whole
    return Row(
        f"{what}, killed at its half: what is left",
        "the whole run",
        f"{rest:,.1f} s",
        f"{whole:,.1f} s",
        f"{ratio:.2f}",
        "≤ 0.6",
        ratio <= 0.6,
        note,
    )


def _killed(engine: Engine, source: Path, options: dict[str, Any], after: float) -> None:
    shutil.rmtree(engine.out, ignore_errors=True)
    document = {
        "version": 1,
        "operations": [{"operation": "checksum", "options": options}],
        "source": {"path": os.fspath(source)},
        "output": {"directory": os.fspath(engine.out)},
    }
    command = [sys.executable, "-m", "tests.benchmarks.engine_run"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(document).encode())
        process.stdin.close()
        time.sleep(after)
        same(process.poll(), None, "the run that is killed had not ended")
        process.kill()


def sparse_file(root: Path) -> Path:
    """Make a directory of one large file that takes no space."""
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "file").exists():
        with (root / "file").open("wb") as file:
            file.truncate(_ONE_BYTES)
            file.write(b"not only zeros")
    return root


def sparse_tree(root: Path, files: int) -> Path:
    """Make a tree of files of 5 MiB that take no space."""
    for number in range(files):
        path = root / f"{number % 40:02d}" / f"{number:05d}"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(str(number).encode())
                file.truncate(_FILE_BYTES)
    return root


def _shards(engine: Engine) -> list[str]:
    return sorted(os.fspath(path) for path in (engine.out / "checksum" / "result").glob("part-*.parquet"))


def _kept(engine: Engine, folder: Path, operation: str, tables: tuple[str, ...]) -> list[str]:
    """Put the shards of a run aside, as they lie; the next one empties its folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for table in tables:
        if (engine.out / operation / table).exists():
            shutil.copytree(engine.out / operation / table, folder / table)
    return sorted(os.fspath(path) for path in folder.rglob("part-*.parquet"))


def _summary(engine: Engine) -> dict[str, Any]:
    outcome = json.loads((engine.out / "outcome.json").read_text())
    summary: dict[str, Any] = outcome["results"][0]["summary"]
    shards = duckdb.sql(f"SELECT count(*) FROM read_parquet('{engine.out}/checksum/result/*.parquet')").fetchall()
    same(shards, [(summary["files"],)], "rows and files")
    return summary


def _drop_caches() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")
