"""Profile, validate and convert of delimited text, against DuckDB and Polars; on warm caches.

A peer is timed inside a fresh process, from its first call to its result: its import is not counted, as ours is not.
Polars is a peer where it is installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from tests.benchmarks.engine_cases import Engine, large_file
from tests.benchmarks.measure import Row, Run, alternate, compared, same

_MOST_MB = 200
_FLAT = 1.25
_SMALL_FILES, _SMALL_BYTES = 40_000, 20_000
_LOOPED = 4_000
_DISTINCT_ERROR = 0.05

_MEASURE = """
import json, sys, time
{imports}
asked = json.load(sys.stdin)
started = time.perf_counter()
{work}
json.dump({{"seconds": time.perf_counter() - started}}, sys.stdout)
"""
_SUMMARIZE = "duckdb.sql(f\"SUMMARIZE SELECT * FROM read_csv('{asked['path']}'{asked['more']})\").fetchall()"
_COPY = """
duckdb.sql(f"COPY (SELECT * FROM read_csv('{asked['path']}')) TO '{asked['out']}' (FORMAT parquet, COMPRESSION zstd)")
"""
_FIGURES = """
def figures(path):
    frame = polars.scan_csv(path, try_parse_dates=True)
    kinds = frame.collect_schema()
    numbers = [name for name, kind in kinds.items() if kind.is_numeric()]
    columns = [polars.col(name) for name in kinds]
    return frame.select(
        [polars.len()]
        + [column.null_count().name.suffix("_nulls") for column in columns]
        + [column.min().name.suffix("_least") for column in columns]
        + [column.max().name.suffix("_greatest") for column in columns]
        + [column.approx_n_unique().name.suffix("_distinct") for column in columns]
        + [polars.col(numbers).mean().name.suffix("_mean"), polars.col(numbers).std().name.suffix("_deviation")]
    ).collect(engine="streaming")
for path in asked["paths"]:
    figures(path)
"""
_SINK = "polars.scan_csv(asked['path'], try_parse_dates=True).sink_parquet(asked['out'], compression='zstd')"
_CAST = """
kinds = {name: getattr(polars, kind) for name, kind in asked["types"].items()}
frame = polars.scan_csv(asked["path"], schema=dict.fromkeys(kinds, polars.String))
typed = [
    polars.col(name).str.to_date(strict=True) if kind == polars.Date else polars.col(name).cast(kind, strict=True)
    for name, kind in kinds.items()
]
frame = frame.select(typed)
frame.select(polars.all().null_count()).collect(engine="streaming")
"""


def _peer(imports: str, work: str, asked: dict[str, Any]) -> Run:
    # Its progress bar would stand in the answer.
    silent = 'duckdb.sql("SET enable_progress_bar = false")' if imports == "duckdb" else ""
    program = _MEASURE.format(imports=f"import {imports}\n{silent}", work=work)

    def run() -> float:
        done = subprocess.run(
            [sys.executable, "-c", program], input=json.dumps(asked).encode(), stdout=subprocess.PIPE, check=True
        )
        return float(json.loads(done.stdout)["seconds"])

    return run


def _has_polars() -> bool:
    return importlib.util.find_spec("polars") is not None


def _table(engine: Engine, operation: str, name: str = "result") -> str:
    return f"read_parquet('{engine.out}/{operation}/{name}/*.parquet')"


def _rows(sql: str) -> list[Any]:
    return duckdb.sql(sql).fetchall()


def profile(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """One file of 766 MB against DuckDB and Polars, and on one thread against two."""
    engine, source = Engine(scratch), large_file(corpora, scratch)
    work, ours = "profile of a 766 MB CSV", engine.timed("profile", source.parent)
    ours()
    note = f"{_agree(engine, source)} columns: least, greatest, nulls and means equal, distinct values within 5 %"
    duck = _peer("duckdb", _SUMMARIZE, {"path": os.fspath(source), "more": ""})
    yield compared(work, "DuckDB SUMMARIZE", alternate(ours, duck, runs), 0.4, note)
    if _has_polars():
        polars = _peer("polars", _FIGURES, {"paths": [os.fspath(source)]})
        yield compared(work, "Polars, without quantiles", alternate(ours, polars, runs), 0.8, note)
    one = lambda: engine.run_all({"profile": {}}, source.parent, threads=1)["seconds"]  # noqa: E731
    measured = alternate(ours, one, runs)
    scaled = 1 / measured.ratio
    row = compared(f"{work}, two threads", "one thread", measured, 1 / 1.8, f"{scaled:.2f} times as fast")
    yield row


def _agree(engine: Engine, source: Path) -> int:
    """Compare our figures with DuckDB's; return the number of columns."""
    figures = '"column", least, greatest, "nulls", mean, "distinct", "values"'
    ours = {row[0]: row[1:] for row in _rows(f"SELECT {figures} FROM {_table(engine, 'profile')}")}
    for name, (least, greatest, nulls, mean, distinct, values) in ours.items():
        number = mean is not None
        shown = f"avg({name})" if number else "NULL"
        exact = _rows(
            f"SELECT min({name})::VARCHAR, max({name})::VARCHAR, count(*) - count({name}), {shown}, "
            f"count(DISTINCT {name}), count({name}) FROM read_csv('{source}')"
        )[0]
        same((nulls, values), (exact[2], exact[5]), f"{name}: nulls, values")
        if number:
            same((float(least), float(greatest)), (float(exact[0]), float(exact[1])), f"{name}: least, greatest")
            same(abs(mean / exact[3] - 1) < 1e-9, True, f"{name}: mean {mean} {exact[3]}")
        else:
            same((least, greatest), (exact[0], exact[1]), f"{name}: least, greatest")
        same(abs(distinct / exact[4] - 1) <= _DISTINCT_ERROR, True, f"{name}: distinct {distinct} {exact[4]}")
    return len(ours)


