"""Schemathesis over the whole schema: every route, every standard check, on a real database and engine."""

from __future__ import annotations

import json
import os
import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData
from schemathesis.pytest.lazy import get_all_tests

from services import bootstrap
from services.api import app as api
from services.api import asgi
from services.models.jobs import Source, Status
from services.models.schedules import ScheduleRequest
from tests.asking import one_job

IS_SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "slow"
EXAMPLES = 500 if IS_SOAK else 10
# Each of these has the schema of a whole job in its body, for which a thousand cases of every keyword are made.
OF_JOBS = ("POST /jobs", "POST /jobs/preview", "POST /schedules", "PATCH /schedules/{schedule_id}")
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
# What JSON Schema cannot say: names of columns, the form of a cursor or a glob, which of two bounds is the larger
# one, which years fit, that two places hold the same key, that an operation is named once, what its options demand
# of each other, which text is a time to run at, what a schedule may call. Such a value fits the schema, and a problem
# names a field.
_BEYOND_SCHEMA = re.compile(
    r"(query\.)?filter|column|cursor|size_bytes|modified|body\.idempotency_key"
    r"|body\.(walk|walk\.modified_\w+)|body\.operations\.\d+\.\w+\.options(\.age_reference)?"
    r"|operations(\.\d+\.options\.\w+(\.\d+)?)?"
    r"|name|baseline|operation|table|with|when|zone|webhook_url|email|body\.job\.(walk|operations).*"
)
_CONDITIONS = {412, 416}
APP = api.create_app()
# What is behind the door; tests/contract/test_door.py tries every path without a key.
SCHEMA = schemathesis.openapi.from_asgi("/api/openapi.json", asgi.around(APP).app)
SCHEMA.raw_schema.pop("security")
LABELS = [result.ok().label for result in SCHEMA.get_all_operations()]
# Cases of every keyword of a schema are many. A run makes them for a quarter of the operations, `make soak` for all;
# the others get random cases.
_QUARTER = int(os.environ.get("PRAVAH_TEST_SEED", "0")) % 4
COVERED = set(LABELS) if IS_SOAK else {*[one for one in LABELS if one not in OF_JOBS][_QUARTER::4], OF_JOBS[_QUARTER]}


@dataclass
class Known:
    """What exists while a test runs: generated values are replaced by it now and then."""

    job_id: str = ""
    schedule_id: str = ""
    path: str = ""


KNOWN = Known()


def no_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave boto3 without credentials: a source in S3 is a problem at once."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)


@pytest.fixture
def served(running: bootstrap.Services, source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the application serve a database that holds one completed job."""
    no_s3(monkeypatch)
    request = one_job(operation="checksum", source=Source.of_path(source))
    done = running.jobs.wait(running.jobs.submit(request)[0].id, timeout_seconds=60)
    assert done.status == Status.COMPLETED
    monkeypatch.setattr(KNOWN, "job_id", str(done.id))
    schedule = running.schedules.create(ScheduleRequest(name="nightly", job=request, when="every 6h"))
    monkeypatch.setattr(KNOWN, "schedule_id", str(schedule.id))
    monkeypatch.setattr(KNOWN, "path", str(source))
    APP.state.services = running
    yield
    APP.state.services = None


@SCHEMA.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
    found = dict(path_parameters or {})
    if KNOWN.job_id and _is_even(found.get("job_id")):
        found["job_id"] = KNOWN.job_id
        if "name" in found and len(str(found["name"])) % 2:
            found["name"] = "checksum/manifest.b3"
    if KNOWN.schedule_id and _is_even(found.get("schedule_id")):
        found["schedule_id"] = KNOWN.schedule_id
    return found


@SCHEMA.hook
def map_body(context: Any, body: Any) -> Any:
    if isinstance(body, dict) and isinstance(body.get("job"), dict):
        return {**body, "job": map_body(context, body["job"])}
    place = body.get("source") if isinstance(body, dict) else None
    if isinstance(place, dict) and set(place) == {"path"} and isinstance(place["path"], str) and len(place["path"]) % 2:
        return {**body, "source": {"path": KNOWN.path}} if place["path"].startswith("/") else body
    return body


@SCHEMA.hook
def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    return not _is_meant(failure, response)


def _is_even(value: Any) -> bool:
    try:
        return uuid.UUID(value).int % 2 == 0
    except (ValueError, TypeError, AttributeError):
        return False


def _is_meant(failure: Failure, response: Any) -> bool:
    if isinstance(failure, ServerError):
        # There is no S3 here; a source in S3 says so.
        return response.status_code == 503 and b'"storage_unavailable"' in response.content
    if isinstance(failure, AcceptedNegativeData):
        return bool(response.status_code == 413)  # refused before it was looked at
    if isinstance(failure, EnsureResourceAvailability):
        # A job that is there has no result while it waits.
        return b'"artifact_not_found"' in response.content
    if not isinstance(failure, RejectedPositiveData):
        return False
    if response.status_code in _CONDITIONS:
        return True
    problem = json.loads(response.content)
    # A glob, an expression or a schema that is none is found by the engine, which names it in words.
    named = [one["field"] for one in problem.get("errors") or []]
    return (
        any(_BEYOND_SCHEMA.fullmatch(field) for field in named)
        or re.search(
            "_globs|patterns|schema_text|partition_by|sort_by|bloom_filters|widths|record_length|spreadsheet",
            problem["detail"],
        )
        is not None
    )


def check(case: Any) -> None:
    case.call_and_validate()


def test_the_operations_of_jobs_are_there() -> None:
    assert set(OF_JOBS) <= set(LABELS)


# `SCHEMA.parametrize()` builds the tests of all operations at import: 21 s of CPU time in each test process.
@pytest.mark.parametrize("label", LABELS)
def test_every_operation_keeps_its_schema(label: str, served: None, monkeypatch: pytest.MonkeyPatch) -> None:
    load_all_checks()
    if label not in COVERED:
        monkeypatch.setattr(SCHEMA.config.phases.coverage, "enabled", False)
        monkeypatch.setattr(SCHEMA.config.phases.examples, "enabled", False)
    built = get_all_tests(schema=SCHEMA.include(name=label), test_func=check, settings=SETTINGS, given_kwargs={})
    (result,) = built
    _, keeps = result.ok()
    keeps()


def test_sequences_of_operations_keep_their_schema(
    services: bootstrap.Services, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs that are made, looked at, cancelled, retried, deleted and looked for again; nothing runs."""
    no_s3(monkeypatch)
    monkeypatch.setattr(KNOWN, "path", str(source))
    APP.state.services = services

    class Scenario(SCHEMA.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            # Each scenario begins with the same database and gives the same ids: Hypothesis replays them.
            with services.database.transaction() as session:
                session.execute("TRUNCATE jobs, schedules CASCADE")
            ids = random.Random(4)
            monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=ids.getrandbits(128), version=4))

    Scenario.run(settings=hypothesis.settings(SETTINGS, max_examples=EXAMPLES // 2, stateful_step_count=8))
    APP.state.services = None
