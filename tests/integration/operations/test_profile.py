"""profile as its user has it: its figures against those of Polars and DuckDB, and of Python's own reader."""

from __future__ import annotations

import csv
import io
import json
import random
import statistics
from collections import Counter
from typing import Any

import duckdb

from services import bootstrap
from services.models.jobs import JobView
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob

_SEED = 20261126
_PARTS = ["a", "1", "-2.5", "", '"', "\n", "\r\n", ",", " x", "é", "2024-02-29", "NA", "0"]


def _table(made: random.Random) -> tuple[list[str], list[list[str]]]:
    names = [f"c{place}" for place in range(made.randrange(1, 6))]
    value = lambda: "".join(made.choices(_PARTS, k=made.randrange(3)))  # noqa: E731
    return names, [[value() for _ in names] for _ in range(made.randrange(40))]


def test_values_are_those_of_pythons_reader(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    files: dict[str | bytes, bytes | None] = {}
    tables: dict[str, list[list[str]]] = {}
    for number in range(60):
        names, records = _table(made)
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=made.choice(["\n", "\r\n"]))
        writer.writerows([names, *records])
        path = f"{number}.csv"
        files[path] = out.getvalue().encode()
        tables[path] = [
            list(column) for column in zip(*csv.reader(io.StringIO(out.getvalue(), newline="")), strict=True)
        ]
    found = rows(run_job("profile", tree(files), options={"delimiter": "comma", "header_rows": 1}), "by_file")
    columns = {(row["path"], row["column"]): row for row in found}
    assert len(columns) == sum(len(table) for table in tables.values())
    for path, table in tables.items():
        for name, *values in table:
            row = columns[path, name]
            assert (row["values"], row["nulls"]) == (len(values), 0), (path, name)
            assert row["distinct"] == len(set(values)), (path, name)


def test_flights_are_what_duckdb_says(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    lines = ["carrier,delay,day,distance"]
    for number in range(30_000):
        delay = "NA" if made.random() < 0.03 else str(round(made.gauss(10, 30)))
        day = f"2013-{made.randrange(1, 13):02}-{made.randrange(1, 29):02}"
        lines.append(f"{made.choice(['UA', 'AA', 'DL'])},{delay},{day},{number * 37 % 29_989 + made.random():.3f}")
    root = tree({"flights.csv": "\n".join(lines).encode()})
    found = {row["column"]: row for row in rows(run_job("profile", root))}
    source = f"read_csv('{root}/flights.csv', nullstr = 'NA')"
    with duckdb.connect() as connection:
        for name in ("delay", "distance"):
            least, greatest, mean, deviation, count, distinct = connection.execute(
                f"SELECT min({name}), max({name}), avg({name}), stddev({name}), count({name}), count(DISTINCT {name})"
                f" FROM {source}"
            ).fetchall()[0]
            row = found[name]
            assert (float(row["least"]), float(row["greatest"]), row["values"]) == (least, greatest, count)
            assert abs(row["mean"] - mean) < 1e-9 * abs(mean)
            assert abs(row["deviation"] / deviation - 1) < 1e-9
            error = 0 if row["distinct_is"] == "exact" else 0.05
            assert abs(row["distinct"] - distinct) <= error * distinct
            for quantile, column in ((0.05, "p05"), (0.5, "median"), (0.95, "p95")):
                value = float(row[column])
                below, upto = connection.execute(
                    f"SELECT count(*) FILTER ({name} < {value}), count(*) FILTER ({name} <= {value}) FROM {source}"
                ).fetchall()[0]
                assert below / count - 0.01 <= quantile <= upto / count + 0.01, (name, column)
    assert (found["day"]["type"], found["carrier"]["distinct"]) == ("date", 3)
    assert found["delay"]["type"] == "integer"


def test_documents_hold_what_the_tables_hold(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    root = tree({"a.csv": b'id,<script>\n1,"<b>"\n2,x\n', "b.csv": b"id\n3\n"})
    job = run_job("profile", root)
    document = _read(running, job, "profile.json")
    columns: list[dict[str, Any]] = json.loads(document)["columns"]
    found = rows(job)
    assert [one["column"] for one in columns] == [row["column"] for row in found]
    assert [one["values"] for one in columns] == [row["values"] for row in found]
    page = _read(running, job, "profile.html").decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.lower()


def _read(running: bootstrap.Services, job: JobView, name: str) -> bytes:
    return b"".join(running.artifacts.open(job.id, f"profile/{name}").chunks)


def test_frequent_values_are_counted(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    made = random.Random(_SEED)
    words = [made.choice("abcdefgh") for _ in range(5_000)]
    root = tree({f"{place}.csv": ("w\n" + "\n".join(words[place::4])).encode() for place in range(4)})
    found = rows(run_job("profile", root), "top_values")
    assert {row["value"]: row["count"] for row in found} == dict(Counter(words))
    lengths = rows(run_job("profile", root))[0]
    assert lengths["mean_length"] == statistics.mean(map(len, words))


def test_a_column_of_another_type_is_not_a_renamed_one(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    orders = b"id,amount,day\n1,2.5,2026-01-01\n2,3,2026-01-02\n"
    people = b"id,name,day\nc1,x,2026-01-01\nc2,y,2026-01-02\n"
    files = {f"orders-{n}.csv": orders for n in range(6)} | {f"people-{n}.csv": people for n in range(5)}
    files["orders-7.csv"] = orders.replace(b"amount", b"total")
    found = rows(run_job("profile", tree(files), options={"delimiter": "comma"}), "datasets")
    assert [(row["dataset"], row["files"], row["changes"]) for row in found] == [("orders", 7, 1), ("people", 5, 0)]
