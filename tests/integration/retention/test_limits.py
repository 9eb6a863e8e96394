"""Finished jobs go by age, number and bytes; what is needed or kept stays."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services import bootstrap
from services.base import errors
from services.db import job_rows, retention_rows
from services.db.rows import JobRow
from services.models.jobs import JobRequest, JobView, Source, Status
from services.models.retention import Reason
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.jobs.conftest import claim
from tests.integration.retention.conftest import Finish, folder, foresee, sweep, there, waiting
from tests.rows import change


def test_nothing_to_delete_is_no_trouble(services: bootstrap.Services) -> None:
    done = sweep(services, keep_days=1, keep_jobs=1, keep_bytes=1)
    assert (done.jobs, done.orphans, done.troubles, done.freed_bytes, done.foreign) == ([], [], [], 0, None)
    assert (done.held.jobs, done.held.size_bytes) == (0, 0)


def test_without_limits_every_job_stays(services: bootstrap.Services, finish: Finish) -> None:
    old = finish(days_ago=30_000)
    done = sweep(services)
    assert (done.jobs, there(services)) == ([], {old})


@pytest.mark.parametrize(
    ("limits", "gone"),
    [
        ({"keep_days": 5}, {0: Reason.AGE}),
        ({"keep_jobs": 1}, {0: Reason.NUMBER, 1: Reason.NUMBER}),
        ({"keep_bytes": 25}, {0: Reason.BYTES}),
        ({"keep_days": 5, "keep_jobs": 1, "keep_bytes": 25}, {0: Reason.AGE, 1: Reason.NUMBER}),
    ],
)
def test_what_is_beyond_a_limit_goes_with_rows_and_files(
    services: bootstrap.Services, finish: Finish, limits: dict[str, int], gone: dict[int, Reason]
) -> None:
    ids = [finish(days_ago=days) for days in (9, 4, 1)]
    foreseen = foresee(services, **limits)
    assert there(services) == set(ids)
    done = sweep(services, **limits)
    assert {job.id: job.reason for job in done.jobs} == {ids[place]: reason for place, reason in gone.items()}
    assert [job.model_dump() for job in done.jobs] == [job.model_dump() for job in foreseen.jobs]
    assert done.freed_bytes == foreseen.freed_bytes == 10 * len(gone)
    left = {job_id for place, job_id in enumerate(ids) if place not in gone}
    assert there(services) == left
    assert (done.held.jobs, done.held.size_bytes) == (len(left), 10 * len(left))
    for job_id in ids:
        assert folder(services.settings, job_id).exists() == (job_id in left)
    with services.database.transaction() as session:
        assert session.rows("SELECT * FROM removals") == []
        assert set(session.scalars("SELECT job_id FROM artifacts")) == left
        assert set(session.scalars("SELECT job_id FROM job_events")) == left


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING, Status.INTERRUPTED])
def test_a_job_that_has_not_ended_stays(services: bootstrap.Services, finish: Finish, status: Status) -> None:
    job_id = finish(days_ago=100, status=status)
    finish()
    assert sweep(services, keep_days=1, keep_jobs=1, keep_bytes=1).jobs == []
    assert job_id in there(services)


def test_failed_and_cancelled_jobs_go_as_well(services: bootstrap.Services, finish: Finish) -> None:
    for status in (Status.FAILED, Status.CANCELLED):
        finish(days_ago=9, size_bytes=0, status=status, fencing_token=None)
    assert len(sweep(services, keep_days=1).jobs) == 2
    assert there(services) == set()


def test_a_kept_job_stays_until_it_is_kept_no_longer(services: bootstrap.Services, finish: Finish) -> None:
    ids = [finish(days_ago=days) for days in (9, 8)]
    for job_id in ids:
        assert services.jobs.pin(job_id, pinned=True).pinned
    done = sweep(services, keep_days=1, keep_jobs=1, keep_bytes=1)
    assert (done.jobs, done.held.pinned) == ([], 2)
    assert not services.jobs.pin(ids[0], pinned=False).pinned
    assert [job.id for job in sweep(services, keep_days=1).jobs] == [ids[0]]
    assert services.jobs.get(ids[1]).pinned
    services.jobs.delete(ids[1])  # whoever asks for this very job gets what he asks for
    with pytest.raises(errors.JobNotFoundError):
        services.jobs.pin(ids[1], pinned=True)


def test_kept_survives_running_again_and_the_end_of_the_job(
    services: bootstrap.Services, tree: TreeBuilder, tmp_path: Path
) -> None:
    view = waiting(services, operation="inventory", source=Source.of_path(tree({"a": b"1"})))
    assert services.jobs.pin(view.id, pinned=True).queue_position == 1
    services.start_worker()
    done = services.jobs.wait(view.id, 30)
    assert (done.status, done.pinned) == (Status.COMPLETED, True)
    assert not services.jobs.rerun(view.id).pinned


def reading(services: bootstrap.Services, source: Path, reference: UUID) -> JobRequest:
    options = {"manifest": f"job:{reference}"}
    return one_job(operation="verify", source=Source.of_path(source), options=options)


@pytest.fixture
def reference(services: bootstrap.Services, finish: Finish) -> UUID:
    """Return an old completed job that passes for a checksum."""
    return finish(days_ago=9, operations=["checksum"])


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING, Status.INTERRUPTED])
def test_what_an_unfinished_job_reads_stays_until_it_has_ended(
    services: bootstrap.Services, reference: UUID, tree: TreeBuilder, status: Status
) -> None:
    user, _ = services.jobs.submit(reading(services, tree({"b": b""}), reference))
    with services.database.transaction() as session:
        change(session, "jobs", user.id, status=status)
    assert sweep(services, keep_days=1).jobs == []
    with services.database.transaction() as session:
        change(session, "jobs", user.id, status=Status.PENDING)
    with pytest.raises(errors.JobConflictError, match=str(user.id)):
        services.jobs.delete(reference)
    services.jobs.cancel(user.id)
    assert [job.id for job in sweep(services, keep_days=1).jobs] == [reference]


def test_what_a_job_of_another_version_names_stays(
    services: bootstrap.Services, reference: UUID, tree: TreeBuilder
) -> None:
    user = waiting(services, operation="inventory", source=Source.of_path(tree({"b": b""})))
    with services.database.transaction() as session:
        row = job_rows.get_row(session, user.id)
        change(session, "jobs", user.id, request={**row.request, "to_come": {"expected": [f"job:{reference}"]}})
    assert sweep(services, keep_days=1).jobs == []


def test_the_baseline_of_a_preset_stays(services: bootstrap.Services, reference: UUID, tree: TreeBuilder) -> None:
    services.presets.save("nightly", reading(services, tree({"b": b""}), reference))
    assert sweep(services, keep_days=1).jobs == []
    services.presets.delete("nightly")
    assert len(sweep(services, keep_days=1).jobs) == 1


def test_a_job_that_is_run_again_stays_until_that_has_ended(services: bootstrap.Services, finish: Finish) -> None:
    old = finish(days_ago=9)
    again = services.jobs.rerun(old)
    assert sweep(services, keep_days=1).jobs == []
    services.jobs.cancel(again.id)
    assert [job.id for job in sweep(services, keep_days=1).jobs] == [old]
    # What is left of the two can still be run again, though the first is gone.
    assert services.jobs.rerun(again.id).rerun_of == old


def test_a_reference_cannot_be_deleted_while_a_job_that_names_it_is_being_submitted(
    services: bootstrap.Services, reference: UUID, tree: TreeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = reading(services, tree({"b": b""}), reference)
    insert = job_rows.insert_job
    swept: list[list[UUID]] = []

    def sweep_meanwhile(*given: object) -> JobRow:
        swept.append([job.id for job in sweep(services, keep_days=1).jobs])
        return insert(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(job_rows, "insert_job", sweep_meanwhile)
    services.jobs.submit(request)
    assert swept == [[]]
    assert sweep(services, keep_days=1).jobs == []


def test_a_job_that_names_one_deleted_at_this_moment_is_refused(
    services: bootstrap.Services, reference: UUID, tree: TreeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = reading(services, tree({"b": b""}), reference)
    hold = services.jobs._hold

    def sweep_before(*given: object) -> None:
        assert len(sweep(services, keep_days=1).jobs) == 1
        hold(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(services.jobs, "_hold", sweep_before)
    with pytest.raises(errors.InvalidOptionsError, match=str(reference)):
        services.jobs.submit(request)
    assert there(services) == set()


def test_a_job_that_somebody_holds_is_left_and_no_other_goes_in_its_place(
    services: bootstrap.Services, finish: Finish
) -> None:
    ids = [finish(days_ago=days) for days in (9, 5, 1)]
    with services.database.transaction() as session:
        job_rows.get_row(session, ids[0], lock=True)
        assert sweep(services, keep_bytes=20).jobs == []
    assert [job.id for job in sweep(services, keep_bytes=20).jobs] == [ids[0]]


def test_a_job_kept_in_the_last_moment_stays(
    services: bootstrap.Services, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = finish(days_ago=9)
    beyond = retention_rows.beyond

    def keep_meanwhile(*given: object) -> object:
        chosen = beyond(*given)  # type: ignore[arg-type]
        services.jobs.pin(job_id, pinned=True)
        return chosen

    monkeypatch.setattr(retention_rows, "beyond", keep_meanwhile)
    assert sweep(services, keep_days=1).jobs == []
    assert there(services) == {job_id}


def test_the_databases_clock_decides_not_this_machines(
    services: bootstrap.Services, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = finish(days_ago=1)
    monkeypatch.setattr("services.use_cases.retention.time.time", lambda: 4e9)
    assert sweep(services, keep_days=2).jobs == []
    with services.database.transaction() as session:
        finished_at = job_rows.get_row(session, job_id).finished_at
        assert finished_at is not None
        # That clock was set back since.
        change(session, "jobs", job_id, finished_at=finished_at + timedelta(days=400))
    assert sweep(services, keep_days=2).jobs == []


def test_a_job_without_a_time_of_its_end_counts_from_its_beginning(
    services: bootstrap.Services, finish: Finish
) -> None:
    job_id = finish(finished_at=None)
    assert sweep(services, keep_days=1).jobs == []
    with services.database.transaction() as session:
        created_at = job_rows.get_row(session, job_id).created_at
        change(session, "jobs", job_id, created_at=created_at - timedelta(days=3))
    assert len(sweep(services, keep_days=1).jobs) == 1


def test_more_jobs_than_a_batch_and_than_a_statement_takes(services: bootstrap.Services, finish: Finish) -> None:
    first = finish(days_ago=50)
    copy = """
        INSERT INTO jobs (id, operations, label, request, status, attempt, cancel_requested, deaths, samples,
            issues_count, created_at, finished_at)
        SELECT gen_random_uuid(), operations, label, request, 'FAILED', 1, false, 0, '[]', 0, created_at,
            finished_at + make_interval(secs => n) FROM jobs, generate_series(1, 70000) AS n"""
    with services.database.transaction() as session:
        session.execute(copy)
    assert len(foresee(services, keep_days=1).jobs) == 70_001
    done = sweep(services, keep_jobs=69_300)
    assert len(done.jobs) == 701
    assert done.jobs[0].id == first
    assert done.held.jobs == 69_300


def test_the_last_sweep_is_kept_and_a_look_is_none(services: bootstrap.Services, finish: Finish) -> None:
    assert services.retention.last() is None
    finish(days_ago=9)
    foresee(services, keep_days=1)
    assert services.retention.last() is None
    done = sweep(services, keep_days=1)
    last = services.retention.last()
    assert last is not None
    assert (last.at, last.jobs, last.orphans, last.freed_bytes, last.troubles) == (done.at, 1, 0, 10, 0)


def test_a_deleted_job_is_gone_for_everybody_who_looks(
    services: bootstrap.Services, finish: Finish, tree: TreeBuilder
) -> None:
    services.start_worker()
    view = waiting(services, operation="inventory", source=Source.of_path(tree({"a": b"1"})))
    done: JobView = services.jobs.wait(view.id, 30)
    assert services.results.query(done.id, "inventory.result").total_rows == 1
    finish()
    assert [job.id for job in sweep(services, keep_jobs=1).jobs] == [view.id]
    asks: list[Callable[[], object]] = [
        lambda: services.jobs.get(view.id),
        lambda: services.results.query(view.id, "inventory.result"),
        lambda: services.artifacts.open(view.id, "outcome.json"),
        lambda: services.jobs.pin(view.id, pinned=True),
    ]
    for ask in asks:
        with pytest.raises(errors.JobNotFoundError):
            ask()
    assert claim(services) is None
    assert uuid.UUID(str(view.id)) not in there(services)
