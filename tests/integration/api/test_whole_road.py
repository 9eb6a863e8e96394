"""The whole road by HTTP: submit, poll, rows, bytes, range; two clients at once; many kinds of names."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from services import bootstrap
from tests import asking, doors
from tests.integration.api.conftest import FILES, RunJob, completed, ended, mounted


def test_checksum_from_post_to_bytes(client: TestClient, run_job: RunJob) -> None:
    view = run_job("checksum", algorithms=["sha256", "blake3"])

    assert view["progress"]["files_done"] == len(FILES)
    assert view["outcome"]["results"][0]["summary"]["files"] == len(FILES)
    assert [event["status"] for event in view["events"]] == ["PENDING", "RUNNING", "COMPLETED"]

    address = f"/api/jobs/{view['id']}"
    page = client.get(f"{address}/results", params={"table": "checksum.result", "sort": "path"}).json()
    digests = {row["path"]: row["sha256"] for row in page["rows"]}
    assert digests == {
        (name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name): hashlib.sha256(
            content
        ).hexdigest()
        for name, content in FILES.items()
        if content is not None
    }

    names = [one["name"] for one in client.get(f"{address}/artifacts").json()["items"]]
    assert {"checksum/manifest.sha256", "outcome.json", "issues.parquet"} <= set(names)
    for name in names:
        whole = client.get(f"{address}/artifacts/{name}")
        assert whole.status_code == 200
        assert int(whole.headers["content-length"]) == len(whole.content)
        part = client.get(f"{address}/artifacts/{name}", headers={"Range": "bytes=3-9"})
        assert (part.status_code, part.content) == (206, whole.content[3:10])
    shards = [n for n in names if n.startswith("checksum/result/")]  # as many as threads had a row to write
    tables = [pq.read_table(io.BytesIO(client.get(f"{address}/artifacts/{n}").content)) for n in shards]
    assert sum(table.num_rows for table in tables) == len(FILES)


def test_verify_reads_an_earlier_jobs_manifest(client: TestClient, run_job: RunJob, source: Path) -> None:
    first = run_job("checksum")
    (source / "a.txt").write_bytes(b"HELLO")

    view = run_job("verify", manifest=f"job:{first['id']}")

    assert view["outcome"]["results"][0]["summary"]["verdict"] == "failed"
    rows = client.get(f"/api/jobs/{view['id']}/results", params={"filter": "status:eq:changed"}).json()["rows"]
    assert [row["path"] for row in rows] == ["a.txt"]


def test_two_clients_at_once_each_get_their_own_job(running: bootstrap.Services, source: Path) -> None:
    found: dict[str, list[str]] = {"inventory": [], "checksum": []}
    failures: list[BaseException] = []
    start = threading.Barrier(2)

    def use(operation: str) -> None:
        try:
            with TestClient(mounted(running), headers=doors.bearer(running)) as client:
                start.wait(10)
                for _ in range(3):
                    body = asking.body(operation, source)
                    answer = client.post("/api/jobs", json=body)
                    assert answer.status_code == 201, answer.text
                    view = ended(client, answer.json()["id"])
                    rows = client.get(
                        f"/api/jobs/{view['id']}/results?table={operation}.result&columns=path&sort=path"
                    ).json()
                    assert view["operations"][0]["operation"] == operation
                    found[operation].append(json.dumps([row["path"] for row in rows["rows"]]))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(operation,)) for operation in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not failures
    assert [len(set(answers)) for answers in found.values()] == [1, 1]
    assert [len(answers) for answers in found.values()] == [3, 3]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_the_same_job_again_downloads_the_same_table(client: TestClient, run_job: RunJob, form: str) -> None:
    address = f"/api/jobs/{run_job()['id']}/results?format={form}&sort=path"
    assert client.get(address).content == client.get(address).content != b""


def test_a_converted_file_with_another_value_is_told(
    client: TestClient, run_job: RunJob, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "t.csv").write_bytes(b"id,x\n1,2\n3,4\n")
    monkeypatch.setenv("PRAVAH_FAULT", "spoil")
    view = run_job("convert", to="csv", prove_values=True)
    outcome = view["outcome"]["results"][0]["summary"]
    assert (outcome["verdict"], outcome["changed_files"], outcome["proven_values"]) == ("failed", 1, 0)
    rows = client.get(f"/api/jobs/{view['id']}/results", params={"filter": "proof:eq:different"}).json()["rows"]
    assert [(row["path"], row["verdict"]) for row in rows] == [("t.csv", "failed")]
    issues = client.get(f"/api/jobs/{view['id']}/results", params={"table": "issues"}).json()["rows"]
    assert any('column "x" has other values than were read' in issue["message"] for issue in issues)


def test_the_schema_of_a_profile_is_what_validate_takes(client: TestClient, run_job: RunJob, source: Path) -> None:
    drop = source / "drop"
    drop.mkdir()
    for name, day in (("x", "2024-02-29"), ("y", "2024-03-01"), ("z", "2024-04-30"), ("wrong", "1/31/24")):
        (drop / f"{name}.csv").write_text(f"id,day\n{len(name)},{day}\n")
    inventory = run_job("inventory")
    profile = completed(client, drop, "profile")

    answer = client.get(f"/api/jobs/{profile['id']}/schema")

    assert answer.status_code == 200
    assert [(one["name"], one["type"]) for one in answer.json()["fields"]] == [("id", "integer"), ("day", "date")]
    found = client.get(f"/api/jobs/{profile['id']}/problems").json()
    assert [(one["path"], one["record"]) for one in found["items"]] == [("wrong.csv", 1)] and found["total"] == 1
    given: tuple[dict[str, str], ...] = (
        {"schema_file": f"job:{profile['id']}"},
        {"schema_text": json.dumps(answer.json())},
    )
    for options in given:
        view = completed(client, drop, "validate", **options)
        rows = client.get(f"/api/jobs/{view['id']}/results", params={"filter": "verdict:eq:invalid"}).json()["rows"]
        assert [row["path"] for row in rows] == ["wrong.csv"]
    missing = client.get(f"/api/jobs/{inventory['id']}/schema")
    assert (missing.status_code, missing.json()["code"]) == (404, "artifact_not_found")
