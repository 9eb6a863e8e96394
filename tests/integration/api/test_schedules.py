"""Schedules over HTTP."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from tests import asking
from tests.integration.api.conftest import TestClient, ended, problem


def body(source: Path, **values: Any) -> dict[str, Any]:
    """Return a schedule to be made."""
    return {"name": "nightly", "job": asking.body("inventory", source), "when": "every 6h"} | values


def test_a_schedule_is_made_listed_changed_run_and_deleted(client: TestClient, source: Path) -> None:
    made = client.post("/api/schedules", json=body(source, when="30 2 * * 1", zone="Europe/Berlin"))
    assert made.status_code == 201, made.text
    view = made.json()
    address = f"/api/schedules/{view['id']}"
    assert made.headers["location"] == address
    assert view["words"] == "At 02:30 on Monday (Europe/Berlin)"
    assert view["next_run_at"] is not None
    assert client.get(address).json() == view
    assert client.get("/api/schedules").json() == {"items": [view]}
    paused = client.patch(address, json={"enabled": False, "name": "weekly"}).json()
    assert (paused["enabled"], paused["name"], paused["next_run_at"], paused["when"]) == (
        False,
        "weekly",
        None,
        "30 2 * * 1",
    )
    run = client.post(f"{address}/run")
    assert run.status_code == 201
    assert run.headers["location"] == f"/api/jobs/{run.json()['id']}"
    assert (run.json()["schedule_id"], run.json()["schedule_name"]) == (view["id"], "weekly")
    (listed,) = client.get("/api/jobs").json()["items"]
    assert (listed["schedule_id"], listed["schedule_name"]) == (view["id"], "weekly")
    problem(client.post(f"{address}/run"), 409, "job_conflict")
    assert client.delete(address).status_code == 204
    problem(client.delete(address), 404, "schedule_not_found")
    assert client.get(f"/api/jobs/{run.json()['id']}").json()["schedule_id"] is None


def test_a_run_ends_and_stands_in_the_schedule(client: TestClient, running: bootstrap.Services, source: Path) -> None:
    view = client.post("/api/schedules", json=body(source)).json()
    run = client.post(f"/api/schedules/{view['id']}/run").json()
    ended(client, run["id"])
    last = client.get(f"/api/schedules/{view['id']}").json()["last_run"]
    assert (last["job_id"], last["status"], last["findings"]) == (run["id"], "COMPLETED", [])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"when": "at full moon"}, "when"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"name": ""}, "body.name"),
        ({"webhook_url": "https://hooks.example/"}, "webhook_url"),
        ({"email": "me@host.example"}, "email"),
        ({"notify_on": ["weather"]}, "body.notify_on.0"),
        ({"every": "6h"}, "body.every"),
    ],
)
def test_what_is_not_acceptable_is_a_problem_of_its_field(
    client: TestClient, source: Path, values: dict[str, Any], field: str
) -> None:
    found = problem(client.post("/api/schedules", json=body(source, **values)), 422, "invalid_options")
    assert found["errors"][0]["field"] == field
    assert client.get("/api/schedules").json() == {"items": []}


def test_an_idempotency_key_has_no_place_in_a_schedule(client: TestClient, source: Path) -> None:
    job = asking.body("inventory", source) | {"idempotency_key": "k"}
    problem(client.post("/api/schedules", json=body(source, job=job)), 422, "invalid_options")


def test_an_unknown_schedule_is_a_problem(client: TestClient) -> None:
    address = f"/api/schedules/{uuid.UUID(int=7)}"
    problem(client.get(address), 404, "schedule_not_found")
    problem(client.patch(address, json={"enabled": True}), 404, "schedule_not_found")
    problem(client.post(f"{address}/run"), 404, "schedule_not_found")
    problem(client.get("/api/schedules/nightly"), 404, "not_found")
