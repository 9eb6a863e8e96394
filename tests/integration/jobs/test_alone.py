"""A job on which two workers died runs in a worker of its own, with a memory limit."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services import bootstrap
from services.base import identity
from services.base import settings as settings_module
from services.db import job_rows, recovery, splits
from services.db.rows import JobRow
from services.models.jobs import JobRequest, JobView, Source, Status
from services.workers import alone, children, memory
from tests.asking import one_job
from tests.conftest import wait_until
from tests.integration.jobs.conftest import Spawn, claim, statuses, wait_for
from tests.rows import change

_LIMIT_BYTES = 256 << 20


def row_of(services: bootstrap.Services, job: JobView) -> JobRow:
    """Return a job's row."""
    with services.database.transaction() as session:
        return job_rows.get_row(session, job.id)


def process_of(services: bootstrap.Services, job_id: UUID) -> int:
    """Return the process that holds a running job."""
    with services.database.transaction() as session:
        worker = job_rows.get_row(session, job_id).worker
    assert worker is not None
    return int(worker.split(" ")[-2])


def let_workers_die(services: bootstrap.Services, job: JobView, times: int = job_rows.ALONE_DEATHS) -> None:
    """Queue a job again as if workers had died on it."""
    for _ in range(times):
        assert claim(services) is not None
        with services.database.transaction() as session:
            recovery.interrupt(session, job.id, "its worker crashed", died=True)
        with services.database.transaction() as session:
            recovery.requeue(session)


@pytest.fixture
def wide_job(tmp_path: Path) -> JobRequest:
    """Return a job that needs more than 256 MiB: a profile of 30,000 columns."""
    root = tmp_path / "wide"
    root.mkdir()
    columns = 30_000
    lines = [",".join(f"c{column}" for column in range(columns))]
    lines += [",".join(f"{row * column % 9973}x" for column in range(columns)) for row in range(3)]
    (root / "wide.csv").write_text("\n".join(lines) + "\n")
    return one_job(operation="profile", source=Source.of_path(root))


@pytest.fixture
def limited(settings: settings_module.Settings) -> settings_module.Settings:
    """Return settings with the smallest limit, that is none of this process."""
    return settings.model_copy(update={"job_memory_bytes": _LIMIT_BYTES, "engine_threads": 2})


def test_a_job_on_which_two_workers_were_killed_runs_in_a_process_of_its_own(
    services: bootstrap.Services, slow_job: JobRequest, small_job: JobRequest, spawn: Spawn
) -> None:
    view = services.jobs.submit(slow_job)[0]
    for attempt in (1, 2):
        process = spawn(PRAVAH_LEASE_SECONDS="600")
        wait_until(lambda: services.jobs.get(view.id).attempt == attempt, "it is queued again")  # noqa: B023
        wait_for(services, view, Status.RUNNING)
        assert process_of(services, view.id) == process.pid
        process.send_signal(signal.SIGKILL)
        process.wait()
    survivor = spawn(PRAVAH_LEASE_SECONDS="600", PRAVAH_JOB_MEMORY_BYTES=str(1 << 30))
    wait_until(lambda: services.jobs.get(view.id).attempt == 3, "it is queued again")
    running = wait_for(services, view, Status.RUNNING)
    assert running.events[-2].note == "queued again as attempt 3; 2 workers crashed on it, so it runs alone"
    own = process_of(services, view.id)
    assert own != survivor.pid
    assert Path(f"/proc/{own}/stat").read_text().rpartition(")")[2].split()[1] == str(survivor.pid)
    assert resource.prlimit(own, resource.RLIMIT_DATA) == (1 << 30, 1 << 30)
    wait_until(lambda: services.jobs.get(view.id).progress, "it works")

    os.kill(own, signal.SIGKILL)
    failed = wait_for(services, view, Status.FAILED)
    assert failed.error is not None
    assert failed.error.code == "internal"
    assert re.fullmatch(
        r"the job \(checksum\) crashes its worker: at last its own one in stage '.*', after 0 files, killed by SIGKILL",
        failed.error.message,
    )
    assert "PRAVAH_JOB_MEMORY_BYTES" in failed.error.remedy
    # Its worker lives, and runs other jobs.
    other = services.jobs.submit(small_job)[0]
    assert services.jobs.wait(other.id, 30).status == Status.COMPLETED
    assert survivor.poll() is None
    wait_until(lambda: list(services.settings.work_dir.iterdir()) == [], "its work is removed")


