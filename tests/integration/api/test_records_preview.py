"""The beginning of a file of records before the start, by HTTP: its lines, its records, and why it is read so."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from tests import asking
from tests.conftest import TreeBuilder
from tests.integration.api.conftest import problem

ROWS = "".join(f"{number};{number / 4}\r\n" for number in range(200_000))
FILES: dict[str, bytes] = {
    "large.csv": f"Sales report\r\nid;price\r\n{ROWS}".encode(),
    "packed.csv.gz": gzip.compress(b"a,b\n1,2\n1,2,3\n"),
    "latin.csv": "name,town\nJos\xe9,K\xf6ln\n".encode("latin-1"),
    "lines.jsonl": b'{"a": 1, "b": "x\\"y"}\n{"a": 2}\n',
    "array.json": b'[{"a": 1}, {"a": 2}]',
    "empty.csv": b"",
    "noise.csv": bytes(range(256)) * 40,
    "notes.md": b"no table\n",
    "sub/odd.csv": b"a,b\n1,2\n",
}


@pytest.fixture
def drop(tree: TreeBuilder) -> Path:
    root = tree(FILES)
    pq.write_table(pa.table({"n": range(500_000), "t": ["x"] * 500_000}), root / "table.parquet")
    return root


@pytest.fixture
def preview(client: TestClient, drop: Path) -> Any:
    def ask(path: str, operation: str = "profile", **options: Any) -> dict[str, Any]:
        body = asking.body(operation, drop, options=options)
        answer = client.post("/api/jobs/preview/records", params={"path": path}, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return ask


def values(found: dict[str, Any]) -> list[list[str]]:
    return [record["values"] for record in found["table"]["records"]]


def test_lines_stand_beside_the_records_made_of_them(preview: Any) -> None:
    found = preview("large.csv")
    table = found["table"]
    assert table["lines"][:3] == ["Sales report", "id;price", "0;0.0"]
    assert (len(table["lines"]), len(table["records"])) == (20, 20)
    assert values(found)[:2] == [["0", "0.0"], ["1", "0.25"]]
    assert (table["names"], table["delimiter"], table["has_header"]) == (["id", "price"], ";", True)
    assert (table["header_lines"], found["is_whole"]) == (2, False)
    assert 0 < table["confidence"] <= 1
    assert "id" in table["header_reason"] or "price" in table["header_reason"]
    assert any("before the table" in note for note in found["notes"])


def test_an_option_corrects_what_was_found(preview: Any) -> None:
    found = preview("large.csv", delimiter="pipe", header_rows=0)
    assert (found["table"]["has_header"], found["table"]["columns"]) == (False, 1)
    assert values(found)[0] == ["Sales report"]


def test_what_does_not_fit_is_shown_whole(preview: Any) -> None:
    found = preview("packed.csv.gz", "convert")
    assert found["table"]["packed"] == "gzip"
    assert found["is_whole"] is True
    assert found["table"]["records"] == [{"values": ["1", "2"], "fields": None}, {"values": ["1,2,3"], "fields": 3}]
    assert any("another number of fields" in note for note in found["notes"])


def test_every_format_is_shown_as_it_is_read(preview: Any) -> None:
    assert values(preview("latin.csv", encoding="windows-1252")) == [["José", "Köln"]]
    assert values(preview("lines.jsonl")) == [["1", 'x"y'], ["2", ""]]
    assert values(preview("array.json", "validate")) == [["1"], ["2"]]
    found = preview("table.parquet")
    assert values(found)[:2] == [["0", "x"], ["1", "x"]]
    assert (found["table"]["lines"], found["is_whole"], len(found["table"]["records"])) == ([], False, 20)
    assert values(preview("sub/odd.csv")) == [["1", "2"]]


def test_what_is_no_table_is_said(preview: Any) -> None:
    found = preview("noise.csv")
    assert found["table"] is None
    assert "binary" in found["notes"][0]
    assert preview("empty.csv")["table"] is None or values(preview("empty.csv")) == []


@pytest.mark.parametrize("path", ["missing.csv", "../../etc/passwd", "/etc/passwd", "sub"])
def test_only_files_of_the_source_are_read(client: TestClient, drop: Path, path: str) -> None:
    body = asking.body("profile", drop)
    answer = client.post("/api/jobs/preview/records", params={"path": path}, json=body)
    assert path.rpartition("/")[2] in problem(answer, 404, "source_not_found")["detail"]


def test_an_operation_that_reads_no_tables_has_no_records(preview: Any) -> None:
    found = preview("sub/odd.csv", "checksum")
    assert (found["table"], found["notes"]) == (None, ["no operation of this job reads files of records"])


def test_the_preview_names_the_files_that_are_read_as_tables(client: TestClient, drop: Path) -> None:
    found = client.post("/api/jobs/preview", json=asking.body("convert", drop)).json()
    assert found["first_tables"] == sorted([*(name for name in FILES if name != "notes.md"), "table.parquet"])
    assert client.post("/api/jobs/preview", json=asking.body("checksum", drop)).json()["first_tables"] == []
    assert client.get("/api/jobs").json()["items"] == []
