"""Jobs that take as long as a test wants, and processes that run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.db import job_rows, recovery
from services.models.jobs import JobRequest, JobView, Source, Status
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.rows import change

RUNNER = """
import sys, time
from services import bootstrap
from services.base import settings
with bootstrap.open_services(settings.load_settings()) as opened:
    opened.start_worker()
    print("started", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def settings(settings: settings_module.Settings) -> settings_module.Settings:
    """Return settings with one thread a job: what a slow one computes until it is stopped is of no use."""
    return settings.model_copy(update={"engine_threads": 1})


@pytest.fixture
def slow_source(tmp_path: Path) -> Path:
    """Return a directory that no machine digests within a test: a sparse file of 400 GB."""
    root = tmp_path / "slow"
    root.mkdir()
    with (root / "large").open("wb") as file:
        file.truncate(400_000_000_000)
    return root


@pytest.fixture
def slow_job(slow_source: Path) -> JobRequest:
    """Return a job that runs until it is stopped."""
    source = Source.of_path(slow_source)
    return one_job(operation="checksum", source=source, options={"algorithms": ["md5"]})


@pytest.fixture
def small_job(tree: TreeBuilder) -> JobRequest:
    """Return a job that takes some milliseconds."""
    source = tree({"a.txt": b"hello", "b/c.txt": b"x" * 100, "b/empty": b""}, name="small")
    return one_job(operation="inventory", source=Source.of_path(source))


Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def spawn(settings: settings_module.Settings, tmp_path: Path) -> Iterator[Spawn]:
    """Return a function that starts a process with a worker on this test's database and data directory."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**more: str) -> subprocess.Popen[bytes]:
        assert settings.database_url is not None
        environment = {
            **os.environ,
            "PRAVAH_DATA_DIR": str(settings.data_dir),
            "PRAVAH_DATABASE_URL": settings.database_url.get_secret_value(),
            "PRAVAH_ALLOWED_ROOTS": str(tmp_path),
            "PRAVAH_MIN_FREE_DISK_BYTES": "0",
            "PRAVAH_ENGINE_THREADS": "1",
            **more,
        }
        command = [sys.executable, "-c", RUNNER]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def wait_for(services: bootstrap.Services, job: JobView, status: Status, seconds: float = 60) -> JobView:
    """Return the job once it has a state."""
    wait_until(lambda: services.jobs.get(job.id).status == status, f"job is {status}", seconds)
    return services.jobs.get(job.id)


def statuses(view: JobView) -> list[str]:
    """Return the states a job went through."""
    return [event.status.value for event in view.events]


def claim(
    services: bootstrap.Services, limit: int = 10, lease_seconds: float = 10, *, alone: bool = False
) -> tuple[UUID, int] | None:
    """Claim as a worker does, or as one that runs one job alone."""
    with services.database.transaction() as session:
        row = job_rows.claim(session, limit, lease_seconds, alone=alone)
        return None if row is None else (row.id, row.fencing_token or 0)


def take_over(services: bootstrap.Services, job_id: UUID) -> int:
    """Let the lease of a claim end and claim the job anew; return the new token."""
    with services.database.transaction() as session:
        change(session, "jobs", job_id, lease_expires_at=job_rows.now(session) - timedelta(seconds=1))
    with services.database.transaction() as session:
        for row in recovery.abandoned(session):
            recovery.interrupt(session, row.id, "test", died=True)
    with services.database.transaction() as session:
        recovery.requeue(session)
    claimed = claim(services)
    assert claimed is not None
    assert claimed[0] == job_id
    return claimed[1]
