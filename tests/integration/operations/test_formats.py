"""JSON Lines, Parquet and Arrow as profile, validate and convert read them, against what other readers find."""

from __future__ import annotations

import datetime
import io
import json
import random
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.feather as pf
import pyarrow.parquet as pq
import pytest

from services import bootstrap
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261126
_TEXTS = ["", "a", "é", "😀", '"', "\\", "\n", "\u2028", "null", "NA", "1", "007", "true", "2024-02-29x", "{}"]


def _value(made: random.Random, depth: int = 0) -> Any:
    kind = made.randrange(8 if depth < 3 else 5)
    if kind < 5:
        return [None, made.randrange(-(2**40), 2**40), made.random() * 1e6, made.random() < 0.5, _text(made)][kind]
    if kind == 5:
        return [_value(made, 3) for _ in range(made.randrange(3))]
    return {made.choice("pqr"): _value(made, depth + 1) for _ in range(made.randrange(3))}


def _text(made: random.Random) -> str:
    return "".join(made.choices(_TEXTS, k=made.randrange(3)))


def test_records_of_any_shape_keep_their_values(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    files: dict[str | bytes, bytes | None] = {}
    tables = {}
    for number in range(40):
        names = made.sample(["id", "a", "b", "key é", 'quo"te', "x.y"], 4)
        records = [{name: _value(made) for name in names if made.random() < 0.8} for _ in range(50)]
        ascii_only = made.random() < 0.5
        lines = [json.dumps(record, ensure_ascii=ascii_only, separators=(",", ":")) for record in records]
        files[f"{number}.jsonl"] = made.choice(["\n", "\r\n"]).join(lines).encode()
        tables[f"{number}.jsonl"] = records
    job = run_job("convert", tree(files), options={"to": "jsonl"})
    for name, records in tables.items():
        found = [json.loads(line) for line in converted(running, job, name).decode().split("\n")[:-1]]
        assert found == records, name


def _table(rows: int) -> pa.Table:
    made = random.Random(_SEED)

    def some(value: Any) -> Any:
        return None if made.random() < 0.1 else value

    day = datetime.date(2020, 1, 1)
    moment = datetime.datetime(2020, 1, 1, 12, 30, tzinfo=datetime.UTC)
    columns = {
        "id": pa.array(range(rows), pa.int32()),
        "amount": pa.array([some(round(made.gauss(0, 1000), 2)) for _ in range(rows)]),
        "small": pa.array([some(made.random()) for _ in range(rows)], pa.float32()),
        "word": pa.array([some(_text(made)) for _ in range(rows)]),
        "few": pa.array([some(made.choice(["NA", "b", ""])) for _ in range(rows)]).dictionary_encode(),
        "day": pa.array([some(day + datetime.timedelta(days=made.randrange(4000))) for _ in range(rows)]),
        "at": pa.array([some(moment + datetime.timedelta(microseconds=made.randrange(10**12))) for _ in range(rows)]),
        "flag": pa.array([some(made.random() < 0.5) for _ in range(rows)]),
        "where": pa.array([some({"lat": made.random(), "name": some(_text(made))}) for _ in range(rows)]),
        "tags": pa.array([some([some(made.choice("xyz")) for _ in range(made.randrange(3))]) for _ in range(rows)]),
    }
    return pa.table(columns)


def test_tables_become_what_they_were(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    print(f"seed {_SEED}")
    table = _table(30_000)
    root = tree({})
    pq.write_table(table, root / "t.parquet", row_group_size=7_000)
    pf.write_feather(table, root / "f.feather", compression="lz4")
    with pa.ipc.new_stream(root / "s.arrows", table.schema) as writer:
        writer.write_table(table)
    # A schema of all files: their values are read as text.
    job = run_job("convert", root, options={"columns": "union"})
    assert {row["path"]: row["records_written"] for row in rows(job)} == dict.fromkeys(
        ("t.parquet", "f.feather", "s.arrows"), 30_000
    )
    flat = table.flatten()
    for name in ("t", "f", "s"):
        found = pq.read_table(io.BytesIO(converted(running, job, f"{name}.parquet")))
        assert found.column_names == flat.column_names
        for column in flat.column_names:
            theirs, ours = flat[column], found[column]
            if pa.types.is_dictionary(theirs.type):
                theirs = theirs.cast(pa.string())
            if column == "tags":
                assert [None if one is None else json.loads(one) for one in ours.to_pylist()] == theirs.to_pylist()
            elif column == "small":
                # The shortest decimal of 32 bits is the same number again.
                assert ours.cast(pa.float32()).equals(theirs), column
            else:
                assert ours.cast(theirs.type).equals(theirs), column


# All that pyarrow can write.
_CODECS = ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]


def test_parquet_is_read_whatever_its_pages_are_packed_with(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    table = _table(20_000).drop_columns(["where", "tags"])
    root, names = tree({}), []
    for codec in _CODECS:
        for version in ("1.0", "2.0"):
            names.append(f"{codec}-{version[0]}.parquet")
            pq.write_table(
                table,
                root / names[-1],
                compression=codec,
                data_page_version=version,
                data_page_size=4096,
                row_group_size=9_000,
                use_dictionary=["word"],
            )
    job = run_job("convert", root)
    assert rows(job, "issues") == []
    assert {row["path"]: row["records_written"] for row in rows(job)} == dict.fromkeys(names, 20_000)
    first, *others = (converted(running, job, name) for name in names)
    assert all(pq.read_table(io.BytesIO(one)).equals(pq.read_table(io.BytesIO(first))) for one in others)
    profiles = rows(run_job("profile", root), "files")
    assert {row["path"]: row["records"] for row in profiles} == dict.fromkeys(names, 20_000)


@pytest.mark.parametrize("codec", ["gzip", "brotli"])
def test_a_page_that_unpacks_to_more_than_it_claims_is_an_issue(
    codec: str, run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    root, count = tree({"whole.csv": b"n\n1\n"}), 1 << 25
    zeros = pa.table({"n": pa.array(memoryview(bytes(8 * count)).cast("q"), type=pa.int64())})
    pq.write_table(
        zeros,
        root / "bomb.parquet",
        compression=codec,
        use_dictionary=False,
        data_page_size=1 << 30,
        row_group_size=count,
    )
    del zeros
    content = bytearray((root / "bomb.parquet").read_bytes())
    # The header of the page begins with its type and its two sizes, each behind the type of its field.
    assert len(content) < 1 << 20
    assert content[4:7] == b"\x15\x00\x15"
    end = next(at for at in range(7, 16) if content[at] < 0x80)
    # 64 KiB in as many bytes as the true size.
    claimed = (64 << 10) << 1
    for at in range(7, end + 1):
        content[at] = claimed & 0x7F | (0x80 if at < end else 0)
        claimed >>= 7
    (root / "bomb.parquet").write_bytes(content)
    for operation in ("profile", "convert"):
        job = run_job(operation, root)
        (issue,) = rows(job, "issues")
        assert (issue["path"], issue["kind"]) == ("bomb.parquet", "malformed")
        assert f"a page unpacks with {codec} to more than the 65536 bytes it claims" in issue["message"]


def test_lzo_is_not_supported_and_says_so(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    root = tree({})
    pq.write_table(pa.table({"n": [1, 2, 3]}), root / "a.parquet", compression="snappy", use_dictionary=False)
    content = bytearray((root / "a.parquet").read_bytes())
    # The path of the column, then its codec: snappy is 1, LZO is 3.
    at = content.rindex(b"\x18\x01n\x15\x02") + 4
    content[at] = 6
    (root / "a.parquet").write_bytes(content)
    (issue,) = rows(run_job("profile", root), "issues")
    assert issue["kind"] == "unsupported"
    assert "compressed with LZO, which is not supported" in issue["message"]


def test_parquet_becomes_csv_that_duckdb_reads_as_the_same(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, tmp_path: Path
) -> None:
    print(f"seed {_SEED}")
    table = _table(5_000).select(["id", "amount", "word", "day", "flag"])
    root = tree({})
    pq.write_table(table, root / "t.parquet")
    job = run_job("convert", root, options={"to": "csv"})
    path = tmp_path / "t.csv"
    path.write_bytes(converted(running, job, "t.csv"))
    with duckdb.connect() as connection:
        types = "{'id': 'INTEGER', 'amount': 'DOUBLE', 'word': 'VARCHAR', 'day': 'DATE', 'flag': 'BOOLEAN'}"
        csv = f"read_csv('{path}', columns={types}, force_not_null=['word'])"
        parquet = f"(SELECT * REPLACE (coalesce(word, '') AS word) FROM '{root}/t.parquet')"
        query = f"SELECT count(*) FROM ((SELECT * FROM {csv}) EXCEPT ALL SELECT * FROM {parquet})"
        assert connection.execute(query).fetchone() == (0,)


def test_all_operations_on_records_share_one_reading(
    rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    from services.models.jobs import JobRequest, OperationRequest, Source, Status

    lines = b"".join(b'{"id":%d,"name":"n%d"}\n' % (number, number % 9) for number in range(1000))
    root = tree({"a.jsonl": lines, "b.csv": b"id,name\n1,x\n"})
    names = ("profile", "validate", "convert", "checksum")
    asked = tuple(OperationRequest(operation=name) for name in names)
    view, _ = running.jobs.submit(JobRequest(operations=asked, source=Source.of_path(root)))
    job = running.jobs.wait(view.id, 60)
    assert job.status == Status.COMPLETED, job.error
    assert job.result("profile")["summary"]["records"] == 1001
    assert job.result("validate")["summary"]["good_records"] == 1001
    assert job.result("convert")["summary"]["records_written"] == 1001
    assert job.result("checksum")["summary"]["files"] == 2
