"""Submitting, listing, cancelling, retrying, deleting and previewing by HTTP."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from services import bootstrap
from services.models.jobs import Source
from tests import asking
from tests.conftest import TreeBuilder, wait_until
from tests.integration.api.conftest import FILES, RunJob, problem

NOBODY = uuid.UUID(int=0)


def body(source: Path, operation: str = "inventory", **more: Any) -> dict[str, Any]:
    return asking.body(operation, source, **more)


def test_a_new_job_answers_201_with_its_address_and_place(client: TestClient, source: Path) -> None:
    first = client.post("/api/jobs", json=body(source, name="monthly"))
    second = client.post("/api/jobs", json=body(source, "checksum", options={"algorithms": ["md5"]}))

    assert (first.status_code, second.status_code) == (201, 201)
    assert [first.json()["queue_position"], second.json()["queue_position"]] == [1, 2]
    view = client.get(first.headers["location"]).json()
    assert first.headers["location"] == f"/api/jobs/{view['id']}"
    assert view["name"] == "monthly"
    assert view["operations"][0]["options"] == {"largest_count": 100, "age_reference": None}
    assert second.json()["operations"][0]["options"] == {"algorithms": ["md5"], "write_manifests": True}


def test_walk_rules_reach_the_job(client: TestClient, source: Path) -> None:
    answer = client.post("/api/jobs", json=body(source, walk={"extensions": ["log"], "min_size_bytes": 1}))
    assert answer.json()["walk"]["extensions"] == ["log"]
    preview = client.post("/api/jobs/preview", json=body(source, walk={"extensions": ["log"], "min_size_bytes": 1}))
    assert preview.json()["first_names"] == ["logs/b.log"]


@pytest.mark.parametrize("where", ["header", "body", "both"])
def test_the_same_idempotency_key_gives_the_same_job(client: TestClient, source: Path, where: str) -> None:
    headers = {"Idempotency-Key": "k-1"} if where != "body" else {}
    wanted = body(source) | ({"idempotency_key": "k-1"} if where != "header" else {})

    first = client.post("/api/jobs", json=wanted, headers=headers)
    again = client.post("/api/jobs", json=wanted, headers=headers)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["location"] == first.headers["location"]
    assert len(client.get("/api/jobs").json()["items"]) == 1


def test_an_idempotency_key_stands_for_one_request(client: TestClient, source: Path) -> None:
    headers = {"Idempotency-Key": "k-1"}
    client.post("/api/jobs", json=body(source), headers=headers)
    other = client.post("/api/jobs", json=body(source, "checksum"), headers=headers)
    assert "k-1" in problem(other, 409, "job_conflict")["detail"]


def test_two_different_idempotency_keys_are_refused(client: TestClient, source: Path) -> None:
    answer = client.post("/api/jobs", json=body(source, idempotency_key="one"), headers={"Idempotency-Key": "other"})
    assert problem(answer, 422, "invalid_options")["errors"][0]["field"] == "body.idempotency_key"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (
            {"operation": "checksum", "options": {"algorithms": ["rot13"]}},
            "body.operations.0.checksum.options.algorithms.0",
        ),
        ({"operation": "checksum", "options": {"algorithms": []}}, "body.operations.0.checksum.options.algorithms"),
        (
            {"operation": "checksum", "options": {"algorithms": ["md5", "md5"]}},
            "body.operations.0.checksum.options.algorithms",
        ),
        ({"operation": "checksum", "options": {"algo": ["md5"]}}, "body.operations.0.checksum.options.algo"),
        (
            {"operation": "inventory", "options": {"largest_count": 0}},
            "body.operations.0.inventory.options.largest_count",
        ),
        (
            {"operation": "inventory", "options": {"largest_count": 10**30}},
            "body.operations.0.inventory.options.largest_count",
        ),
        ({"operation": "verify", "options": {}}, "body.operations.0.verify.options.manifest"),
        ({"operation": "verify"}, "body.operations.0.verify.options"),
        ({"operation": "inventory", "walk": {"max_depth": -1}}, "body.walk.max_depth"),
        ({"operation": "inventory", "walk": {"min_size_bytes": 9, "max_size_bytes": 1}}, "body.walk"),
        (
            {"operation": "inventory", "walk": {"modified_since": "0001-01-01T00:00:00+10:00"}},
            "body.walk.modified_since",
        ),
        ({"operation": "inventory", "source": {"path": "relative"}}, "body.source"),
        ({"operation": "inventory", "source": {"path": "/a\0b"}}, "body.source"),
        ({"operation": "inventory", "source": {}}, "body.source"),
        ({"operation": "inventory", "source": {"path": "/a", "s3_uri": "s3://bucket/"}}, "body.source"),
        ({"operation": "inventory", "name": "a\0b"}, "body.name"),
        ({"operation": "inventory", "name": "n" * 201}, "body.name"),
        ({"operation": "inventory", "sauce": 1}, "body.sauce"),
        ({"operation": "defragment"}, "body.operations.0"),
        ({"operations": []}, "body.operations"),
        ({"operations": None}, "body.operations"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(
    client: TestClient, source: Path, wanted: dict[str, Any], field: str
) -> None:
    for address in ("/api/jobs", "/api/jobs/preview"):
        asked = {name: wanted[name] for name in ("operation", "options") if name in wanted} or {
            "operation": "inventory"
        }
        rest = {name: value for name, value in wanted.items() if name not in asked}
        answer = client.post(address, json={"operations": [asked], "source": {"path": str(source)}} | rest)
        found = problem(answer, 422, "invalid_options")
        assert field in [one["field"] for one in found["errors"]], found
        assert found["details"]["field"] == found["errors"][0]["field"]
    assert client.get("/api/jobs").json()["items"] == []


def test_a_source_that_is_not_there_or_not_allowed(client: TestClient, source: Path) -> None:
    for address in ("/api/jobs", "/api/jobs/preview"):
        problem(client.post(address, json=body(source / "missing")), 404, "source_not_found")
        problem(client.post(address, json=body(Path("/etc"))), 403, "source_forbidden")
        (source / "escape").unlink(missing_ok=True)
        (source / "escape").symlink_to("/etc")
        problem(client.post(address, json=body(source / "escape")), 403, "source_forbidden")
        problem(
            client.post(address, json=body(source, "verify", options={"manifest": "/etc/passwd"})),
            403,
            "source_forbidden",
        )


def test_a_source_whose_name_is_not_text_is_sent_as_bytes(
    client: TestClient, tree: TreeBuilder, tmp_path: Path
) -> None:
    tree({b"odd-\xff/one.txt": b"1"})
    sent = Source.of_path(os.fsencode(tmp_path) + b"/source/odd-\xff").model_dump()
    answer = client.post("/api/jobs", json=asking.body("inventory", sent))
    assert answer.status_code == 201
    assert answer.json()["source"] == sent
    preview = client.post("/api/jobs/preview", json=asking.body("inventory", sent)).json()
    assert (preview["files"], preview["first_names"]) == (1, ["one.txt"])


def test_preview_counts_and_queues_nothing(client: TestClient, source: Path) -> None:
    found = client.post("/api/jobs/preview", json=body(source, "checksum", idempotency_key="k")).json()
    assert found["files"] == len(FILES)
    assert found["bytes"] == sum(len(content or b"") for content in FILES.values())
    assert found["complete"] is True
    assert client.get("/api/jobs").json()["items"] == []


def test_preview_refuses_a_glob_that_is_none(client: TestClient, source: Path) -> None:
    answer = client.post("/api/jobs/preview", json=body(source, walk={"ignore_globs": ["["]}))
    assert "ignore_globs" in problem(answer, 422, "invalid_options")["detail"]


def test_list_pages_newest_first_and_new_jobs_shift_nothing(client: TestClient, source: Path) -> None:
    made = [client.post("/api/jobs", json=body(source)).json()["id"] for _ in range(7)]

    first = client.get("/api/jobs?limit=3&status=PENDING")
    client.post("/api/jobs", json=body(source))
    second = client.get(first.headers["link"].partition(">")[0].removeprefix("<"))
    third = client.get("/api/jobs", params={"limit": 3, "cursor": second.json()["next_cursor"]})

    found = [job["id"] for page in (first, second, third) for job in page.json()["items"]]
    assert found == made[::-1]
    assert third.json()["next_cursor"] is None
    assert "link" not in third.headers


def test_list_filters_by_state_operation_and_text(client: TestClient, source: Path, tree: TreeBuilder) -> None:
    other = tree({"a": b""}, name="other_%")
    plain = client.post("/api/jobs", json=body(source)).json()["id"]
    named = client.post("/api/jobs", json=body(other, "checksum", name="Quarterly")).json()["id"]
    client.post(f"/api/jobs/{plain}/cancel")

    def ids(**params: str) -> list[str]:
        return [job["id"] for job in client.get("/api/jobs", params=params).json()["items"]]

    assert ids(status="CANCELLED") == [plain]
    assert ids(operation="checksum") == [named]
    assert ids(text="QUARTER") == [named]
    assert ids(text="_%") == [named]  # no wildcards
    assert ids(text="no such") == ids(status="RUNNING") == []
    assert ids(status="PENDING", operation="inventory") == []


@pytest.mark.parametrize(
    "query",
    [
        "status=DONE", "limit=0", "limit=201", "limit=many", "cursor=abc", "cursor=W10=", "cursor=%00", "text=%00",
        "operation=%00", "statsu=PENDING", f"text={'x' * 501}", f"limit={'9' * 5000}", "cursor=WyIyMDI0IiwgIjEiXQ==",
    ],
)  # fmt: skip
def test_list_refuses_what_it_does_not_understand(client: TestClient, query: str) -> None:
    found = problem(client.get(f"/api/jobs?{query}"), 422, "invalid_options")
    assert query.partition("=")[0] in found["errors"][0]["field"]


def test_a_waiting_job_is_cancelled_at_once_and_again(client: TestClient, source: Path) -> None:
    job = client.post("/api/jobs", json=body(source)).json()
    first = client.post(f"/api/jobs/{job['id']}/cancel")
    again = client.post(f"/api/jobs/{job['id']}/cancel")
    assert (first.status_code, first.json()["status"]) == (200, "CANCELLED")
    assert (again.status_code, again.json()["status"]) == (200, "CANCELLED")


def test_retry_makes_a_new_job_of_one_that_has_ended(client: TestClient, source: Path) -> None:
    job = client.post("/api/jobs", json=body(source, "checksum", options={"algorithms": ["crc32c"]})).json()
    problem(client.post(f"/api/jobs/{job['id']}/rerun"), 409, "job_conflict")

    client.post(f"/api/jobs/{job['id']}/cancel")
    answer = client.post(f"/api/jobs/{job['id']}/rerun")

    assert answer.status_code == 201
    fresh = client.get(answer.headers["location"]).json()
    assert fresh["id"] != job["id"]
    assert (fresh["rerun_of"], fresh["status"]) == (job["id"], "PENDING")
    assert fresh["operations"] == job["operations"]


def test_retry_says_when_the_source_is_gone(client: TestClient, source: Path) -> None:
    job = client.post("/api/jobs", json=body(source / "logs")).json()
    client.post(f"/api/jobs/{job['id']}/cancel")
    for file in (source / "logs").iterdir():
        file.unlink()
    (source / "logs").rmdir()
    problem(client.post(f"/api/jobs/{job['id']}/rerun"), 404, "source_not_found")


def test_delete_takes_the_job_and_its_result(client: TestClient, run_job: RunJob, services: bootstrap.Services) -> None:
    address = f"/api/jobs/{run_job()['id']}"
    assert client.get(f"{address}/artifacts/checksum/manifest.b3").status_code == 200

    answer = client.delete(address)

    assert (answer.status_code, answer.content) == (204, b"")
    for gone in ("", "/results", "/artifacts", "/artifacts/checksum/manifest.b3", "/issues"):
        problem(client.get(address + gone), 404, "job_not_found")
    problem(client.delete(address), 404, "job_not_found")
    assert not [path for path in (services.settings.data_dir / "results/jobs").rglob("*") if path.is_file()]


def test_a_running_job_is_not_deleted_but_cancelled(
    client: TestClient, running: bootstrap.Services, tree: TreeBuilder
) -> None:
    # A file of 2 GiB without blocks takes seconds to digest.
    big = tree({"big": b""})
    with (big / "big").open("wb") as file:
        file.truncate(2 << 30)
    algorithms = {"algorithms": ["md5", "sha1", "sha256"]}
    address = f"/api/jobs/{client.post('/api/jobs', json=body(big, 'checksum', options=algorithms)).json()['id']}"
    wait_until(lambda: client.get(address).json()["status"] == "RUNNING", "the job runs")

    problem(client.delete(address), 409, "job_conflict")
    problem(client.get(f"{address}/results"), 404, "artifact_not_found")
    problem(client.get(f"{address}/results?table=result"), 404, "artifact_not_found")
    assert client.get(f"{address}/artifacts").json() == {"items": []}
    assert client.post(f"{address}/cancel").json()["cancel_requested"] is True

    wait_until(lambda: client.get(address).json()["status"] == "CANCELLED", "the job is cancelled", seconds=10)
    assert client.delete(address).status_code == 204


@pytest.mark.parametrize(
    ("method", "rest"),
    [("GET", ""), ("GET", "/issues"), ("GET", "/results"), ("GET", "/results?table=result"), ("GET", "/artifacts"),
     ("GET", "/results?format=csv"), ("GET", "/artifacts/outcome.json"), ("POST", "/cancel"), ("POST", "/rerun"),
     ("DELETE", "")],
)  # fmt: skip
def test_an_unknown_job_is_a_problem_everywhere(client: TestClient, method: str, rest: str) -> None:
    answer = client.request(method, f"/api/jobs/{NOBODY}{rest}")
    assert str(NOBODY) in problem(answer, 404, "job_not_found")["detail"]


def test_issues_are_paged_while_and_after_a_job_runs(client: TestClient, run_job: RunJob, source: Path) -> None:
    # Eight malformed lines: whoever runs the tests may read every file, so issues come from a manifest.
    lines = "".join(f"not a manifest line {number}\n" for number in range(8))
    good = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  a.txt\n"
    (source / "SUMS").write_text(good + lines)
    view = run_job("verify", manifest=str(source / "SUMS"))
    address = f"/api/jobs/{view['id']}/issues"

    assert view["issues_count"] == 8
    pages = []
    after: int | None = 0
    while after is not None:
        page = client.get(address, params={"after": after, "limit": 3}).json()
        pages.append([issue["index"] for issue in page["items"]])
        after = page["next_after"]
    assert pages == [[1, 2, 3], [4, 5, 6], [7, 8]]
    assert {issue["kind"] for issue in client.get(address).json()["items"]} == {"malformed"}
    assert client.get(address, params={"after": 10**15}).json() == {"items": [], "next_after": None}
    for query in ("after=-1", f"after={2**63}", "limit=0", "limit=1001", "after=x"):
        problem(client.get(f"{address}?{query}"), 422, "invalid_options")
