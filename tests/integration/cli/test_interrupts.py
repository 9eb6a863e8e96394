"""Ctrl-C, SIGTERM and SIGHUP while a job runs in the foreground: real processes, real signals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from services import bootstrap
from services.models.jobs import JobView, Status
from tests.conftest import wait_until
from tests.processes import Pravah

SLOW = ("run", "checksum", "slow", "--algorithm", "md5")


def _job(services: bootstrap.Services) -> JobView | None:
    return next(iter(services.jobs.list().items), None)


def _start(pravah: Pravah, services: bootstrap.Services, *args: str, **options: object) -> subprocess.Popen[bytes]:
    """Start a job that takes for ever, and return when it makes progress."""
    process = pravah.start(*SLOW, *args, **options)

    def in_the_middle() -> bool:
        assert process.poll() is None, process.stderr and process.stderr.read()
        job = _job(services)
        return job is not None and job.progress is not None and job.progress.bytes_done > 0

    wait_until(in_the_middle, "the job makes progress")
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_job_and_ends_with_130(
    number: signal.Signals, pravah: Pravah, services: bootstrap.Services, slow: Path
) -> None:
    process = _start(pravah, services)
    started = time.monotonic()
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - started < 25
    job = _job(services)
    assert job is not None
    assert services.jobs.get(job.id).status == Status.CANCELLED
    assert [event.status for event in services.jobs.get(job.id).events][-1] == Status.CANCELLED
    assert out == b""
    assert f"job {job.id} was cancelled\n  `pravah jobs rerun {str(job.id)[:8]}` starts it again.\n" in err.decode()
    assert "Traceback" not in err.decode()
    assert list(services.settings.work_dir.glob("*/*")) == []


def test_with_json_the_cancelled_job_is_a_document_and_a_problem(
    pravah: Pravah, services: bootstrap.Services, slow: Path
) -> None:
    process = _start(pravah, services, "--json")
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert json.loads(out)["status"] == "CANCELLED"
    assert json.loads(err)["code"] == "cancelled"


def test_ctrl_c_on_a_terminal(pravah: Pravah, services: bootstrap.Services, slow: Path) -> None:
    ours, theirs = pty.openpty()
    process = pravah.start(
        *SLOW, stdin=theirs, stdout=theirs, stderr=theirs, env={"TERM": "xterm"}, preexec_fn=_own_terminal
    )
    os.close(theirs)
    wait_until(lambda: (job := _job(services)) and job.progress, "the job makes progress")
    shown = b""
    while b"MiB/s" not in shown and b"GiB/s" not in shown:
        shown += os.read(ours, 65_536)
    os.write(ours, b"\x03")
    try:
        while chunk := os.read(ours, 65_536):
            shown += chunk
    except OSError:
        pass  # the last writer has gone
    os.close(ours)
    assert process.wait(timeout=30) == 130
    assert b"digest" in shown
    assert b"was cancelled" in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _waits_for_a_lock(services: bootstrap.Services) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with services.database.transaction() as session:
        return bool(session.scalar(waiting))


def test_a_second_signal_leaves_at_once_and_the_job_ends_cancelled(
    pravah: Pravah, services: bootstrap.Services, slow: Path
) -> None:
    process = _start(pravah, services)
    job = _job(services)
    assert job is not None
    # The row is locked: the cancel of the first signal waits, and so would the command.
    with services.database.transaction() as session:
        from services.db import job_rows

        job_rows.get_row(session, job.id, lock=True)
        os.killpg(process.pid, signal.SIGINT)
        wait_until(lambda: _waits_for_a_lock(services), "the command waits for the row")
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 130
    services.jobs.cancel(job.id)
    services.start_worker()
    wait_until(lambda: services.jobs.get(job.id).status == Status.CANCELLED, "the job is cancelled")


def test_an_ignored_signal_stays_ignored(pravah: Pravah, services: bootstrap.Services, slow: Path) -> None:
    process = _start(pravah, services, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.killpg(process.pid, signal.SIGHUP)
    job = _job(services)
    assert job is not None
    before = services.jobs.get(job.id).progress
    wait_until(lambda: services.jobs.get(job.id).progress != before, "the job goes on")
    assert not services.jobs.get(job.id).cancel_requested
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 130


def test_a_job_that_waits_in_the_queue_is_cancelled_too(
    pravah: Pravah, services: bootstrap.Services, slow: Path
) -> None:
    first = _start(pravah, services)
    second = pravah.start(*SLOW, env={"PRAVAH_CONCURRENCY_LIMIT": "1"})
    wait_until(lambda: len(services.jobs.list().items) == 2, "the second job waits")
    waiting = services.jobs.list().items[0]
    assert (waiting.status, waiting.queue_position) == (Status.PENDING, 1)
    os.killpg(second.pid, signal.SIGINT)
    assert second.wait(timeout=30) == 130
    assert services.jobs.get(waiting.id).status == Status.CANCELLED
    assert first.poll() is None
    os.killpg(first.pid, signal.SIGINT)
    assert first.wait(timeout=30) == 130


def test_a_job_cancelled_by_somebody_else_ends_with_130(
    pravah: Pravah, services: bootstrap.Services, slow: Path
) -> None:
    process = _start(pravah, services)
    assert pravah.run("jobs", "cancel", "latest").returncode == 0
    assert process.wait(timeout=30) == 130


def test_waiting_for_a_job_leaves_it_alone_when_interrupted(
    pravah: Pravah, services: bootstrap.Services, slow: Path
) -> None:
    runs = _start(pravah, services)
    ours, theirs = pty.openpty()
    waits = pravah.start("jobs", "wait", "latest", stderr=theirs, env={"TERM": "xterm"})
    os.close(theirs)
    shown = b""
    while b"MiB/s" not in shown and b"GiB/s" not in shown:
        shown += os.read(ours, 65_536)
    os.killpg(waits.pid, signal.SIGINT)
    assert waits.wait(timeout=30) == 130
    os.close(ours)
    job = _job(services)
    assert job is not None
    assert not job.cancel_requested
    assert runs.poll() is None
