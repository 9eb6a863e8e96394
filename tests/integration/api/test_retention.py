"""Keeping and cleaning by HTTP."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from services import bootstrap
from services.models.jobs import Status
from services.use_cases.retention import RetentionService
from tests import asking
from tests.integration.api.conftest import problem
from tests.rows import change

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def ended(client: TestClient, source: Path) -> list[str]:
    """Return the ids of two cancelled jobs."""
    ids = [client.post("/api/jobs", json=asking.body("inventory", source)).json()["id"] for _ in range(2)]
    for job_id in ids:
        client.post(f"/api/jobs/{job_id}/cancel")
    return ids


@pytest.fixture
def limits(services: bootstrap.Services) -> None:
    """Let the newest job alone stay."""
    config = services.settings.model_copy(update={"keep_jobs": 1})
    vars(services)["retention"] = RetentionService(services.database, services.storage, config)


def test_a_job_is_kept_and_kept_no_longer(client: TestClient, ended: list[str]) -> None:
    address = f"/api/jobs/{ended[0]}"
    assert client.get(address).json()["pinned"] is False
    for _ in range(2):
        answer = client.post(f"{address}/pin")
        assert (answer.status_code, answer.json()["pinned"]) == (200, True)
    assert {item["id"]: item["pinned"] for item in client.get("/api/jobs").json()["items"]} == {
        ended[0]: True,
        ended[1]: False,
    }
    for _ in range(2):
        answer = client.delete(f"{address}/pin")
        assert (answer.status_code, answer.json()["pinned"]) == (200, False)
    for method in ("POST", "DELETE"):
        problem(client.request(method, f"/api/jobs/{NOBODY}/pin"), 404, "job_not_found")


def test_a_dry_run_tells_and_deletes_nothing(client: TestClient, ended: list[str], limits: None) -> None:
    told = client.post("/api/clean?dry_run=true")
    assert told.status_code == 200
    document: dict[str, Any] = told.json()
    assert document["dry_run"] is True
    assert [(job["id"], job["reason"]) for job in document["jobs"]] == [(ended[0], "number")]
    assert document["held"] == {"jobs": 2, "pinned": 0, "size_bytes": 0}
    done = client.post("/api/clean").json()
    assert (done["dry_run"], done["jobs"]) == (False, document["jobs"])
    assert done["held"]["jobs"] == 1
    problem(client.get(f"/api/jobs/{ended[0]}"), 404, "job_not_found")
    assert client.post("/api/clean").json()["jobs"] == []


def test_orphans_are_told_with_their_sizes(client: TestClient, services: bootstrap.Services) -> None:
    orphan = services.settings.data_dir / "cache" / NOBODY
    orphan.mkdir()
    (orphan / "part").write_bytes(b"12345")
    moment = time.time() - 10_000
    for path in (orphan / "part", orphan):
        os.utime(path, (moment, moment))
    done = client.post("/api/clean").json()
    assert done["orphans"] == [{"kind": "cache", "name": f"cache/{NOBODY}", "size_bytes": 5}]
    assert done["freed_bytes"] == 5
    assert not orphan.exists()


def test_clean_takes_no_nonsense_and_nobody_elses_page(client: TestClient) -> None:
    problem(client.post("/api/clean?dry_run=perhaps"), 422, "invalid_options")
    problem(client.get("/api/clean"), 405, "method_not_allowed")
    foreign = client.post("/api/clean", headers={"Origin": "http://elsewhere.example"})
    problem(foreign, 403, "request_forbidden")


def test_a_result_that_an_unfinished_job_reads_is_not_deleted(
    client: TestClient, services: bootstrap.Services, ended: list[str], source: Path
) -> None:
    with services.database.transaction() as session:
        reference = session.scalar("SELECT id FROM jobs WHERE status = 'CANCELLED' LIMIT 1")
        change(session, "jobs", reference, status=Status.COMPLETED, operations=["checksum"])
    body = asking.body("verify", source, {"manifest": f"job:{reference}"})
    user = client.post("/api/jobs", json=body).json()["id"]
    assert user in problem(client.delete(f"/api/jobs/{reference}"), 409, "job_conflict")["detail"]
    client.post(f"/api/jobs/{user}/cancel")
    assert client.delete(f"/api/jobs/{reference}").status_code == 204
