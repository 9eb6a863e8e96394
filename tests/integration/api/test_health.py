"""Health, configuration, declarations, metrics."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from services import bootstrap, operations
from services.api import app as api
from services.base import errors
from services.base import settings as settings_module
from tests import asking, doors
from tests.integration.api.conftest import FILES, TEST_HOST, RunJob, mounted, problem

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(client: TestClient) -> Samples:
    answer = client.get("/api/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_live_looks_at_nothing(client: TestClient, services: bootstrap.Services) -> None:
    services.database.close()
    assert client.get("/api/health/live").json() == {"status": "ok"}


def test_ready_tells_every_part(client: TestClient) -> None:
    found = client.get("/api/health/ready").json()
    assert found["status"] == "ok"
    assert [part["part"] for part in found["parts"]] == ["engine", "database", "storage", "disk", "worker", "schedules"]
    assert all(part["ok"] for part in found["parts"])


def test_not_ready_names_the_part_and_its_remedy(
    client: TestClient, services: bootstrap.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise errors.StorageError("the bucket does not answer")

    monkeypatch.setattr(services.storage, "check", fail)
    answer = client.get("/api/health/ready")
    found = problem(answer, 503, "not_ready")
    assert "storage: the bucket does not answer" in found["detail"]
    assert "PRAVAH_STORAGE" in found["remedy"]
    assert [part["part"] for part in found["details"]["parts"] if not part["ok"]] == ["storage"]
    assert "retry-after" in answer.headers


def test_config_is_the_effective_one_with_secrets_masked(tmp_path: Path, services: bootstrap.Services) -> None:
    config = settings_module.load_settings(
        data_dir=tmp_path, database_url="postgresql://someone:hunter2@db.example/pravah?sslmode=require", port=9999
    )
    vars(services)["settings"] = config
    with TestClient(api.create_app(services)) as client:
        answer = client.get("/config")
    found = answer.json()
    assert "hunter2" not in answer.text
    assert found["database_url"] == "postgresql://someone:***@db.example/pravah"
    assert found["port"] == 9999
    assert set(found) == set(settings_module.Settings.model_fields)
    assert found["allowed_roots"] == [str(root) for root in config.roots]


def test_config_shows_paths_that_are_not_text(services: bootstrap.Services) -> None:
    odd = Path(os.fsdecode(b"/odd-\xff"))
    vars(services)["settings"] = settings_module.load_settings(data_dir=odd, allowed_roots=(odd / "below",))
    with TestClient(api.create_app(services), base_url="http://localhost") as client:
        found = client.get("/config").json()
    assert found["data_dir"] == r"/odd-\xff"
    assert found["allowed_roots"] == [r"/odd-\xff/below"]


def test_operations_are_the_declarations(client: TestClient) -> None:
    found = client.get("/api/operations").json()
    assert [one["name"] for one in found["operations"]] == [one.name for one in operations.OPERATIONS]
    assert found["walk"] == operations.WalkOptions.model_json_schema()
    for shown, declared in zip(found["operations"], operations.OPERATIONS, strict=True):
        assert shown["options"] == declared.options.model_json_schema()
        assert shown["cost"] == declared.cost
        assert [table["name"] for table in shown["tables"]] == [table.name for table in declared.tables]
        for table, original in zip(shown["tables"], declared.tables, strict=True):
            assert table["columns"] == [column.model_dump() for column in original.columns]
        assert [one["title"] for one in shown["examples"]] == [one.title for one in declared.examples]


def test_metrics_count_jobs_and_what_they_processed(client: TestClient, run_job: RunJob, source: Path) -> None:
    run_job("checksum")
    run_job("checksum")
    run_job("inventory")
    waiting = client.post("/api/jobs", json=asking.body("checksum", source)).json()["id"]
    client.post(f"/api/jobs/{waiting}/cancel")

    found = samples(client)

    size = sum(len(content or b"") for content in FILES.values())
    assert found["pravah_jobs", (("status", "COMPLETED"),)] >= 3
    assert sum(value for (name, _), value in found.items() if name == "pravah_jobs") == 4
    assert found["pravah_queue_length", ()] == 0
    assert found["pravah_processed_files", (("operation", "checksum"),)] >= 2 * len(FILES)
    assert found["pravah_processed_bytes", (("operation", "checksum"),)] >= 2 * size
    assert found["pravah_database_up", ()] == 1
    builds = [labels for (name, labels) in found if name == "pravah_build_info"]
    assert dict(builds[0])["version"] == bootstrap.version()


def test_metrics_know_more_bytes_than_32_bits_hold(
    client: TestClient, services: bootstrap.Services, run_job: RunJob
) -> None:
    run_job("checksum")
    with services.database.transaction() as session:
        update = "UPDATE jobs SET progress = jsonb_set(progress, '{bytes_done}', '5000000000000')"
        session.execute(update)
    assert samples(client)["pravah_processed_bytes", (("operation", "checksum"),)] == 5e12


def test_metrics_count_requests_by_route_method_and_status(client: TestClient) -> None:
    for number in range(3):
        client.get(f"/api/jobs/00000000-0000-0000-0000-00000000000{number}")
    client.get("/api/jobs")
    client.head("/api/jobs")
    client.get("/api/nothing")
    client.request("BREW", "/api/jobs")
    client.get("/api/jobs", headers={"Host": "evil.example"})

    found = samples(client)

    def count(method: str, route: str, status: int, name: str = "pravah_http_requests_total") -> float:
        return found.get((name, (("method", method), ("route", route), ("status", str(status)))), 0)

    job = "/jobs/{job_id}"
    assert count("GET", job, 404) == 3
    assert count("GET", "/jobs", 200) == 1
    assert count("HEAD", "/jobs", 200) == 1
    assert count("GET", "none", 404) == 1
    assert count("GET", "none", 403) == 1
    assert sum(value for (name, labels), value in found.items()
               if name == "pravah_http_requests_total" and ("method", "other") in labels) == 1  # fmt: skip
    assert count("GET", job, 404, "pravah_http_request_duration_seconds_count") == 3


def test_each_application_has_a_registry_of_its_own(services: bootstrap.Services) -> None:
    first, second = (TestClient(api.create_app(services), base_url="http://localhost") for _ in range(2))
    first.get("/health/live")
    assert "/health/live" in first.get("/metrics").text
    assert "/health/live" not in second.get("/metrics").text


def test_the_databases_end_is_a_metric_and_a_problem(
    client: TestClient, services: bootstrap.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise errors.DatabaseError("PostgreSQL does not respond")

    monkeypatch.setattr(services.jobs, "counts", fail)
    assert samples(client)["pravah_database_up", ()] == 0
    assert json.dumps(client.get("/api/health/live").json()) == '{"status": "ok"}'


def test_liveness_waits_for_no_thread_while_the_database_hangs(
    services: bootstrap.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hang(*_: object, **__: object) -> None:
        released.wait(60)

    monkeypatch.setattr(services.jobs, "counts", hang)
    monkeypatch.setattr(services.jobs, "list", hang)
    app, token = mounted(services), doors.bearer(services)

    async def ask() -> None:
        threads = anyio.to_thread.current_default_thread_limiter().total_tokens
        transport = httpx.ASGITransport(app=app)
        async with (
            httpx.AsyncClient(transport=transport, base_url=f"http://{TEST_HOST}", headers=token) as client,
            anyio.create_task_group() as group,
        ):
            try:
                for number in range(int(threads) + 5):
                    group.start_soon(client.get, "/api/jobs" if number % 2 else "/api/metrics")
                with anyio.fail_after(30):
                    while anyio.to_thread.current_default_thread_limiter().available_tokens:
                        await anyio.sleep(0.01)
                    answer = await client.get("/api/health/live")
                assert answer.json() == {"status": "ok"}
            finally:
                released.set()

    # In a thread of its own: a browser that another test of this process keeps open has its loop in the main one.
    with ThreadPoolExecutor(1) as executor:
        executor.submit(anyio.run, ask).result()
