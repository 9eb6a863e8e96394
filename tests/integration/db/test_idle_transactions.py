"""A process that sleeps inside a transaction gives its rows back after a lease."""

from __future__ import annotations

from typing import Any

import pytest

from services import bootstrap
from services.base import errors, settings
from services.db import job_rows, recovery
from services.models.jobs import Source
from tests.asking import one_job
from tests.conftest import wait_until


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


def test_a_dead_job_whose_row_is_locked_is_taken_back(settings: settings.Settings, tree: Any) -> None:
    """Also if the server forgets to end the transaction that holds it."""
    config = settings.model_copy(update={"lease_seconds": 1.5, "heartbeat_seconds": 0.5})
    with bootstrap.open_services(config) as sleeper, bootstrap.open_services(config) as other:
        job = other.jobs.submit(one_job(operation="inventory", source=Source.of_path(tree({"a": b""}))))[0]
        with pytest.raises(errors.DatabaseError), sleeper.database.transaction() as asleep:
            asleep.execute("SET idle_in_transaction_session_timeout = 0")
            row = job_rows.claim(asleep, 1, 0.1)
            assert row is not None
            asleep.execute("COMMIT")
            asleep.execute("SET idle_in_transaction_session_timeout = 0")
            job_rows.get_row(asleep, job.id, lock=True)

            def found() -> bool:
                with other.database.transaction() as awake:
                    return [one.id for one in recovery.abandoned(awake)] == [job.id]

            wait_until(found, "the job is known as dead", seconds=20)
            asleep.scalar("SELECT 1")