def test_a_job_that_reaches_its_memory_limit_says_so_and_others_complete(
    limited: settings_module.Settings, wide_job: JobRequest, small_job: JobRequest
) -> None:
    with bootstrap.open_services(limited) as services:
        view = services.jobs.submit(wide_job)[0]
        let_workers_die(services, view)
        beside = [services.jobs.submit(small_job)[0] for _ in range(3)]
        services.start_worker()
        failed = services.jobs.wait(view.id, 60)
        done = [services.jobs.wait(one.id, 30) for one in beside]
        assert [(one.status, one.attempt) for one in done] == [(Status.COMPLETED, 1)] * 3
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert failed.error.code == "limit_exceeded"
    assert failed.error.message.startswith(
        "the job (profile) needs more than 256 MiB of memory: its own worker ran out of memory "
    )
    assert failed.error.remedy.startswith("Raise PRAVAH_JOB_MEMORY_BYTES")
    assert statuses(failed)[-2:] == ["RUNNING", "FAILED"]


def test_with_enough_memory_it_completes(limited: settings_module.Settings, wide_job: JobRequest) -> None:
    more = limited.model_copy(update={"job_memory_bytes": 4 << 30})
    with bootstrap.open_services(more) as services:
        view = services.jobs.submit(wide_job)[0]
        let_workers_die(services, view)
        services.start_worker()
        assert services.jobs.wait(view.id, 90).status == Status.COMPLETED
        assert row_of(services, view).deaths == job_rows.ALONE_DEATHS


def test_a_job_that_runs_alone_is_paused_resumed_stopped_and_cancelled(
    settings: settings_module.Settings, slow_job: JobRequest
) -> None:
    with bootstrap.open_services(settings) as services:
        view = services.jobs.submit(slow_job)[0]
        let_workers_die(services, view)
        services.start_worker()
        wait_for(services, view, Status.RUNNING)
        services.jobs.pause(view.id)
        wait_for(services, view, Status.PAUSED)
        services.jobs.resume(view.id)
        wait_for(services, view, Status.RUNNING)
        assert process_of(services, view.id) != os.getpid()
    # The worker has stopped, and its job's process with it.
    with bootstrap.open_services(settings) as services:
        stopped = services.jobs.get(view.id)
        assert (stopped.status, stopped.events[-1].note) == (Status.INTERRUPTED, "its worker was stopped")
        services.start_worker()
        wait_for(services, view, Status.RUNNING)
        services.jobs.cancel(view.id)
        assert services.jobs.wait(view.id, 30).status == Status.CANCELLED
        assert row_of(services, view).deaths == job_rows.ALONE_DEATHS


def test_a_job_whose_own_worker_hangs_fails(settings: settings_module.Settings, slow_job: JobRequest) -> None:
    short = settings.model_copy(update={"lease_seconds": 2, "heartbeat_seconds": 0.5})
    with bootstrap.open_services(short) as services:
        view = services.jobs.submit(slow_job)[0]
        let_workers_die(services, view)
        services.start_worker()
        wait_until(lambda: services.jobs.get(view.id).progress, "it works")
        os.kill(process_of(services, view.id), signal.SIGSTOP)
        with services.database.transaction() as session:
            # Its parent and the end of its lease are equally soon.
            change(session, "jobs", view.id, lease_expires_at=job_rows.now(session) + timedelta(seconds=600))
        failed = wait_for(services, view, Status.FAILED)
    assert failed.error is not None
    assert failed.error.message.endswith("killed after no sign of life for 2 s")


def test_a_process_that_hangs_before_it_begins_is_replaced(
    monkeypatch: pytest.MonkeyPatch, settings: settings_module.Settings, small_job: JobRequest
) -> None:
    whole = children.command
    starts: list[str] = []

    def command(options: Sequence[str]) -> list[str]:
        starts.append(options[-1])
        monkeypatch.setattr(children, "START_SECONDS", 0.1 if len(starts) == 1 else 120)
        hangs = [sys.executable, "-S", "-c", "import threading; threading.Event().wait()"]
        return hangs if len(starts) == 1 else whole(options)

    monkeypatch.setattr(children, "command", command)
    monkeypatch.setattr(alone, "_AGAIN_SECONDS", (0.01, 0.01))
    with bootstrap.open_services(settings) as services:
        view = services.jobs.submit(small_job)[0]
        let_workers_die(services, view)
        services.start_worker()
        assert services.jobs.wait(view.id, 60).status == Status.COMPLETED
    assert starts == [str(view.id)] * 2


