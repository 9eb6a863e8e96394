"""Rows of a result by HTTP: lists, pages, filters, downloads."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from services import operations
from tests.integration.api.conftest import FILES, Kept, problem


@pytest.fixture
def address(kept: Kept) -> str:
    return f"/api/jobs/{kept.inventory}/results"


def rows(reader: TestClient, address: str, **params: Any) -> list[dict[str, Any]]:
    answer = reader.get(address, params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def test_without_a_table_it_lists_tables_and_files(reader: TestClient, address: str) -> None:
    found = reader.get(address).json()

    declared = [f"inventory.{table.name}" for table in operations.get("inventory").tables]
    assert [table["name"] for table in found["tables"]] == [*declared, "issues"]
    main = found["tables"][0]
    assert main["rows"] == len(FILES) + 1
    assert {"name": "size_bytes", "dtype": "integer", "unit": "bytes"}.items() <= next(
        column for column in main["columns"] if column["name"] == "size_bytes"
    ).items()
    assert "outcome.json" in [artifact["name"] for artifact in found["artifacts"]]
    for table in found["tables"]:
        assert reader.get(address, params={"table": table["name"]}).json()["total_rows"] == table["rows"]


def test_rows_come_by_pages_in_the_order_asked_for(reader: TestClient, address: str) -> None:
    whole = rows(reader, address, table="inventory.result", sort="-size_bytes,path", limit=1000)
    assert [row["size_bytes"] for row in whole] == sorted((row["size_bytes"] for row in whole), reverse=True)

    paged = [
        row
        for offset in range(0, 9, 3)
        for row in rows(reader, address, sort="-size_bytes,path", offset=offset, limit=3)
    ]
    assert paged == whole
    page = reader.get(address, params={"table": "inventory.result", "offset": 2, "limit": 3}).json()
    assert (page["table"], page["offset"], page["limit"], page["total_rows"]) == (
        "inventory.result",
        2,
        3,
        len(FILES) + 1,
    )
    assert rows(reader, address, table="inventory.result", offset=2**62) == []


def test_columns_are_given_in_the_order_asked_for_and_once(reader: TestClient, address: str) -> None:
    page = reader.get(address, params={"columns": "size_bytes,path,size_bytes", "filter": "path:eq:a.txt"}).json()
    assert page["columns"] == ["size_bytes", "path"]
    assert page["rows"] == [{"size_bytes": 5, "path": "a.txt"}]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["size_bytes:ge:100", "kind:eq:file"], {"logs/b.log", "café.bin"}),
        (["extension:in:log,csv"], {"logs/b.log", "logs/empty.log", "=1+1.csv"}),
        (["path:starts_with:logs/"], {"logs/b.log", "logs/empty.log"}),
        (["path:contains:CAF"], {"café.bin"}),
        (["path_raw:not_null:"], {r"not-utf8-\xff.txt"}),
        (["path:eq:=1+1.csv"], {"=1+1.csv"}),
        (["size_bytes:eq:0", "path:ne:logs/empty.log", "kind:eq:file"], set()),
        (["modified:gt:2100-01-01T00:00:00Z"], set()),
        (["name:contains:", "extension:eq:txt"], {"a.txt", r"not-utf8-\xff.txt"}),
    ],
)  # fmt: skip
def test_filters_are_joined(reader: TestClient, address: str, filters: list[str], expected: set[str]) -> None:
    assert {row["path"] for row in rows(reader, address, table="inventory.result", filter=filters)} == expected


def test_search_looks_into_every_text_column(reader: TestClient, address: str) -> None:
    assert {row["path"] for row in rows(reader, address, search="LOG")} == {"logs", "logs/b.log", "logs/empty.log"}
    assert rows(reader, address, search="100%") == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("filter=size_bytes", "filter"),
        ("filter=size_bytes:like:5", "filter"),
        ("filter=size_bytes:ge:five", "size_bytes"),
        ("filter=size_bytes:eq:" + "9" * 60, "filter"),
        ("filter=modified:lt:yesterday", "filter"),
        ("filter=nope:eq:1", "column"),
        ("filter=%22;drop table x:eq:1", "column"),
        ("filter=path:eq:%00", "query.filter"),
        ("sort=nope", "column"),
        ("sort=-", "column"),
        ("columns=path,nope", "column"),
        ("table=result&limit=0", "query.limit"),
        ("table=result&limit=100001", "query.limit"),
        ("table=result&offset=-1", "query.offset"),
        (f"table=result&offset={2**64}", "query.offset"),
        ("table=result&format=xlsx", "query.format"),
        ("tabel=result", "query.tabel"),
        ("&".join(["filter=size_bytes:ge:1"] * 51), "query.filter"),
        (f"search={'x' * 501}", "query.search"),
    ],
)
@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_question_that_makes_no_sense_is_named(
    reader: TestClient, address: str, query: str, named: str, form: str
) -> None:
    ask = query if form == "json" or "format" in query else f"{query}&format={form}"
    found = problem(reader.get(f"{address}?{ask}"), 422, "invalid_options")
    assert named in found["errors"][0]["field"]


def test_an_unknown_table_is_not_found(reader: TestClient, address: str) -> None:
    for query in ("table=nope", "table=nope&format=csv", "table=../result", "table=result%2Fpart-00000"):
        problem(reader.get(f"{address}?{query}"), 404, "artifact_not_found")


def test_csv_is_whole_and_exact_or_safe_to_open(reader: TestClient, address: str) -> None:
    answer = reader.get(address, params={"format": "csv", "sort": "path", "columns": "path,size_bytes"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="inventory-result-')
    table = list(csv.reader(io.StringIO(answer.text)))
    assert table[0] == ["path", "size_bytes"]
    assert ["=1+1.csv", "4"] in table
    assert len(table) == len(FILES) + 2
    safe = reader.get(address, params={"format": "csv", "columns": "path,size_bytes", "spreadsheet": "true"})
    assert ["'=1+1.csv", "4"] in list(csv.reader(io.StringIO(safe.text)))
    for other in ("jsonl", "parquet", "json"):
        found = problem(reader.get(address, params={"format": other, "spreadsheet": "true"}), 422, "invalid_options")
        assert found["errors"][0]["field"] == "spreadsheet"


def test_jsonl_and_parquet_hold_the_rows_that_match(reader: TestClient, address: str) -> None:
    wanted = {"table": "inventory.result", "filter": "kind:eq:file", "sort": "-size_bytes,path"}
    expected = [row["path"] for row in rows(reader, address, **wanted)]

    lines = reader.get(address, params={**wanted, "format": "jsonl", "limit": 1})
    assert lines.headers["content-type"] == "application/jsonl"
    assert [json.loads(line)["path"] for line in lines.text.splitlines()] == expected

    shard = reader.get(address, params={**wanted, "format": "parquet", "offset": 3})
    assert shard.headers["content-type"] == "application/vnd.apache.parquet"
    assert pq.read_table(io.BytesIO(shard.content)).column("path").to_pylist() == expected


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_empty_table_downloads_as_an_empty_table(reader: TestClient, address: str, form: str) -> None:
    answer = reader.get(address, params={"table": "inventory.result", "filter": "path:eq:nothing", "format": form})
    assert answer.status_code == 200
    if form == "parquet":
        assert pq.read_table(io.BytesIO(answer.content)).num_rows == 0
    else:
        assert len(answer.text.splitlines()) == (1 if form == "csv" else 0)


def test_head_tells_of_a_download_without_making_it(reader: TestClient, address: str) -> None:
    answer = reader.head(address, params={"format": "csv"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert reader.head(address, params={"format": "csv", "columns": "nope"}).status_code == 422
