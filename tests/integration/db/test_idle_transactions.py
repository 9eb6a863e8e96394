"""A process that sleeps inside a transaction gives its rows back after a lease."""

from __future__ import annotations

from typing import Any

import pytest

from services import bootstrap
from services.base import errors, settings
from services.db import job_rows
from services.models.jobs import Source
from tests.asking import one_job


def test_a_row_lock_ends_with_the_lease_of_a_sleeping_holder(settings: settings.Settings, tree: Any) -> None:
    config = settings.model_copy(update={"lease_seconds": 1.5, "heartbeat_seconds": 0.5})
    with bootstrap.open_services(config) as sleeper, bootstrap.open_services(config) as other:
        request = one_job(operation="inventory", source=Source.of_path(tree({"a": b""})))
        job = other.jobs.submit(request)[0]
        with pytest.raises(errors.DatabaseError), sleeper.database.transaction() as asleep:
            job_rows.get_row(asleep, job.id, lock=True)
            with other.database.transaction() as awake:
                awake.execute("SET LOCAL lock_timeout = '20s'")
                assert job_rows.get_row(awake, job.id, lock=True).id == job.id
            asleep.scalar("SELECT 1")
        assert other.jobs.cancel(job.id).id == job.id
