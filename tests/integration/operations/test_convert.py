"""convert as its user has it: files that other readers take, with the values that other readers find."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import duckdb
import pyarrow.csv as pv
import pyarrow.parquet as pq

from services import bootstrap
from services.models.jobs import JobView
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261126
_PARTS = ["a", "1", "-2.5", '"', "\n", "\r\n", ",", " x", "é", "2024-02-29", "0", "true"]


def _fetch(running: bootstrap.Services, job: JobView, name: str, folder: Path) -> Path:
    path = folder / name.replace("/", "-")
    path.write_bytes(converted(running, job, name))
    return path


def test_values_are_those_of_pythons_reader(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, tmp_path: Path
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    files: dict[str | bytes, bytes | None] = {}
    tables: dict[str, list[list[str]]] = {}
    for number in range(30):
        names = [f"c{place}" for place in range(made.randrange(1, 6))]
        records = [["".join(made.choices(_PARTS, k=made.randrange(4))) for _ in names] for _ in range(40)]
        out = io.StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=made.choice(["\n", "\r\n"])).writerows([names, *records])
        files[f"{number}.csv"] = out.getvalue().encode()
        tables[f"{number}"] = records
    types = [f"c{place}=text" for place in range(6)]
    options = {"delimiter": "comma", "header_rows": 1, "column_types": types}
    job = run_job("convert", tree(files), options=options)
    for name, records in tables.items():
        table = pq.read_table(_fetch(running, job, f"{name}.parquet", tmp_path))
        assert [list(row.values()) for row in table.to_pylist()] == records, name


def test_flights_are_what_pyarrow_and_duckdb_read(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services, tmp_path: Path
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    lines = ["carrier,delay,day,at,distance,late"]
    for number in range(60_000):
        delay = "" if made.random() < 0.03 else str(round(made.gauss(10, 30)))
        day = f"2013-{made.randrange(1, 13):02}-{made.randrange(1, 29):02}"
        late = "" if number < 59_000 else "1.5"
        distance = number * 37 % 29_989 + made.random()
        lines.append(
            f"{made.choice(['UA', 'AA', 'DL'])},{delay},{day},{day} 12:{number % 60:02}:00,{distance:.3f},{late}"
        )
    root = tree({"flights.csv": "\n".join(lines).encode()})
    job = run_job("convert", root, options={"null_values": []})
    (row,) = rows(job)
    assert (row["records_read"], row["records_written"], row["records_rejected"]) == (60_000, 60_000, 0)
    path = _fetch(running, job, "flights.parquet", tmp_path)
    ours = pq.read_table(path)
    options = pv.ConvertOptions(strings_can_be_null=True)
    theirs = pv.read_csv(root / "flights.csv", convert_options=options)
    assert ours.column_names == theirs.column_names
    for name in ours.column_names:
        assert ours[name].cast(theirs[name].type).equals(theirs[name]), name
    with duckdb.connect() as connection:
        query = f"SELECT count(*) FROM (SELECT * FROM '{path}' EXCEPT ALL SELECT * FROM read_csv('{root}/flights.csv'))"
        assert connection.execute(query).fetchall() == [(0,)]


def test_what_is_rejected_can_be_mended_and_converted(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services, tmp_path: Path
) -> None:
    root = tree({"a.csv": b'id,x\n1,2\n2\n3,"4\n",5\n', "b.txt": b"id;x\n7;8\n", "c.png": b"\x89PNG"})
    job = run_job("convert", root)
    summary = job.result("convert")["summary"]
    assert (summary["records_read"], summary["records_written"], summary["records_rejected"]) == (4, 2, 2)
    assert [(row["record"], row["line"], row["byte_offset"]) for row in rows(job, "rejects")] == [(2, 3, 9), (3, 4, 11)]
    rejects = _fetch(running, job, "a.rejects.csv", tmp_path)
    assert rejects.read_bytes() == b'id,x\n2\n3,"4\n",5\n'
    mended = tree({"a.csv": rejects.read_bytes().replace(b"2\n3", b"2,0\n3").replace(b",5", b"")}, name="mended")
    again = run_job("convert", mended).result("convert")["summary"]
    assert (again["records_written"], again["records_rejected"]) == (2, 0)
