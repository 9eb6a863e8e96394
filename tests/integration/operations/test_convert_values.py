"""convert changes no value: what other readers find in the converted files is what stood in the source."""

from __future__ import annotations

import csv
import datetime
import io
import json
import random
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services import bootstrap
from services.models.jobs import JobView
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261128
_FIELDS = [
    *["1.50", "1.5", "1E5", "2e10", "TRUE", "false", "2024/02/29", "2024-03-01", "07:30", "-0", "+1", "5.", ".5"],
    *["1e300", "0007", "9007199254740993", "12345678901234567.89", "NA", "NULL", "null", "None", "NaN", "\\N", ""],
    *[" x ", "a,b", 'say "hi"', "two\nlines", "é", "2024-01-01 00:00:00.123456789", "2026-04-05T01:30:00+11:00"],
]


def _parquet(running: bootstrap.Services, job: JobView, name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(converted(running, job, name)))


def _records(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode(), newline="")))


@pytest.mark.parametrize("options", [{}, {"sort_by": ["id"]}], ids=["plain", "sorted"])
def test_csv_becomes_csv_with_the_text_of_every_field(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, options: dict[str, Any]
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    files: dict[str | bytes, bytes | None] = {}
    tables = {}
    for number in range(20):
        header = ["id", " padded ", "Name", 'with "quotes"', "a,b"]
        few = made.sample(_FIELDS, 4)
        body = [[str(row), *(made.choice(made.choice((_FIELDS, few))) for _ in header[1:])] for row in range(100, 300)]
        out = io.StringIO()
        csv.writer(out, delimiter=made.choice(",;\t"), lineterminator=made.choice(["\n", "\r\n"])).writerows(
            [header, *body]
        )
        files[f"{number}.csv"] = out.getvalue().encode()
        tables[f"{number}.csv"] = [header, *body]
    job = run_job("convert", tree(files), options={"to": "csv", **options})
    for name, table in tables.items():
        assert _records(converted(running, job, name)) == table, name


def test_partitions_of_csv_have_the_text_of_fields_too(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    root = tree({"a.csv": b"version,n\n1.10,1E5\n1.1,TRUE\n1.10,007\n"})
    job = run_job("convert", root, options={"to": "csv", "partition_by": ["version"], "sort_by": ["n"]})
    assert _records(converted(running, job, "version=1.10/a.csv")) == [["n"], ["007"], ["1E5"]]
    assert _records(converted(running, job, "version=1.1/a.csv")) == [["n"], ["TRUE"]]


def test_numbers_of_any_length_are_the_same_numbers(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)

    def number(whole: int, scale: int) -> str:
        digits = str(made.randrange(10**whole))
        sign = made.choice(["", "", "-"])
        return f"{sign}{digits}.{made.randrange(10**scale):0{scale}}" if scale else sign + digits

    columns = {
        "money": [number(5, 2) for _ in range(6_000)],
        "long": [number(17, 2) for _ in range(6_000)],
        "wide": [number(made.randrange(1, 30), 30) for _ in range(6_000)],
        "late": [number(3, 2) for _ in range(5_999)] + ["12345678901234567.89"],
        "beyond": [str(made.randrange(2**53, 2**63)) for _ in range(5_999)] + ["0.5"],
        "floats": [repr(made.random() * 10 ** made.randrange(-20, 20)) for _ in range(6_000)],
        "integers": [str(made.randrange(-(2**63), 2**63)) for _ in range(6_000)],
        "huge": [number(60, 60) for _ in range(6_000)],
        "versions": [f"3.{made.randrange(20)}" for _ in range(6_000)],
    }
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    root = tree({"a.csv": "\n".join(lines).encode()})
    job = run_job("convert", root)
    table = _parquet(running, job, "a.parquet")
    kinds = {row["column"]: (row["type"], row["note"]) for row in rows(job, "columns")}
    assert {name: kind for name, (kind, _) in kinds.items()} == {
        "money": "float",
        "long": "decimal(19,2)",
        "wide": "decimal(59,30)",
        "late": "decimal(19,2)",
        "beyond": "decimal(20,1)",
        "floats": "float",
        "integers": "integer",
        "huge": "text",
        "versions": "text",
    }
    assert {name for name, (_, note) in kinds.items() if note} == {"long", "wide", "late", "beyond", "huge", "versions"}
    for name, values in columns.items():
        found = table[name].to_pylist()
        if kinds[name][0] == "text":
            assert found == values, name
            continue
        same = [Decimal(repr(value) if isinstance(value, float) else value) for value in found]
        assert same == [Decimal(value) for value in values], name
    (result,) = rows(job)
    assert result["readings"] >= 2
    lines = converted(running, run_job("convert", root, options={"to": "jsonl"}), "a.jsonl").decode().splitlines()
    for line, row in zip(lines, zip(*columns.values(), strict=True), strict=True):
        # As most readers do it, with floats.
        found = [repr(value) if isinstance(value, float) else value for value in json.loads(line).values()]
        assert [Decimal(value) for value in found] == [Decimal(value) for value in row]


def test_moments_keep_their_nanoseconds_and_their_zones(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    text = (
        "ns,zoned,mixed,far,clock\n"
        "2024-01-01 00:00:00.123456789,2026-04-05T01:30:00+11:00,2026-04-05T01:30:00Z,9999-12-31 00:00:00,07:30\n"
        "2024-01-01 00:00:00.123456001,2026-04-04T14:30:00Z,2026-04-05T01:30:00,2024-01-01 00:00:00.000000001,"
        "07:30:00.000000001\n"
        "2024-01-01 00:00:00,2026-04-05T01:30:00.5-02:30,2026-04-05 01:30,0001-01-01 00:00:00,08:00:00\n"
    )
    job = run_job("convert", tree({"a.csv": text.encode()}))
    table = _parquet(running, job, "a.parquet")
    assert table.schema.types == [
        pa.timestamp("ns"),
        pa.timestamp("us", "UTC"),
        pa.string(),
        pa.string(),
        pa.time64("ns"),
    ]
    records = list(csv.DictReader(io.StringIO(text)))
    for name in ("mixed", "far"):
        assert table[name].to_pylist() == [record[name] for record in records]
    assert [value % 1_000 for value in table["ns"].cast(pa.int64()).to_pylist()] == [789, 1, 0]
    assert [value % 1_000 for value in table["clock"].cast(pa.int64()).to_pylist()] == [0, 1, 0]
    assert table["zoned"].to_pylist() == [datetime.datetime.fromisoformat(record["zoned"]) for record in records]
    notes = {row["column"]: row["note"] for row in rows(job, "columns")}
    assert "have a zone, others have none" in notes["mixed"]
    assert "outside the years" in notes["far"]
    assert notes["ns"] is None


def test_types_that_are_asked_for_reject_what_they_would_change_and_count_what_they_round(
    run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    text = b"n,at\n9007199254740993,2024-01-01 00:00:00\n0.5,2024-01-01 00:00:00Z\n1.50,2024-01-01 00:00:00.5\n"
    job = run_job("convert", tree({"a.csv": text}), options={"column_types": ["n=float", "at=timestamp"]})
    summary = job.result("convert")["summary"]
    assert (summary["records_written"], summary["records_rejected"]) == (2, 1)
    assert [row["reason"] for row in rows(job, "rejects")] == ["not of type timestamp"]
    (note, _) = (row["note"] for row in rows(job, "columns"))
    assert note.startswith("1 numbers have more digits than a float holds")


def _shown(column: pa.ChunkedArray) -> str:
    """Return all values as text: Python has no dates beyond the year 9999, and NaN is not equal to NaN."""
    return str((column.cast(pa.int32()) if pa.types.is_date(column.type) else column).to_pylist())


def _nested() -> pa.Table:
    zoned = [datetime.datetime(2024, 1, 1, 12, 30, tzinfo=datetime.UTC), None, None]
    entry = pa.struct([("k", pa.int32()), ("gone", pa.string())])
    return pa.table(
        {
            "dec": pa.array([Decimal("-123456789012345678.0123456789"), None, Decimal(0)], pa.decimal128(38, 10)),
            "wide": pa.array([Decimal("1.50000"), None, Decimal("-3.00001")], pa.decimal256(60, 5)),
            "price": pa.array([Decimal("0.10"), Decimal("-99.99"), None], pa.decimal128(9, 2)),
            "big": pa.array([2**64 - 1, 1, None], pa.uint64()),
            "small": pa.array([1, None, -3], pa.int8()),
            "ns": pa.array([1_704_067_200_123_456_789, None, -1], pa.timestamp("ns")),
            "zoned": pa.array(zoned, pa.timestamp("us", "Europe/Berlin")),
            "clock": pa.array([1, None, 86_399_999_999_999], pa.time64("ns")),
            "far": pa.array([12_997 * 366, -800_000, None], pa.date32()),
            "bytes": pa.array([b"\xff\x00", b"", None], pa.binary()),
            "real": pa.array([float("nan"), float("-inf"), -0.0], pa.float64()),
            "half": pa.array([0.1, None, 1e-30], pa.float32()),
            "list": pa.array([[1, None], [], None], pa.list_(pa.int32())),
            "structs": pa.array([[{"k": 1, "gone": None}], [None], []], pa.list_(entry)),
            "struct": pa.array([{"k": 1, "gone": None}, None, {"k": None, "gone": "x"}], entry),
            "map": pa.array([[("a", 1), ("b", None)], None, []], pa.map_(pa.string(), pa.int32())),
        }
    )


@pytest.mark.parametrize("options", [{}, {"sort_by": ["big"]}, {"file_bytes": 1 << 20}], ids=["plain", "sorted", "cut"])
def test_parquet_becomes_parquet_of_the_same_types_and_values(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services, options: dict[str, Any]
) -> None:
    table = _nested()
    root = tree({})
    pq.write_table(table, root / "t.parquet")
    with pa.ipc.new_stream(root / "s.arrows", table.schema) as writer:
        writer.write_table(table)
    job = run_job("convert", root, options=options)
    for name in ("t", "s"):
        found = _parquet(running, job, f"{name}-00001.parquet" if "file_bytes" in options else f"{name}.parquet")
        wanted = table.take(pa.array([1, 0, 2])) if "sort_by" in options else table
        assert found.schema.types == wanted.schema.types, name
        for column in wanted.column_names:
            assert _shown(found[column]) == _shown(wanted[column]), (name, column)
    assert {row["type_is"] for row in rows(job, "columns")} == {"of the source"}
    assert rows(job, "issues") == []


def test_parquet_becomes_json_lines_that_stay_nested(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    table = _nested()
    root = tree({})
    pq.write_table(table, root / "t.parquet")
    job = run_job("convert", root, options={"to": "jsonl"})
    found = [json.loads(line) for line in converted(running, job, "t.jsonl").decode().splitlines()]
    for name in ("big", "small", "list", "structs", "struct"):
        assert [one[name] for one in found] == table[name].to_pylist(), name
    assert [one["map"] for one in found] == [{"a": 1, "b": None}, None, {}]
    assert [one["dec"] for one in found] == ["-123456789012345678.0123456789", None, "0.0000000000"]
    assert [one["price"] for one in found] == [0.10, -99.99, None]
    assert found[0]["zoned"] == "2024-01-01T12:30:00Z"
    assert [one["real"] for one in found] == [None, None, -0.0]
    (issue,) = rows(job, "issues")
    assert issue["message"].startswith("2 floats are NaN or infinite")


def test_columns_of_one_name_are_renamed_and_told(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    root = tree({"a.csv": b"a,a,\n1,x,y\n"})
    table = pa.table([pa.array([1, 2]), pa.array(["x", "y"])], names=["a", "a"])
    pq.write_table(table, root / "t.parquet")
    job = run_job("convert", root, options={"header_rows": 1})
    assert _parquet(running, job, "t.parquet").column_names == ["a", "a_2"]
    notes = {(row["path"], row["column"]): row["note"] for row in rows(job, "columns")}
    assert notes["t.parquet", "a_2"] == notes["a.csv", "a_2"] == "renamed: the file has two columns of the name a"
    assert notes["a.csv", "column_3"] == "renamed: it has no name in the file"
    assert notes["a.csv", "a"] is None


def test_json_lines_become_json_lines_as_they_are_and_what_is_odd_is_told(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    good = [
        '{"id":1,"tags":["a","b"],"o":{"x":[1,2],"y":{"z":"12"}},"n":1.10}',
        '{"n":1e5, "tags":[], "o":null, "id":9007199254740993}',
        '{"id":12345678901234567.89,"t":"cut \\ud83d","u":"\\u0041"}',
        '{"l":[{"k":1,"k":2}],"t":"\\ud83d\\ude00"}',
        "{}",
    ]
    bad = ['{"o":{"x":1},"o":{"y":2}}', '{"o":{"x":1,"x":2}}']
    root = tree({"a.jsonl": "\n".join([good[0], bad[0], *good[1:], bad[1]]).encode()})
    job = run_job("convert", root, options={"to": "jsonl"})
    assert converted(running, job, "a.jsonl").decode().splitlines() == good
    assert converted(running, job, "a.rejects.jsonl").decode().splitlines() == bad
    told = " ".join(row["message"] for row in rows(job, "issues"))
    assert "2 of 7 values" in told
    assert "1 keys appear twice in an object inside a list" in told
    assert "1 times a text has half of a surrogate pair" in told


def test_null_words_are_null_only_where_other_values_are_no_texts(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    text = b"iso,town,score,day,only\nNA,None,1.5,2024-01-01,NA\nDE,NaN,NaN,null,NA\nFR,Null,NA,NA,NA\n"
    root = tree({"a.csv": text})
    expected = {"score": "NA: 1, NaN: 1", "day": "NA: 1, null: 1"}
    job = run_job("convert", root)
    table = _parquet(running, job, "a.parquet")
    assert table["iso"].to_pylist() == ["NA", "DE", "FR"]
    assert table["town"].to_pylist() == ["None", "NaN", "Null"]
    assert table["score"].to_pylist() == [1.5, None, None]
    assert table["day"].to_pylist() == [datetime.date(2024, 1, 1), None, None]
    assert table["only"].to_pylist() == ["NA"] * 3
    assert {row["column"]: row["null_words"] for row in rows(job, "columns") if row["null_words"]} == expected
    profile = run_job("profile", root)
    found = {row["column"]: row for row in rows(profile)}
    assert {name: row["null_words"] for name, row in found.items() if row["null_words"]} == expected
    assert [found[name]["nulls"] for name in ("iso", "town", "score", "day", "only")] == [0, 0, 2, 2, 0]
    assert [found[name]["distinct"] for name in ("iso", "town", "score", "day", "only")] == [3, 3, 1, 1, 1]
    assert {row["column"]: row["null_words"] for row in rows(profile, "by_file") if row["null_words"]} == expected
    everywhere = run_job("convert", root, options={"null_values": ["NA"]})
    assert _parquet(running, everywhere, "a.parquet")["iso"].to_pylist() == [None, "DE", "FR"]


@pytest.mark.parametrize("to", ["parquet", "csv", "jsonl"])
def test_the_value_proof_covers_every_value(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, rows: Rows, to: str
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    body = [[str(row), made.choice(_FIELDS), made.choice(["1.50", "2.25", ""])] for row in range(400)]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["id", "any", "price"], *body])
    job = run_job("convert", tree({"a.csv": out.getvalue().encode()}), options={"to": to, "prove_values": True})
    assert job.outcome is not None
    values = sum(bool(field) for record in body for field in record)
    summary = job.outcome["results"][0]["summary"]
    assert summary["value_proof"] == f"400 records, {values:,} values, fingerprints equal"
    assert [one["proof"] for one in rows(job)] == ["equal"]
    columns = rows(job, "columns")
    assert sum(one["values"] for one in columns) == values
    if to == "parquet":
        file = pq.ParquetFile(io.BytesIO(converted(running, job, "a.parquet")))
        table, kept = file.read(), json.loads(file.metadata.metadata[b"pravah.values"])
        assert (kept["records"], kept["values"]) == (table.num_rows, values)
        assert [one["fingerprint"] for one in kept["columns"]] == [one["fingerprint"] for one in columns]
        assert [one["values"] for one in kept["columns"]] == [len(one) - one.null_count for one in table.columns]
