"""Several operations in one job: each says what it says alone, and has its own tables and files."""

from __future__ import annotations

from typing import Any

from services import bootstrap, operations
from services.models import results
from services.models.jobs import JobRequest, JobView, OperationRequest, Source, Status
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import RunJob

TREE: dict[str | bytes, bytes | None] = {
    "a.txt": b"hello\nfoo bar\n",
    "b/copy.txt": b"hello\nfoo bar\n",
    "b/data.bin": bytes(range(256)) * 5000,
    "b/twin.bin": bytes(range(256)) * 5000,
    b"b/not-\xff": b"foo",
    "empty": b"",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "inventory": {"age_reference": "2026-01-01T00:00:00Z"},
    "checksum": {"algorithms": ["sha256", "crc32c"]},
    "duplicates": {},
    "search": {"patterns": ["foo", "h.llo"]},
}


def together(services: bootstrap.Services, request: JobRequest) -> JobView:
    """Run a job to its end."""
    view = services.jobs.wait(services.jobs.submit(request)[0].id, 60)
    assert view.status == Status.COMPLETED, view.error
    return view


def steady(summary: dict[str, Any]) -> dict[str, Any]:
    """Return a summary without rates, which no two runs share."""
    return {name: value for name, value in summary.items() if "per_second" not in name}


def test_each_result_is_that_of_the_operation_alone(
    running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder
) -> None:
    root = tree(TREE)
    asked = tuple(OperationRequest(operation=name, options=options) for name, options in OPTIONS.items())
    view = together(running, JobRequest(operations=asked, source=Source.of_path(root)))
    assert view.names == tuple(OPTIONS)
    assert view.outcome is not None
    assert [one["operation"] for one in view.outcome["results"]] == list(OPTIONS)
    names = [table.name for table in running.results.tables(view.id)]
    assert names[-1] == "issues"
    for name, options in OPTIONS.items():
        alone = run_job(name, root, options=options)
        assert steady(view.result(name)["summary"]) == steady(alone.result(name)["summary"]), name
        tables = [one.name for one in running.results.tables(alone.id)[:-1]]
        assert [one for one in names if one.startswith(f"{name}.")] == tables
        # What is kept for a later job is what was looked at: of a file that another operation reads, less.
        kept = {f"{name}.{one}" for one in operations.get(name).baseline_tables} - {f"{name}.result"}
        for table in (one for one in tables if one not in kept):
            query = results.ResultQuery(limit=1000, columns=tuple(sorted(_columns(running, alone, table))))
            pages = [running.results.query(job.id, table, query).rows for job in (view, alone)]
            assert sorted(map(str, pages[0])) == sorted(map(str, pages[1])), table
    manifests = [one.name for one in running.artifacts.list(view.id) if "manifest" in one.name]
    assert manifests == ["checksum/manifest.crc32c", "checksum/manifest.sha256"]


def _columns(services: bootstrap.Services, view: JobView, table: str) -> set[str]:
    info = next(one for one in services.results.tables(view.id) if one.name == table)
    return {column["name"] for column in info.columns}


def test_a_shared_result_is_a_manifest_and_a_preset(running: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree(TREE)
    asked = tuple(OperationRequest(operation=name) for name in ("inventory", "checksum"))
    request = JobRequest(operations=asked, source=Source.of_path(root), name="both")
    first = together(running, request)
    verify = OperationRequest(operation="verify", options={"manifest": f"job:{first.id}"})
    second = together(running, JobRequest(operations=(verify,), source=Source.of_path(root)))
    assert second.result("verify")["summary"]["verdict"] == "verified"
    running.presets.save("both", request)
    assert running.presets.list()["both"].names == ("inventory", "checksum")
    totals = running.jobs.totals()
    assert totals["inventory"] == totals["checksum"]
    assert totals["verify"][0] > 0
