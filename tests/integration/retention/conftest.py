"""Jobs that have ended long ago, and files that belong to nobody."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.db import job_files, job_rows
from services.models.jobs import Artifact, JobView, Source, Status
from services.models.retention import Sweep
from services.use_cases.retention import RetentionService
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.jobs.conftest import Spawn, spawn
from tests.rows import change

__all__ = ["Spawn", "spawn"]

OLD_SECONDS = 100_000
Finish = Callable[..., UUID]


@pytest.fixture
def finish(services: bootstrap.Services, tree: TreeBuilder, tmp_path: Path) -> Finish:
    """Return a function that makes a job which ended some days ago, with a stored file; nothing runs for it."""
    source = Source.of_path(tree({"a": b"1"}, name="read"))

    def make(days_ago: float = 0, size_bytes: int = 10, **values: Any) -> UUID:
        view, _ = services.jobs.submit(one_job(operation="inventory", source=source))
        with services.database.transaction() as session:
            token = session.scalar("SELECT nextval('fencing_tokens')")
            finished_at = job_rows.now(session) - timedelta(days=days_ago)
            ended = {"status": Status.COMPLETED, "fencing_token": token, "finished_at": finished_at} | values
            change(session, "jobs", view.id, **ended)
            if size_bytes:
                stored = Artifact(name="file", media_type="x", size_bytes=size_bytes)
                job_files.replace_artifacts(session, view.id, [stored])
        if size_bytes:
            file = tmp_path / "stored-file"
            file.write_bytes(bytes(size_bytes))
            services.storage.put(f"jobs/{view.id}/{token}/file", file)
        return view.id

    return make


def retention(services: bootstrap.Services, **limits: Any) -> RetentionService:
    """Return a service of its own with these limits, as another process would have."""
    config = services.settings.model_copy(update=limits)
    return RetentionService(services.database, services.storage, config)


def sweep(services: bootstrap.Services, **limits: Any) -> Sweep:
    """Sweep with these limits."""
    return retention(services, **limits).sweep()


def foresee(services: bootstrap.Services, **limits: Any) -> Sweep:
    """Tell what a sweep with these limits would do."""
    return retention(services, **limits).sweep(dry_run=True)


def there(services: bootstrap.Services) -> set[UUID]:
    """Return the jobs there are."""
    return {view.id for view in services.jobs.list(limit=200).items}


def age(path: Path, seconds: float = OLD_SECONDS) -> None:
    """Let a file or a folder with all in it look as if nothing had changed for some time."""
    moment = time.time() - seconds
    for one in (*path.rglob("*"), path):
        os.utime(one, (moment, moment), follow_symlinks=False)


def folder(config: settings_module.Settings, job_id: UUID) -> Path:
    """Return where the results of a job are."""
    return config.data_dir / "results" / "jobs" / str(job_id)


def waiting(services: bootstrap.Services, **asked: Any) -> JobView:
    """Return a job that waits."""
    return services.jobs.submit(one_job(**asked))[0]
