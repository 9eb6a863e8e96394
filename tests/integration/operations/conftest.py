"""An operation as its user has it: submitted as a job, its tables asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.models import results
from services.models.jobs import JobView, Source, Status
from tests.asking import one_job

RunJob = Callable[..., JobView]
Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run_job(running: bootstrap.Services) -> RunJob:
    """Return a function that runs a job to its end and asserts that it completed."""

    def run(operation: str, source: Path, **request: Any) -> JobView:
        view, _ = running.jobs.submit(one_job(operation=operation, source=Source.of_path(source), **request))
        view = running.jobs.wait(view.id, timeout_seconds=60)
        assert view.status == Status.COMPLETED, view.error
        return view

    return run


@pytest.fixture
def rows(running: bootstrap.Services) -> Rows:
    """Return a function that reads all rows of a table, in the order asked for."""

    def read(view: JobView, table: str = "result", **query: Any) -> list[dict[str, Any]]:
        page = running.results.query(
            view.id,
            table if table == "issues" else f"{view.names[0]}.{table}",
            results.ResultQuery(limit=1000, **query),
        )
        assert page.total_rows == len(page.rows), "the test's tree must fit one page"
        return page.rows

    return read


def converted(running: bootstrap.Services, job: JobView, name: str) -> bytes:
    """Return a file that a conversion without a destination has made."""
    return b"".join(running.artifacts.open(job.id, f"convert/converted/{name}").chunks)
