"""Exports: every row and nothing else, in bounded memory, and harmless in a spreadsheet if asked for one."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services import bootstrap
from services.base import paths
from services.base import settings as settings_module
from services.models import results
from services.models.jobs import Source, Status
from services.models.results import ResultQuery
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.results.conftest import Store, entries

FORMS = ["parquet", "csv", "jsonl"]
ROWS = 100_000


def exported(services: bootstrap.Services, job: UUID, form: str, query: ResultQuery | None = None) -> bytes:
    """Return a whole export."""
    return b"".join(services.results.export(job, "inventory.result", form, query))  # type: ignore[arg-type]


def rows_of(content: bytes, form: str) -> list[dict[str, object]]:
    """Read an export back."""
    if form == "parquet":
        return pq.read_table(io.BytesIO(content)).to_pylist()
    if form == "jsonl":
        return [json.loads(line) for line in content.splitlines()]
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.fixture
def job(store: Store) -> UUID:
    """Store rows in seven shards."""
    return store({"inventory.result": entries(ROWS)}, shard_rows=ROWS // 7 + 1)


def test_an_export_has_every_row_once_in_the_order_of_the_files(services: bootstrap.Services, job: UUID) -> None:
    paths_in_order = [f"folder/{number:07d}.txt" for number in range(ROWS)]
    for form in FORMS:
        rows = rows_of(exported(services, job, form), form)
        assert [row["path"] for row in rows] == paths_in_order, form
        assert [int(row["size_bytes"]) for row in rows[:3]] == [0, 919, 838]  # type: ignore[call-overload]


def test_an_export_is_filtered_sorted_and_narrowed(services: bootstrap.Services, job: UUID) -> None:
    filters = (results.parse_filter("size_bytes:ge:990"), results.parse_filter("extension:eq:c"))
    query = ResultQuery(columns=("size_bytes", "path"), filters=filters, sort=("-size_bytes", "path"))
    total = services.results.query(job, "inventory.result", query.model_copy(update={"limit": 1})).total_rows
    for form in FORMS:
        rows = rows_of(exported(services, job, form, query), form)
        assert len(rows) == total > 100, form
        keys = [(-int(row["size_bytes"]), row["path"]) for row in rows]  # type: ignore[call-overload]
        assert keys == sorted(keys)  # type: ignore[type-var]
        assert list(rows[0]) == ["size_bytes", "path"]


@pytest.mark.parametrize("form", FORMS)
def test_a_table_without_rows_exports_its_columns(services: bootstrap.Services, store: Store, form: str) -> None:
    content = exported(services, store({"inventory.result": entries(0)}), form)
    assert rows_of(content, form) == []
    if form == "csv":
        assert content.startswith(b"path,path_raw,name,")
    if form == "parquet":
        assert pq.read_table(io.BytesIO(content)).column_names[:2] == ["path", "path_raw"]


HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    '=cmd|"/c calc"!A0',
    "plain",
    'quo"te,comma',
    "line\nbreak",
    "'",
]


def test_values_are_exact_and_only_for_a_spreadsheet_no_cell_is_a_formula(
    services: bootstrap.Services, store: Store
) -> None:
    names = [*HOSTILE, "'=1+1"]
    table = pa.table({"path": pa.array(names), "size_bytes": pa.array([-5] * len(names), pa.int64())})
    job = store({"inventory.result": table})
    for form in FORMS:
        assert [row["path"] for row in rows_of(exported(services, job, form), form)] == names, form
    rows = rows_of(exported(services, job, "csv", ResultQuery(spreadsheet=True)), "csv")
    cells = [str(row["path"]) for row in rows]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    # No two values become one: without its first apostrophe each cell is the value.
    assert [cell.removeprefix("'") for cell in cells] == names
    assert {row["size_bytes"] for row in rows} == {"-5"}  # a number is no formula


def test_numbers_times_and_bytes_lose_nothing(services: bootstrap.Services, store: Store) -> None:
    raw = b"a\\b\xff\n"
    table = pa.table(
        {
            "path": pa.array([paths.escape(raw)]),
            "path_raw": pa.array([raw], pa.binary()),
            "inode": pa.array([2**64 - 1], pa.uint64()),
            "modified": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
        }
    )
    job = store({"inventory.result": table})
    for form in ("csv", "jsonl"):
        row = rows_of(exported(services, job, form), form)[0]
        assert paths.unescape(str(row["path_raw"])) == raw
        assert int(row["inode"]) == 2**64 - 1  # type: ignore[call-overload]
        assert row["modified"] == "2023-11-14T22:13:20.123456789Z"
    back = pq.read_table(io.BytesIO(exported(services, job, "parquet")))
    assert back.column("path_raw").to_pylist() == [raw]
    assert back.column("modified").cast(pa.int64()).to_pylist() == [1_700_000_000_123_456_789]
    assert back.schema.field("inode").type == pa.uint64()


def test_names_that_are_not_text_survive_the_engine_and_the_export(
    services: bootstrap.Services, tree: TreeBuilder
) -> None:
    names = [b"caf\xe9", b"new\nline", b"tab\there", b"back\\slash", "ünïcode".encode(), b"\x01\x7f", b"=1+1.csv"]
    source = tree(dict.fromkeys(names, b"x"), name="odd")
    services.start_worker()
    view = services.jobs.submit(one_job(operation="inventory", source=Source.of_path(source)))[0]
    assert services.jobs.wait(view.id, 30).status == Status.COMPLETED
    rows = rows_of(exported(services, view.id, "jsonl"), "jsonl")
    found = {paths.unescape(str(row["path"])) for row in rows}
    assert found == set(names)
    for row in rows:
        if row["path_raw"] is not None:
            assert paths.unescape(str(row["path_raw"])) == paths.unescape(str(row["path"]))
    query = ResultQuery(filters=(results.parse_filter("path:eq:caf\\xe9"),))
    assert services.results.query(view.id, "inventory.result", query).total_rows == 1


def test_an_export_that_is_left_early_frees_its_cursor(services: bootstrap.Services, job: UUID) -> None:
    for _ in range(10):
        chunks = services.results.export(job, "inventory.result", "csv")
        assert next(chunks).startswith(b"path,")
        del chunks
    assert services.results.cache._pinned.total() == 0


PEAK = """
import sys, uuid
from pathlib import Path
from services import bootstrap
from services.base import settings
from services.models.results import ResultQuery

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024

with bootstrap.open_services(settings.load_settings()) as services:
    job, form = uuid.UUID(sys.argv[1]), sys.argv[2]
    services.results.query(job, "inventory.result", ResultQuery(limit=1))
    before = peak()
    size = sum(len(chunk) for chunk in services.results.export(job, "inventory.result", form))
    print(size, peak() - before)
"""


def test_an_export_streams_in_bounded_memory(
    services: bootstrap.Services, settings: settings_module.Settings, store: Store
) -> None:
    table = entries(500_000, lambda number: f"folder/{number * 2_654_435_761 % 2**32:08x}/{'long-name-' * 6}{number}")
    job = store({"inventory.result": table}, shard_rows=125_000)
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    own = {"PRAVAH_DATA_DIR": str(settings.data_dir), "PRAVAH_DATABASE_URL": url}
    for form in FORMS:
        command = [sys.executable, "-c", PEAK, str(job), form]
        answer = subprocess.run(command, env={**os.environ, **own}, capture_output=True, check=True, timeout=120)
        size, grown = map(int, answer.stdout.split())
        print(f"{form}: {size:,} bytes, memory grew by {grown:,}")
        assert size > (80 << 20 if form != "parquet" else 1 << 20), form
        assert grown < 256 << 20, form