def test_no_worker_takes_a_job_that_has_to_run_alone_itself(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    view = services.jobs.submit(small_job)[0]
    let_workers_die(services, view)
    assert claim(services) is None
    with services.database.transaction() as session:
        assert recovery.next_alone(session, 1, None, ()) == view.id
        assert recovery.next_alone(session, 1, None, [view.id]) is None
        assert recovery.next_alone(session, 0, None, ()) is None, "as many jobs run as may"
        assert not recovery.fail_alone(session, view.id, "another", lambda _: pytest.fail("not its job"), is_begun=True)


def test_a_split_that_kills_its_workers_is_left_to_the_job_itself(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    view = services.jobs.submit(small_job)[0]
    claimed = claim(services)
    assert claimed is not None
    own = identity.own()
    assert own is not None
    with services.database.transaction() as session:
        splits.add(session, view.id, claimed[1], [{"files": 1, "bytes": 1}])
    for _ in range(splits.MOST_TRIES):
        with services.database.transaction() as session:
            assert splits.claim(session, 600) is not None
            session.execute("UPDATE splits SET worker = %(dead)s", dead=own.rpartition(" ")[0] + " 1")
        with services.database.transaction() as session:
            splits.free_dead(session, view.id)
    with services.database.transaction() as session:
        assert splits.claim(session, 600) is None
        assert splits.standing(session, view.id).left == 0, "the job goes on without it"
        change(session, "jobs", view.id, deaths=job_rows.ALONE_DEATHS)
        session.execute("UPDATE splits SET state = 'WAITING'")
        assert not splits.is_any_free(session), "of a job that runs alone nobody takes a split"


def test_a_cgroup_is_made_where_the_system_lets_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / "fs" / "service" / "main"
    group.mkdir(parents=True)
    (tmp_path / "fs" / "cgroup.controllers").write_text("cpu memory")
    (group / "cgroup.subtree_control").write_text("memory")
    own = tmp_path / "own"
    own.write_text("1:name=systemd:/elsewhere\n0::/service/main\n")
    monkeypatch.setattr(memory, "_MOUNT", tmp_path / "fs")
    monkeypatch.setattr(memory, "_OWN", own)
    monkeypatch.setattr(resource, "prlimit", lambda *_: pytest.fail("a cgroup does it"))
    limit = memory.Limit(123, _LIMIT_BYTES)
    made = group / "pravah-job-123"
    found = {path.name: path.read_text() for path in made.iterdir()}
    assert found == {"memory.max": str(_LIMIT_BYTES), "memory.swap.max": "0", "cgroup.procs": "123"}
    assert not limit.is_reached
    (made / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
    assert limit.is_reached
    for path in made.iterdir():
        path.unlink()
    limit.close()
    assert not made.exists()


@pytest.mark.parametrize("lacks", ["no cgroup v2", "not writable", "not delegated"])
def test_without_a_cgroup_a_resource_limit_does_it(lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fs = tmp_path / "fs"
    group = fs / "service"
    group.mkdir(parents=True)
    if lacks != "no cgroup v2":
        (fs / "cgroup.controllers").write_text("memory")
    if lacks == "not delegated":
        (fs / "cgroup.subtree_control").write_text("memory")
    if lacks == "not writable":
        # As the kernel refuses it where there are processes.
        (group / "cgroup.subtree_control").mkdir()
    own = tmp_path / "own"
    own.write_text("0::/service\n")
    monkeypatch.setattr(memory, "_MOUNT", fs)
    monkeypatch.setattr(memory, "_OWN", own)
    given: list[object] = []
    monkeypatch.setattr(resource, "prlimit", lambda *args: given.append(args))
    limit = memory.Limit(123, _LIMIT_BYTES)
    assert given == [(123, resource.RLIMIT_DATA, (_LIMIT_BYTES, _LIMIT_BYTES))]
    assert not limit.is_reached
    limit.close()
    assert not list(fs.rglob("pravah-job-*"))


def test_the_default_is_half_of_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MOUNT", tmp_path)
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory.default_bytes() == machine // 2
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.default_bytes() == machine // 2
    (tmp_path / "memory.max").write_text(f"{1 << 29}\n")
    assert memory.default_bytes() == 1 << 28
