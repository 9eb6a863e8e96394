"""Who may write to a job: leases, fencing tokens, several workers, dead workers."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.db import job_files, job_rows, recovery
from services.db.database import Database
from services.models import stored_files
from services.models.jobs import Artifact, IssueView, JobRequest, Progress, Status
from services.workers.lease import Lease
from services.workers.worker import Claim, Finished, Worker
from tests.conftest import wait_until
from tests.integration.jobs.conftest import Spawn, claim, statuses, take_over, wait_for
from tests.rows import change


def test_concurrent_claims_never_give_a_job_twice(services: bootstrap.Services, small_job: JobRequest) -> None:
    jobs = [services.jobs.submit(small_job)[0].id for _ in range(30)]
    with ThreadPoolExecutor(12) as pool:
        claimed = [one for one in pool.map(lambda _: claim(services, limit=100), range(40)) if one]
    assert sorted(job_id for job_id, _ in claimed) == sorted(jobs)
    assert len({token for _, token in claimed}) == 30


def test_jobs_are_claimed_in_the_order_of_their_submit(services: bootstrap.Services, small_job: JobRequest) -> None:
    jobs = [services.jobs.submit(small_job)[0].id for _ in range(5)]
    claimed = [claim(services) for _ in range(5)]
    assert [one[0] for one in claimed if one] == jobs
    tokens = [one[1] for one in claimed if one]
    assert tokens == sorted(tokens)


def test_a_locked_row_is_skipped(services: bootstrap.Services, small_job: JobRequest) -> None:
    first, second = (services.jobs.submit(small_job)[0].id for _ in range(2))
    with services.database.transaction() as session:
        job_rows.get_row(session, first, lock=True)
        claimed = claim(services)
    assert claimed is not None
    assert claimed[0] == second


def test_the_limit_holds_over_concurrent_claims(services: bootstrap.Services, small_job: JobRequest) -> None:
    for _ in range(20):
        services.jobs.submit(small_job)
    with ThreadPoolExecutor(12) as pool:
        claimed = [one for one in pool.map(lambda _: claim(services, limit=3), range(24)) if one]
    assert len(claimed) == 3
    assert services.jobs.counts()[Status.RUNNING] == 3


def test_the_limit_holds_over_processes(
    services: bootstrap.Services, slow_job: JobRequest, small_job: JobRequest, spawn: Spawn
) -> None:
    for _ in range(3):
        spawn(PRAVAH_CONCURRENCY_LIMIT="2")
    slow = [services.jobs.submit(slow_job)[0] for _ in range(4)]
    wait_until(lambda: services.jobs.counts()[Status.RUNNING] == 2, "two jobs run")
    waiting = services.jobs.submit(small_job)[0]
    seen = set()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        seen.add(services.jobs.counts()[Status.RUNNING])
    assert seen == {2}
    assert services.jobs.get(waiting.id).queue_position == 3
    for view in slow:
        services.jobs.cancel(view.id)
    assert services.jobs.wait(waiting.id, 30).status == Status.COMPLETED


def test_every_write_of_a_stale_worker_is_refused(services: bootstrap.Services, small_job: JobRequest) -> None:
    job_id = services.jobs.submit(small_job)[0].id
    claimed = claim(services)
    assert claimed is not None
    stale = claimed[1]
    fresh = take_over(services, job_id)
    assert fresh > stale
    before = services.jobs.get(job_id)
    with services.database.transaction() as session:
        assert not job_rows.complete(session, job_id, stale, {}, {}, 0)
        assert job_rows.heartbeat(session, job_id, stale, 10, progress={}) is job_rows.Hold.LOST
        assert job_rows.look(session, job_id, stale) is job_rows.Hold.LOST
        assert job_rows.held_row(session, job_id, stale) is None
        assert job_rows.look(session, job_id, fresh) is job_rows.Hold.HELD
    assert services.jobs.get(job_id) == before


class UnreachedReport:
    """Issues and shards that must not be written."""

    def finish(self, session: object) -> None:
        """Fail."""
        raise AssertionError("a stale worker writes issues and shards")


def test_a_stale_worker_completes_nothing_and_leaves_no_file(
    services: bootstrap.Services, small_job: JobRequest, settings: settings_module.Settings
) -> None:
    view = services.jobs.submit(small_job)[0]
    claimed = claim(services)
    assert claimed is not None
    _, stale = claimed
    fresh = take_over(services, view.id)
    folder = settings.work_dir / "stale" / "out"
    folder.mkdir(parents=True)
    (folder / "issues.parquet").write_bytes(b"stale")
    worker = Worker(
        services.database, services.jobs, services.sources, services.storage, services.artifacts, services.settings
    )
    progress = Progress.model_validate({**dict.fromkeys(Progress.model_fields, 0), "stage": "write"})
    finished = Finished({"stale": True}, progress, UnreachedReport())  # type: ignore[arg-type]
    with Lease(services.database, view.id, fresh, services.settings, threading.Event()) as lease:
        worker._complete(Claim(view.id, view.id, stale, 1, view.request), folder, finished, lease)
    after = services.jobs.get(view.id)
    assert after.status == Status.RUNNING
    assert after.outcome is None
    with services.database.transaction() as session:
        assert session.rows("SELECT * FROM artifacts") == []
        assert session.rows("SELECT * FROM shards") == []
        assert session.rows("SELECT * FROM job_issues") == []
    assert services.storage.list(stored_files.storage_prefix(view.id, stale)) == []


def test_a_heartbeat_extends_the_lease(services: bootstrap.Services, small_job: JobRequest) -> None:
    job_id = services.jobs.submit(small_job)[0].id
    claimed = claim(services, lease_seconds=5)
    assert claimed is not None

    def lease_end() -> float:
        with services.database.transaction() as session:
            end = job_rows.get_row(session, job_id).lease_expires_at
        assert end is not None
        return end.timestamp()

    first = lease_end()
    with services.database.transaction() as session:
        assert job_rows.heartbeat(session, job_id, claimed[1], 60) is job_rows.Hold.HELD
    assert 50 < lease_end() - first < 70


def test_a_lease_renews_itself_while_nothing_is_reported(
    settings: settings_module.Settings, small_job: JobRequest
) -> None:
    # Longer than a busy machine keeps a thread waiting.
    quick = settings.model_copy(update={"lease_seconds": 10, "heartbeat_seconds": 0.3})
    with bootstrap.open_services(quick) as services:
        job_id = services.jobs.submit(small_job)[0].id
        claimed = claim(services, lease_seconds=10)
        assert claimed is not None

        def remaining_seconds() -> float:
            with services.database.transaction() as session:
                assert recovery.abandoned(session) == []
                end = job_rows.get_row(session, job_id).lease_expires_at
                assert end is not None
                return (end - job_rows.now(session)).total_seconds()

        with Lease(services.database, job_id, claimed[1], quick, threading.Event()) as lease:
            for _ in range(3):
                wait_until(lambda: remaining_seconds() < 9.9, "some of the lease is over")
                wait_until(lambda: remaining_seconds() > 9.9, "it is renewed")
            assert not lease.is_over


def test_a_lease_notices_that_it_is_lost_and_stops_the_work(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    job_id = services.jobs.submit(small_job)[0].id
    claimed = claim(services)
    assert claimed is not None
    stopped = threading.Event()
    with Lease(services.database, job_id, claimed[1], services.settings, threading.Event()) as lease:
        lease.when_over(stopped.set)
        take_over(services, job_id)
        assert stopped.wait(30)
        assert lease.lost.is_set()
        assert not lease.cancelled.is_set()


def test_a_worker_that_lost_its_lease_forgets_the_job(running: bootstrap.Services, slow_job: JobRequest) -> None:
    view = running.jobs.submit(slow_job)[0]
    wait_for(running, view, Status.RUNNING)
    with running.database.transaction() as session:
        token = job_rows.get_row(session, view.id).fencing_token or 0
        change(session, "jobs", view.id, fencing_token=token + 1_000, worker=None)
    name = f"pravah-job-{view.id}"
    wait_until(lambda: name not in {one.name for one in threading.enumerate()}, "the worker gave it up")
    after = running.jobs.get(view.id)
    assert after.status == Status.RUNNING
    assert after.error is None
    running.jobs.cancel(view.id)


def test_a_database_that_is_away_for_a_moment_harms_no_job(
    running: bootstrap.Services, slow_job: JobRequest, postgres: str
) -> None:
    view = running.jobs.submit(slow_job)[0]
    wait_until(lambda: running.jobs.get(view.id).progress, "progress is written")
    cut_connections(running.database, postgres, seconds=1.5)
    before = running.jobs.get(view.id).progress
    assert before is not None
    done = before.bytes_done
    wait_until(lambda: (p := running.jobs.get(view.id).progress) and p.bytes_done > done, "progress goes on")
    after = running.jobs.get(view.id)
    assert after.status == Status.RUNNING
    assert after.attempt == 1
    assert statuses(after) == ["PENDING", "RUNNING"]
    running.jobs.cancel(view.id)
    assert running.jobs.wait(view.id, 60).status == Status.CANCELLED


def cut_connections(database: Database, postgres: str, seconds: float) -> None:
    """Refuse every connection to the database for some time."""
    name = database.url.rpartition("/")[2]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_progress_is_written_at_most_four_times_a_second(running: bootstrap.Services, slow_job: JobRequest) -> None:
    view = running.jobs.submit(slow_job)[0]
    wait_for(running, view, Status.RUNNING)
    elapsed = set()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        progress = running.jobs.get(view.id).progress
        if progress is not None:
            elapsed.add(progress.elapsed_seconds)
    running.jobs.cancel(view.id)
    assert 3 <= len(elapsed) <= 13
    samples = running.jobs.get(view.id).samples
    assert [sample.elapsed_seconds for sample in samples] == sorted(sample.elapsed_seconds for sample in samples)


def test_after_completion_the_shards_are_those_of_the_result(
    settings: settings_module.Settings, small_job: JobRequest
) -> None:
    with bootstrap.open_services(settings.model_copy(update={"shard_rows": 2})) as services:
        services.start_worker()
        view = services.jobs.submit(small_job)[0]
        done = services.jobs.wait(view.id, 30)
        assert done.outcome is not None
        with services.database.transaction() as session:
            rows = session.rows("SELECT * FROM shards WHERE job_id = %(id)s", id=view.id)
            token = job_rows.get_row(session, view.id).fencing_token
        expected = {
            (table["name"], shard["path"], shard["rows"], shard["bytes"])
            for table in done.outcome["results"][0]["tables"]
            for shard in table["shards"]
        }
        main = [shard for shard in expected if shard[0] == "result"]
        assert len(main) > 1
        found = {(row.table_name, row.path, row.rows, row.size_bytes) for row in rows}
        assert expected <= found, json.dumps(sorted(expected - found))
        assert {row.fencing_token for row in rows} == {token}
        stored = {artifact.name for artifact in services.artifacts.list(view.id)}
        assert {row.path for row in rows} <= stored


def test_a_stale_workers_issues_do_not_shadow_those_of_its_successor(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    job_id = services.jobs.submit(small_job)[0].id
    assert claim(services)
    old = IssueView(index=1, stage="walk", path="old", kind="vanished", message="")
    with services.database.transaction() as session:
        job_files.add_issues(session, job_id, [old])
    take_over(services, job_id)
    assert services.results.issues(job_id) == []


def test_more_rows_than_a_statement_takes_are_written(services: bootstrap.Services, small_job: JobRequest) -> None:
    job_id = services.jobs.submit(small_job)[0].id
    many = [Artifact(name=f"result/part-{n:05d}.parquet", media_type="x", size_bytes=n) for n in range(30_000)]
    with services.database.transaction() as session:
        job_files.replace_artifacts(session, job_id, many)
    assert len(services.artifacts.list(job_id)) == 30_000


def test_a_database_that_stays_away_is_an_error_of_the_call(services: bootstrap.Services, postgres: str) -> None:
    name = services.database.url.rpartition("/")[2]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        with pytest.raises(errors.DatabaseError) as caught:
            services.jobs.list()
        assert caught.value.remedy
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert services.jobs.list().items == []
