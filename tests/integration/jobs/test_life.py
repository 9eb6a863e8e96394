"""A job's states, from submit to its end, on a real database and the real engine."""

from __future__ import annotations

import shutil
import time
import uuid
from pathlib import Path

import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.db import job_rows
from services.models.jobs import JobFilter, JobRequest, Source, Status
from tests.asking import one_job, other
from tests.conftest import TreeBuilder, wait_until
from tests.integration.jobs.conftest import statuses, wait_for
from tests.rows import change


def test_a_job_goes_from_pending_over_running_to_completed(running: bootstrap.Services, small_job: JobRequest) -> None:
    view, is_new = running.jobs.submit(small_job)
    assert is_new
    assert view.status == Status.PENDING
    done = running.jobs.wait(view.id, 30)
    assert done.status == Status.COMPLETED
    assert statuses(done) == ["PENDING", "RUNNING", "COMPLETED"]
    assert done.outcome is not None
    assert done.outcome["results"][0]["summary"]["files"] == 3
    assert done.progress is not None
    assert done.progress.files_done == 3
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at
    assert done.queue_position is None
    assert done.error is None


def test_nothing_is_left_in_the_work_folder(running: bootstrap.Services, small_job: JobRequest) -> None:
    view, _ = running.jobs.submit(small_job)
    running.jobs.wait(view.id, 30)
    work = running.settings.work_dir
    wait_until(lambda: not work.exists() or not list(work.iterdir()), "the work folder is empty")


def test_waiting_jobs_show_their_place(services: bootstrap.Services, small_job: JobRequest) -> None:
    views = [services.jobs.submit(small_job)[0] for _ in range(3)]
    assert [view.queue_position for view in views] == [1, 2, 3]
    services.jobs.cancel(views[0].id)
    assert [services.jobs.get(view.id).queue_position for view in views] == [None, 1, 2]
    listed = {item.id: item.queue_position for item in services.jobs.list().items}
    assert [listed[view.id] for view in views] == [None, 1, 2]


def test_a_waiting_job_is_cancelled_at_once(services: bootstrap.Services, small_job: JobRequest) -> None:
    view, _ = services.jobs.submit(small_job)
    cancelled = services.jobs.cancel(view.id)
    assert cancelled.status == Status.CANCELLED
    assert cancelled.finished_at is not None
    services.start_worker()
    other, _ = services.jobs.submit(small_job)
    services.jobs.wait(other.id, 30)
    assert services.jobs.get(view.id).status == Status.CANCELLED
    assert services.jobs.get(view.id).started_at is None


def test_a_running_job_is_cancelled_within_half_a_second(running: bootstrap.Services, slow_job: JobRequest) -> None:
    took = []
    for _ in range(5):
        view, _ = running.jobs.submit(slow_job)
        wait_for(running, view, Status.RUNNING)
        started = time.perf_counter()
        assert running.jobs.cancel(view.id).cancel_requested
        done = running.jobs.wait(view.id, 60)
        took.append(time.perf_counter() - started)
        assert done.status == Status.CANCELLED
        assert statuses(done) == ["PENDING", "RUNNING", "CANCELLED"]
        assert running.artifacts.list(view.id) == []
    assert sorted(took)[2] < 0.5, took
    assert max(took) < 2, took


def test_cancelling_a_finished_job_changes_nothing(running: bootstrap.Services, small_job: JobRequest) -> None:
    view, _ = running.jobs.submit(small_job)
    done = running.jobs.wait(view.id, 30)
    again = running.jobs.cancel(view.id)
    assert again.status == Status.COMPLETED
    assert again == done
    assert not again.cancel_requested


def test_retry_makes_a_new_job_of_the_same_request(running: bootstrap.Services, slow_job: JobRequest) -> None:
    view, _ = running.jobs.submit(slow_job)
    wait_for(running, view, Status.RUNNING)
    with pytest.raises(errors.JobConflictError, match="RUNNING"):
        running.jobs.rerun(view.id)
    running.jobs.cancel(view.id)
    running.jobs.wait(view.id, 60)
    again = running.jobs.rerun(view.id)
    assert again.id != view.id
    assert again.rerun_of == view.id
    assert again.request == view.request
    running.jobs.cancel(again.id)


