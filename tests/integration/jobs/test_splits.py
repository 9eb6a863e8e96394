"""A job that several runners share, split by split: the same result, whoever does what and whoever dies."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from services import bootstrap, results
from services import settings as settings_module
from services.db.tables import RunnerRow, SplitRow
from services.jobs import registry, repository, splits
from services.jobs.models import JobRequest, JobView, OperationRequest, Source, Status
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.integration.jobs.conftest import Spawn, claim, statuses, take_over

FILES = 400
SMALL = {"PRAVAH_SPLIT_FILES": "16", "PRAVAH_LEASE_SECONDS": "2", "PRAVAH_HEARTBEAT_SECONDS": "0.3"}


@pytest.fixture
def settings(settings: settings_module.Settings) -> settings_module.Settings:
    return settings.model_copy(update={"split_files": 16, "lease_seconds": 2.0, "heartbeat_seconds": 0.3})


@pytest.fixture
def source(tree: TreeBuilder) -> Path:
    files = {f"{number % 7}/{number % 3}/{number}\n": b"line\n" * number for number in range(FILES)}
    return tree(files | {b"\xff": b"not text", "empty": b""})


@pytest.fixture
def request_both(source: Path) -> JobRequest:
    wanted = tuple(OperationRequest(operation=name) for name in ("checksum", "text_statistics"))
    return JobRequest(operations=wanted, source=Source.of_path(source))


@pytest.fixture
def another(settings: settings_module.Settings) -> Iterator[bootstrap.Services]:
    """Return services of what looks like another machine: with its own work folder, the same database and storage."""
    with bootstrap.open_services(settings) as opened:
        opened.start_runner()
        yield opened


def _alone(services: bootstrap.Services, request: JobRequest) -> JobView:
    """Run a job that nobody shares: each file is a split's fair part, but the plan is too small to be worth it."""
    view = services.jobs.wait(services.jobs.submit(request)[0].id, 60)
    assert view.status == Status.COMPLETED, view.error
    return view


def _rows(services: bootstrap.Services, job: JobView, table: str) -> list[dict[str, object]]:
    return services.results.query(job.id, table, results.ResultQuery(limit=1000, sort=("path",))).rows


def _summary(job: JobView, operation: str) -> dict[str, object]:
    timing = {"bytes_per_second", "seconds"}
    return {name: value for name, value in job.result(operation)["summary"].items() if name not in timing}


def _is_same(services: bootstrap.Services, one: JobView, other: JobView) -> None:
    for name in ("checksum", "text_statistics"):
        assert _rows(services, one, f"{name}.result") == _rows(services, other, f"{name}.result")
        assert _summary(one, name) == _summary(other, name)
    manifest = [
        sorted(b"".join(services.artifacts.open(job.id, "checksum/manifest.blake3").chunks).splitlines())
        for job in (one, other)
    ]
    assert manifest[0] == manifest[1]
    assert len(manifest[0]) == FILES + 2


def _split_rows(services: bootstrap.Services) -> list[SplitRow]:
    with services.database.transaction() as session:
        return list(session.scalars(sa.select(SplitRow).order_by(SplitRow.number)))


def _claim_split(services: bootstrap.Services, seconds: float = 2) -> splits.SplitClaim | None:
    with services.database.transaction() as session:
        return splits.claim(session, seconds)


def test_a_job_is_shared_with_another_runner_and_its_result_is_that_of_one(
    settings: settings_module.Settings, request_both: JobRequest, another: bootstrap.Services
) -> None:
    with bootstrap.open_services(settings) as first:
        wait_until(lambda: _runners(first) == 1, "the other runner is announced")
        lone = one_job(operation="inventory", source=request_both.source)
        assert _alone(another, lone).status == Status.COMPLETED
        assert _split_rows(another) == [], "an operation that needs all files at once is not shared"
        first.start_runner()
        wait_until(lambda: _runners(first) == 2, "both are announced")
        seen: set[str] = set()
        view = first.jobs.submit(request_both)[0]

        def is_done() -> bool:
            job = first.jobs.get(view.id)
            if job.progress is not None:
                seen.add(job.progress.stage)
            return job.status in {Status.COMPLETED, Status.FAILED}

        wait_until(is_done, "the job is done", 60)
        shared = first.jobs.get(view.id)
        assert shared.status == Status.COMPLETED, shared.error
        assert statuses(shared) == ["PENDING", "RUNNING", "COMPLETED"]
        assert _summary(shared, "checksum")["reused_files"] == 0, "what a split found, this job computed"
        wait_until(lambda: _split_rows(first) == [], "the splits are forgotten")
        keys = first.storage.list(f"jobs/{view.id}/")
        assert {key.split("/")[2] for key in keys} == {_token(first, view)}, "what splits stored is removed"
        assert not any("splits/" in key for key in keys)
    again = another.jobs.wait(another.jobs.retry(view.id).id, 60)
    assert _summary(again, "checksum")["reused_files"] == FILES + 2, "a shared result is a baseline like any other"
    alone = _alone_without_others(settings, request_both)
    _is_same(another, shared, alone)


def _alone_without_others(settings: settings_module.Settings, request: JobRequest) -> JobView:
    """Run a job in one go: a split takes all of it."""
    with bootstrap.open_services(settings.model_copy(update={"split_files": 1_000_000})) as services:
        view = services.jobs.submit(request)[0]
        services.start_runner(only=view.id)
        done = services.jobs.wait(view.id, 60)
    assert done.status == Status.COMPLETED, done.error
    return done


def _token(services: bootstrap.Services, view: JobView) -> str:
    with services.database.transaction() as session:
        return str(repository.get_row(session, view.id).fencing_token)


def _runners(services: bootstrap.Services) -> int:
    with services.database.transaction() as session:
        return registry.count(session, services.settings.lease_seconds)
