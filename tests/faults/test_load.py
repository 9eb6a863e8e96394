"""A crowd at the door, and a table that has grown: each request is taken once, and every answer stays quick."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from services import bootstrap
from services.models.jobs import JobRequest, Source, Status
from services.use_cases.retention import RetentionService
from tests import asking, doors
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.e2e.conftest import serving
from tests.faults.conftest import FACTOR
from tests.faults.summary import Meet
from tests.integration.api.conftest import TestClient, client
from tests.integration.jobs.test_lists import fill, milliseconds
from tests.pages.conftest import Open, _streamlit, made_sample, open_page, shared

__all__ = ["_streamlit", "client", "made_sample", "open_page", "shared"]

COMPLETIONS = (
    "SELECT job_id, count(*) AS times FROM job_events WHERE status = 'COMPLETED' GROUP BY job_id ORDER BY job_id"
)
CROWD = 100
SHARED_KEYS = 10
"""Keys that several requests have in common: five each."""
# `.ci/run` is content with a fifth of the jobs.
FEW, MANY = 100, 10_000 if FACTOR >= 1 else 2_000
TIMES, FLOOR_MILLISECONDS = 20, 30
"""How much slower an answer may become with a hundred times the jobs; below the floor nobody sees it."""


def key_of(number: int) -> str:
    """Return the key of a request: half of the crowd shares its keys."""
    return f"shared-{number % SHARED_KEYS}" if number < CROWD // 2 else f"own-{number}"


def test_a_hundred_requests_at_once_are_each_taken_once(
    tmp_path: Path, services: bootstrap.Services, database_url: str, meet: Meet
) -> None:
    with serving(tmp_path, database_url, "services.api.asgi:create") as server:
        (server.root / "a").write_bytes(b"a")
        everybody, token = threading.Barrier(CROWD), doors.headers(server.url)

        def submit(number: int) -> tuple[str, int, str]:
            key = key_of(number)
            # Without certificates, which take a hundred clients seconds to read.
            with httpx.Client(base_url=server.url, headers=token, timeout=60, verify=False) as client:
                everybody.wait()
                body = asking.body("inventory", server.root, name=key)
                answer = client.post("/api/jobs", json=body, headers={"Idempotency-Key": key})
            assert answer.status_code in {200, 201}, answer.text
            return key, answer.status_code, answer.json()["id"]

        with ThreadPoolExecutor(CROWD) as pool:
            answers = list(pool.map(submit, range(CROWD)))
        ids: dict[str, set[str]] = {}
        for key, _, job_id in answers:
            ids.setdefault(key, set()).add(job_id)
        distinct = CROWD // 2 + SHARED_KEYS
        assert len(ids) == distinct
        assert {key: len(found) for key, found in ids.items()} == dict.fromkeys(ids, 1)
        assert Counter(status for _, status, _ in answers) == {201: distinct, 200: CROWD - distinct}
        listed = services.jobs.list(limit=200).items
        assert {str(view.id) for view in listed} == {next(iter(found)) for found in ids.values()}
        assert len(listed) == distinct
    with bootstrap.open_services(services.settings.model_copy(update={"allowed_roots": (tmp_path,)})) as worker:
        worker.start_worker()
        wait_until(lambda: services.jobs.counts()[Status.COMPLETED] == distinct, "all are completed", seconds=120)
    with services.database.transaction() as session:
        ended = session.rows(COMPLETIONS)
    assert [row.times for row in ended] == [1] * distinct
    meet("load: a hundred submissions at once", CROWD)


@pytest.fixture
def small(tree: TreeBuilder) -> JobRequest:
    """Return a job that takes some milliseconds."""
    return one_job(operation="inventory", source=Source.of_path(tree({"a": b"1"}, name="small")))


def test_answers_and_pages_stay_quick_with_many_jobs(
    services: bootstrap.Services, client: TestClient, open_page: Open, small: JobRequest, meet: Meet
) -> None:
    template = services.jobs.submit(small)[0]
    asked = {
        "list": "/api/jobs?limit=50",
        "a state": "/api/jobs?limit=50&status=COMPLETED",
        "a rare state": "/api/jobs?limit=50&status=FAILED",
        "an operation": "/api/jobs?limit=50&operation=inventory",
        "a text": "/api/jobs?limit=50&text=nowhere",
        "a job": f"/api/jobs/{template.id}",
        "metrics": "/api/metrics",
    }

    def get(path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.text)

    calls: dict[str, Callable[[], object]] = {name: lambda path=path: get(path) for name, path in asked.items()}
    calls["page home"] = lambda: open_page("home")
    calls["page jobs"] = lambda: open_page("jobs")
    calls["page job"] = lambda: open_page("job", id=str(template.id))
    took: dict[int, dict[str, float]] = {}
    for count in (FEW, MANY):
        fill(services, template, count - sum(services.jobs.counts().values()))
        took[count] = {name: milliseconds(call, 3) for name, call in calls.items()}
    print({name: (round(took[FEW][name]), round(took[MANY][name])) for name in calls})
    slow = {
        name: (took[FEW][name], took[MANY][name])
        for name in calls
        if took[MANY][name] > max(FLOOR_MILLISECONDS, TIMES * took[FEW][name])
    }
    assert slow == {}
    meet(f"load: {MANY:,} jobs, answers and pages", len(calls))


def test_a_sweep_of_many_jobs_takes_time_in_proportion(
    services: bootstrap.Services, small: JobRequest, meet: Meet
) -> None:
    template = services.jobs.submit(small)[0]

    def sweep(jobs: int, goes: int) -> float:
        finished = services.jobs.counts()[Status.COMPLETED]
        fill(services, template, round((jobs - finished) / 0.9))
        finished = services.jobs.counts()[Status.COMPLETED]
        config = services.settings.model_copy(update={"keep_jobs": finished - goes})
        started = time.perf_counter()
        swept = RetentionService(services.database, services.storage, config).sweep()
        assert len(swept.jobs) == goes
        assert swept.troubles == []
        return time.perf_counter() - started

    sweep(100, 10)
    few, many = sweep(MANY // 10, MANY // 200), sweep(MANY, MANY // 20)
    print(round(few, 2), round(many, 2))
    assert many < 3 * 10 * few + 0.5
    meet(f"load: a sweep of {MANY:,} jobs")