def test_a_running_job_cannot_be_deleted(running: bootstrap.Services, slow_job: JobRequest) -> None:
    view, _ = running.jobs.submit(slow_job)
    wait_for(running, view, Status.RUNNING)
    with pytest.raises(errors.JobConflictError) as caught:
        running.jobs.delete(view.id)
    assert "Cancel" in caught.value.remedy
    running.jobs.cancel(view.id)
    running.jobs.wait(view.id, 60)
    running.jobs.delete(view.id)
    with pytest.raises(errors.JobNotFoundError):
        running.jobs.get(view.id)


def test_deleting_a_job_deletes_its_files(running: bootstrap.Services, small_job: JobRequest) -> None:
    view, _ = running.jobs.submit(small_job)
    running.jobs.wait(view.id, 30)
    folder = running.settings.data_dir / "results" / "jobs" / str(view.id)
    assert folder.is_dir()
    running.jobs.delete(view.id)
    assert not folder.exists()
    with pytest.raises(errors.JobNotFoundError):
        running.artifacts.list(view.id)


def test_deleting_a_waiting_job_takes_it_from_the_queue(services: bootstrap.Services, small_job: JobRequest) -> None:
    first, _ = services.jobs.submit(small_job)
    second, _ = services.jobs.submit(small_job)
    services.jobs.delete(first.id)
    assert services.jobs.get(second.id).queue_position == 1
    services.start_worker()
    assert services.jobs.wait(second.id, 30).status == Status.COMPLETED


@pytest.mark.parametrize("action", ["get", "cancel", "rerun", "delete"])
def test_an_unknown_job_is_named(services: bootstrap.Services, action: str) -> None:
    unknown = uuid.uuid4()
    with pytest.raises(errors.JobNotFoundError, match=str(unknown)):
        getattr(services.jobs, action)(unknown)


def test_counts_count_every_state(services: bootstrap.Services, small_job: JobRequest) -> None:
    assert set(services.jobs.counts()) == set(Status)
    services.jobs.submit(small_job)
    view, _ = services.jobs.submit(small_job)
    services.jobs.cancel(view.id)
    counts = services.jobs.counts()
    assert counts[Status.PENDING] == 1
    assert counts[Status.CANCELLED] == 1
    assert sum(counts.values()) == 2


def test_a_source_that_vanished_before_the_run_fails_clearly(services: bootstrap.Services, tree: TreeBuilder) -> None:
    source = tree({"a": b"1"}, name="gone")
    view, _ = services.jobs.submit(one_job(operation="inventory", source=Source.of_path(source)))
    shutil.rmtree(source)
    services.start_worker()
    done = services.jobs.wait(view.id, 30)
    assert done.status == Status.FAILED
    assert done.error is not None
    assert done.error.code == "source_not_found"
    assert str(source) in done.error.message
    assert done.error.remedy


def test_a_missing_source_is_refused_at_submit(services: bootstrap.Services, tmp_path: Path) -> None:
    with pytest.raises(errors.SourceNotFoundError):
        services.jobs.submit(one_job(operation="inventory", source=Source(path=str(tmp_path / "none"))))
    assert services.jobs.list().items == []


@pytest.mark.parametrize("operation", ["inventory", "checksum"])
def test_an_empty_directory_is_a_result(running: bootstrap.Services, tree: TreeBuilder, operation: str) -> None:
    source = Source.of_path(tree({}, name="nothing"))
    view, _ = running.jobs.submit(one_job(operation=operation, source=source))
    done = running.jobs.wait(view.id, 30)
    assert done.status == Status.COMPLETED
    assert done.outcome is not None
    assert done.outcome["results"][0]["summary"]["files"] == 0
    for table in running.results.tables(view.id):
        assert running.results.query(view.id, table.name).total_rows == table.rows


