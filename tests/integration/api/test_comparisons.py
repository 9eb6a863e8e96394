"""Two results side by side by HTTP."""

from __future__ import annotations

import csv
import io
import uuid
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from services import bootstrap
from tests.integration.api.conftest import Kept, RunJob, completed, problem


@pytest.fixture
def address(client: TestClient, run_job: RunJob, source: Path) -> str:
    """Return where the second of two checksums is compared with the first; one file changed, one came."""
    before = run_job()["id"]
    (source / "a.txt").write_bytes(b"HELLO")
    (source / "=new").write_bytes(b"new")
    return f"/api/jobs/{run_job()['id']}/compare/checksum?with={before}"


def test_a_comparison_is_summed_up_and_its_rows_are_asked_for(client: TestClient, address: str) -> None:
    found = client.get(address).json()
    assert (found["operation"], found["differs"], found["same_source"], found["by"]) == (
        "checksum",
        True,
        True,
        "blake3",
    )
    (table,) = found["tables"]
    assert (table["name"], table["rows"]) == ("changes", 2)
    assert {one["kind"]: one["rows"] for one in table["kinds"]} == {"changed": 1, "new": 1}
    assert {"name": "change_bytes", "dtype": "integer", "unit": "bytes"}.items() <= next(
        column for column in table["columns"] if column["name"] == "change_bytes"
    ).items()
    assert table["same_rows"] == 5

    page = client.get(f"{address}&table=changes&sort=-path&columns=kind,path").json()
    assert page["table"] == "changes"
    assert page["rows"] == [{"kind": "changed", "path": "a.txt"}, {"kind": "new", "path": "=new"}]
    filtered = client.get(f"{address}&filter=kind:eq:new").json()
    assert (filtered["total_rows"], filtered["rows"][0]["path"]) == (1, "=new")


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_differences_are_downloaded(client: TestClient, address: str, form: str) -> None:
    answer = client.get(f"{address}&format={form}&columns=path,kind")
    assert answer.status_code == 200
    assert 'filename="compare-checksum-changes-' in answer.headers["content-disposition"]
    if form == "csv":
        assert ["=new", "new"] in list(csv.reader(io.StringIO(answer.text)))
        answer = client.get(f"{address}&format={form}&columns=path,kind&spreadsheet=true")
        assert ["'=new", "new"] in list(csv.reader(io.StringIO(answer.text)))
    headers = client.head(f"{address}&format={form}")
    assert (headers.status_code, headers.content) == (200, b"")


def test_what_cannot_be_compared_is_a_problem(kept: Kept, reader: TestClient) -> None:
    address = f"/api/jobs/{kept.checksum}/compare"
    ask = lambda path: reader.get(f"{address}/{path}")  # noqa: E731 - five times the same
    problem(ask("checksum"), 422, "invalid_options")
    problem(ask("checksum?with=latest"), 422, "invalid_options")
    problem(ask(f"checksum?with={uuid.UUID(int=7)}"), 404, "job_not_found")
    problem(ask(f"checksum?with={kept.inventory}"), 404, "artifact_not_found")
    problem(ask(f"verify?with={kept.checksum}"), 422, "invalid_options")
    problem(ask(f"nothing?with={kept.checksum}&format=csv"), 422, "invalid_options")
    problem(ask(f"checksum?with={kept.checksum}&table=nothing"), 404, "artifact_not_found")
    problem(ask(f"checksum?with={kept.checksum}&filter=nope:eq:1"), 422, "invalid_options")
    assert ask(f"checksum?with={kept.checksum}").json()["differs"] is False


def test_a_job_that_waits_has_nothing_to_compare(
    services: bootstrap.Services, client: TestClient, source: Path
) -> None:
    body: dict[str, Any] = {"operations": [{"operation": "checksum"}], "source": {"path": str(source)}}
    waiting = client.post("/api/jobs", json=body).json()["id"]
    problem(client.get(f"/api/jobs/{waiting}/compare/checksum?with={waiting}"), 404, "artifact_not_found")


def test_no_algorithm_in_common_is_said(running: bootstrap.Services, client: TestClient, source: Path) -> None:
    one = completed(client, source, "checksum", algorithms=["md5"])["id"]
    other = completed(client, source, "checksum", algorithms=["crc32c"])["id"]
    found = problem(client.get(f"/api/jobs/{one}/compare/checksum?with={other}"), 422, "invalid_options")
    assert "crc32c before, md5 after" in found["detail"]