def _schema(engine: Engine) -> dict[str, Any]:
    kinds = {"text": "string", "float": "number"}
    wanted = '"column", type, least'
    found = _rows(f"SELECT {wanted} FROM {_table(engine, 'profile')} ORDER BY position")
    fields = [
        {"name": name, "type": kinds.get(kind, kind)}
        | ({"constraints": {"minimum": float(least)}} if kind in {"integer", "float"} else {})
        for name, kind, least in found
    ]
    return {"fields": fields}


def validate(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """The same file against types and ranges, without an error and with one in each record."""
    engine, source = Engine(scratch), large_file(corpora, scratch)
    work = "validate of a 766 MB CSV, types and ranges"
    engine.run("profile", source.parent)
    schema = _schema(engine)
    good = {"schema_text": json.dumps(schema)}
    numbers = [field for field in schema["fields"] if "constraints" in field]
    numbers[-1]["constraints"]["maximum"] = -1
    bad = {"schema_text": json.dumps(schema)}
    ours = engine.timed("validate", source.parent, good)
    ours()
    same(_rows(f"SELECT errors, records FROM {_table(engine, 'validate')}")[0][0], 0, "errors")
    measured = alternate(ours, engine.timed("profile", source.parent), runs)
    yield compared(work, "our profile", measured, 1, "no error")
    if _has_polars():
        kinds = {"integer": "Int64", "number": "Float64", "string": "String", "date": "Date"}
        types = {field["name"]: kinds[field["type"]] for field in schema["fields"]}
        polars = _peer("polars", _CAST, {"path": os.fspath(source), "types": types})
        yield compared(work, "Polars, strict cast", alternate(ours, polars, runs), None, "types only there; no error")
    worst = engine.timed("validate", source.parent, bad)
    worst()
    errors, records = _rows(f"SELECT errors, records FROM {_table(engine, 'validate')}")[0]
    same(errors, records, "an error in each record")
    note = f"{errors:,} errors counted, 1,000,000 listed"
    yield compared(f"{work}, an error in each record", "no error", alternate(worst, ours, runs), 2, note)


def convert(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """The same file as Parquet."""
    engine, source = Engine(scratch), large_file(corpora, scratch)
    work, ours = "convert of a 766 MB CSV to Parquet, zstd", engine.timed("convert", source.parent)
    peers = {"DuckDB COPY": ("duckdb", _COPY)} | ({"Polars sink_parquet": ("polars", _SINK)} if _has_polars() else {})
    ours()
    made = next((engine.out / "convert" / "converted").glob("*.parquet"))
    written = scratch / "converted.parquet"
    shutil.copy(made, written)
    digest = _digest(written)
    for name, (imports, program) in peers.items():
        theirs = scratch / "peer.parquet"
        run = _peer(imports, program, {"path": os.fspath(source), "out": os.fspath(theirs)})
        run()
        same(digest, _digest(theirs), f"{name}: values")
        size = written.stat().st_size / theirs.stat().st_size
        note = f"{digest[0]:,} rows with equal values; {size:.2f} × the size of theirs"
        # The limit is for the fastest of the peers.
        limit = 0.75 if name.startswith("Polars") or len(peers) == 1 else None
        yield compared(work, name, alternate(ours, run, runs), limit, note)


def _digest(path: Path) -> tuple[Any, ...]:
    """Return the number of rows and a hash of each column, whatever the order of the rows."""
    names = [row[0] for row in _rows(f"DESCRIBE SELECT * FROM '{path}'")]
    hashes = ", ".join(f"sum(hash({name}))" for name in names)
    return tuple(_rows(f"SELECT count(*), {hashes} FROM '{path}'")[0])


def memory(corpora: Path, scratch: Path) -> Iterator[Row]:
    """Peak memory, and that of ten times as much."""
    engine, source = Engine(scratch), large_file(corpora, scratch)
    large = scratch / "ten" / source.name
    large.parent.mkdir(exist_ok=True)
    if not large.exists():
        header, _, records = source.read_bytes().partition(b"\n")
        with large.open("wb") as file:
            file.write(header + b"\n")
            for _ in range(10):
                file.write(records)
    for operation in ("profile", "validate", "convert"):
        small, big = (engine.run(operation, one.parent)["peak_kib"] * 1024 / 1e6 for one in (source, large))
        met = big <= _MOST_MB and big <= _FLAT * small
        note = "Python process with the engine, peak resident"
        yield Row(
            f"memory: {operation} of a 7.7 GB CSV", "ourselves with 766 MB", f"{big:,.0f} MB", f"{small:,.0f} MB",
            f"{big / small:.2f}", f"≤ {_MOST_MB} MB, ≤ {_FLAT:g}", met, note,
        )  # fmt: skip
    shutil.rmtree(large.parent)


def small_tables(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """40,000 files of 20 KB."""
    engine, root = Engine(scratch), _small_files(corpora, scratch)
    engine.run("profile", root)
    found = _rows(f"SELECT count(*), sum(records) FROM {_table(engine, 'profile', 'files')}")[0]
    counted = _rows(f"SELECT count(*) FROM read_csv('{root}/*/*.csv')")[0][0]
    same(found, (_SMALL_FILES, counted), "files, records")
    note = f"{counted:,} records in {_SMALL_FILES:,} files"
    few = min(runs, 3)
    work, all_of_them = f"profile of {_SMALL_FILES:,} CSV of 20 KB", {"path": f"{root}/*/*.csv", "more": ""}
    measured = alternate(engine.timed("profile", root), _peer("duckdb", _SUMMARIZE, all_of_them), few)
    yield compared(work, "DuckDB SUMMARIZE of a glob", measured, 0.4, note)
    # By name it opens all files at once: more than 20,000 are too many for this machine.
    some, work = root / "00", f"profile of {_LOOPED:,} of them"
    united = {"path": f"{some}/*.csv", "more": ", union_by_name = true"}
    measured = alternate(engine.timed("profile", some), _peer("duckdb", _SUMMARIZE, united), few)
    yield compared(work, "DuckDB SUMMARIZE, union_by_name", measured, 0.4, "it refuses 40,000: too many open files")
    if _has_polars():
        paths = [os.fspath(path) for path in sorted(some.glob("*.csv"))]
        measured = alternate(engine.timed("profile", some), _peer("polars", _FIGURES, {"paths": paths}), few)
        yield compared(work, "a Polars loop", measured, 0.4, f"{len(paths):,} files")


def _small_files(corpora: Path, scratch: Path) -> Path:
    """Cut `lineitem.csv` into files; those that are there are kept."""
    root, mark = scratch / "small-tables", scratch / ".small-tables-complete"
    if mark.exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    with (corpora / "tpch" / "full" / "lineitem.csv").open("rb") as file:
        header = file.readline()
        for number in range(_SMALL_FILES):
            folder = root / f"{number // _LOOPED:02d}"
            if number % _LOOPED == 0:
                folder.mkdir(parents=True)
            (folder / f"{number:05d}.csv").write_bytes(header + b"".join(file.readlines(_SMALL_BYTES - 1000)))
    mark.touch()
    return root