def test_too_little_disk_fails_before_anything_is_read(
    settings: settings_module.Settings, small_job: JobRequest
) -> None:
    tight = settings.model_copy(update={"min_free_disk_bytes": 1 << 60})
    with bootstrap.open_services(tight) as services:
        services.start_worker()
        view, _ = services.jobs.submit(small_job)
        done = services.jobs.wait(view.id, 30)
    assert done.error is not None
    assert done.error.code == "limit_exceeded"
    assert "PRAVAH_MIN_FREE_DISK_BYTES" in done.error.message


def test_a_job_that_this_version_does_not_understand_is_left_to_another_one_and_blocks_nobody(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    newer, _ = services.jobs.submit(small_job)
    new, _ = services.jobs.submit(small_job)
    with services.database.transaction() as session:
        understood = job_rows.get_row(session, newer.id).request
        change(session, "jobs", newer.id, request={**understood, "walk": {"newer_option": 1}})
    listed = services.jobs.list()
    assert {view.id for view in listed.items} == {newer.id, new.id}
    services.start_worker()
    assert services.jobs.wait(new.id, 30).status == Status.COMPLETED
    services.close()
    with bootstrap.open_services(services.settings) as opened:
        opened.start_worker()
        third, _ = opened.jobs.submit(small_job)
        assert opened.jobs.wait(third.id, 30).status == Status.COMPLETED
        left = opened.jobs.get(newer.id)
        assert (left.status, left.attempt, left.error) == (Status.PENDING, 1, None)
        # Said once, whatever the number of workers of this version.
        assert statuses(left) == ["PENDING", "PENDING"]
        assert "does not understand it (walk.newer_option" in left.events[-1].note
    with bootstrap.open_services(services.settings) as of_newer_version:
        with of_newer_version.database.transaction() as session:
            change(session, "jobs", newer.id, request=understood)
        of_newer_version.start_worker()
        done = of_newer_version.jobs.wait(newer.id, 30)
        assert (done.status, done.attempt) == (Status.COMPLETED, 1)


def test_issues_are_seen_while_the_job_runs_and_after_its_end(running: bootstrap.Services, slow_source: Path) -> None:
    manifest = slow_source / "MD5SUMS"
    manifest.write_text("no digest\n" * 3 + f"{'0' * 32}  large\n")
    options = {"manifest": str(manifest)}
    request = one_job(operation="verify", source=Source.of_path(slow_source), options=options)
    view, _ = running.jobs.submit(request)
    wait_until(lambda: running.jobs.get(view.id).issues_count == 3, "issues are counted")
    assert running.jobs.get(view.id).status == Status.RUNNING
    seen = running.results.issues(view.id)
    assert [issue.index for issue in seen] == [1, 2, 3]
    assert {issue.kind for issue in seen} == {"malformed"}
    assert [issue.index for issue in running.results.issues(view.id, after=2)] == [3]
    assert [issue.index for issue in running.results.issues(view.id, limit=1)] == [1]
    running.jobs.cancel(view.id)
    assert running.jobs.wait(view.id, 60).status == Status.CANCELLED
    assert running.results.issues(view.id) == seen


def test_filter_by_state_operation_and_text(services: bootstrap.Services, small_job: JobRequest) -> None:
    named = small_job.model_copy(update={"name": "100%_'quoted\" Naïve"})
    first, _ = services.jobs.submit(named)
    second, _ = services.jobs.submit(other(small_job, operation="checksum").model_copy(update={"name": "100 x quoted"}))
    services.jobs.cancel(second.id)

    def found(**wanted: str) -> set[uuid.UUID]:
        return {view.id for view in services.jobs.list(JobFilter.model_validate(wanted)).items}

    assert found() == {first.id, second.id}
    assert found(status="CANCELLED") == {second.id}
    assert found(operation="inventory") == {first.id}
    assert found(text="100%_") == {first.id}
    assert found(text="'QUOTED\"") == {first.id}
    assert found(text="NAÏVE") == {first.id}
    assert found(text="0%") == {first.id}
    assert found(text="%_") == {first.id}
    assert found(text="\\") == set()
    assert found(text="small") == {first.id, second.id}
    assert found(text="' OR 1=1 --") == set()
    assert found(status="PENDING", operation="checksum") == set()
