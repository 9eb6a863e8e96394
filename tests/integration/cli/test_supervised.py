"""The worker of a server is a process of its own: whatever kills it, pages and API answer, and jobs resume."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Sequence
from pathlib import Path

import pytest

from services import bootstrap
from services.db import job_rows
from services.models.jobs import JobRequest, JobView, Source, Status
from services.workers import children, supervisor
from tests.asking import one_job
from tests.conftest import wait_until
from tests.processes import Pravah, Server, is_alive


def worker_line(server: Server) -> str:
    """Return what the server says of its worker."""
    parts = json.loads(server.get("/api/health/ready"))["parts"]
    return str(next(part["detail"] for part in parts if part["part"] == "worker"))


def worker_problem(server: Server) -> str:
    """Return what is wrong with its worker, nothing while the server is ready."""
    try:
        server.get("/api/health/ready")
    except urllib.error.HTTPError as error:
        assert error.code == 503
        parts = json.loads(error.read())["details"]["parts"]
        return str(next(part["detail"] for part in parts if part["part"] == "worker" and not part["ok"]))
    return ""


def worker_of(server: Server) -> int:
    """Return the process of its worker, as soon as there is one."""
    found: list[int] = []

    def runs() -> bool:
        found.extend(int(pid) for pid in re.findall(r"process (\d+)", worker_line(server)))
        return bool(found)

    wait_until(runs, "the worker runs")
    return found[0]


def slow_request(slow: Path) -> JobRequest:
    """Return a job that runs until it is stopped."""
    return one_job(operation="checksum", source=Source.of_path(slow), options={"algorithms": ["md5"]})


def deaths(services: bootstrap.Services, job: JobView) -> int:
    """Return how often a worker died on a job."""
    with services.database.transaction() as session:
        return job_rows.get_row(session, job.id).deaths


def goes_on(job: JobView) -> bool:
    """Return whether a second attempt runs."""
    return (job.status, job.attempt) == (Status.RUNNING, 2) and job.progress is not None


class Visitor:
    """Asks a server again and again, and keeps what went wrong."""

    def __init__(self, server: Server) -> None:
        self.answers = 0
        self.problems: list[str] = []
        self._server = server
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._visit)

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _visit(self) -> None:
        while not self._end.wait(0.05):
            for path in ("/", "/api/health/live", "/api/health/ready", "/api/jobs"):
                try:
                    self._server.get(path)
                    self.answers += 1
                except (OSError, urllib.error.URLError) as error:
                    self.problems.append(f"{path}: {error}")


def test_kill_9_of_the_worker_under_load(pravah: Pravah, slow: Path, services: bootstrap.Services) -> None:
    elsewhere = services.jobs.submit(slow_request(slow))[0]
    services.start_worker(only=elsewhere.id)
    wait_until(lambda: services.jobs.get(elsewhere.id).progress, "this process runs it")
    server = pravah.serve(env={"PRAVAH_LEASE_SECONDS": "600", "PRAVAH_CONCURRENCY_LIMIT": "3"})
    jobs = [services.jobs.submit(slow_request(slow))[0] for _ in range(2)]
    for job in jobs:
        wait_until(lambda job=job: services.jobs.get(job.id).progress, "the worker of the server runs it")  # type: ignore[misc]
    waiting = services.jobs.submit(slow_request(slow))[0]
    killed = worker_of(server)

    with Visitor(server) as visitor:
        os.kill(killed, signal.SIGKILL)
        for job in jobs:
            wait_until(lambda job=job: goes_on(services.jobs.get(job.id)), "it goes on")  # type: ignore[misc]
        answered = visitor.answers
        wait_until(lambda: visitor.answers > answered + 8, "the server still answers")
    assert visitor.problems == []

    assert worker_of(server) != killed
    assert worker_line(server).endswith(", restarted once (last end: killed by SIGKILL)")
    assert [deaths(services, job) for job in [*jobs, elsewhere, waiting]] == [1] * len(jobs) + [0, 0]
    assert services.jobs.get(elsewhere.id).attempt == 1
    assert services.jobs.get(elsewhere.id).status == Status.RUNNING
    assert services.jobs.get(waiting.id).status == Status.PENDING
    metrics = server.get("/api/metrics").decode()
    assert "pravah_worker_up 1.0" in metrics
    assert "pravah_worker_restarts_total 1.0" in metrics
    parts = {part["part"]: part for part in pravah.json("doctor")["parts"]}
    assert parts["workers"]["detail"] == "1 running, restarted once after a crash"

    assert "the worker ended: killed by SIGKILL. It is restarted in 0.5 s" in server.stop()
    for job in jobs:
        assert "its worker was stopped" in [event.note for event in services.jobs.get(job.id).events]
    assert [deaths(services, job) for job in jobs] == [1] * len(jobs), "a stop counts for nothing"


def test_a_worker_that_hangs_is_told_killed_and_replaced(
    pravah: Pravah, slow: Path, services: bootstrap.Services
) -> None:
    server = pravah.serve(env={"PRAVAH_LEASE_SECONDS": "6", "PRAVAH_HEARTBEAT_SECONDS": "0.5"})
    job, _ = services.jobs.submit(slow_request(slow))
    wait_until(lambda: services.jobs.get(job.id).progress, "the worker runs it")
    hung = worker_of(server)
    os.kill(hung, signal.SIGSTOP)
    wait_until(lambda: worker_problem(server) == f"running as process {hung}, no sign of life", "it is told")
    assert "pravah_worker_up 0.0" in server.get("/api/metrics").decode()
    wait_until(lambda: goes_on(services.jobs.get(job.id)), "its job goes on in the next one")
    assert not is_alive(hung)
    wait_until(lambda: not worker_problem(server), "the server is ready again")
    assert worker_line(server).endswith(", restarted once (last end: killed after no sign of life for 6 s)")
    assert deaths(services, job) == 1


def test_the_worker_of_a_killed_server_gives_its_job_back_and_ends(
    pravah: Pravah, slow: Path, services: bootstrap.Services
) -> None:
    server = pravah.serve()
    job, _ = services.jobs.submit(slow_request(slow))
    wait_until(lambda: services.jobs.get(job.id).progress, "it runs")
    worker = worker_of(server)
    # The pages come first.
    assert os.getpriority(os.PRIO_PROCESS, worker) > os.getpriority(os.PRIO_PROCESS, server.process.pid)
    os.kill(server.process.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(worker), "the worker ends with its server")
    view = services.jobs.get(job.id)
    assert (view.status, view.events[-1].note) == (Status.INTERRUPTED, "its worker was stopped")
    assert deaths(services, job) == 0


def test_a_process_for_a_job_that_another_one_has_says_so(
    pravah: Pravah, small: Path, services: bootstrap.Services
) -> None:
    job, _ = services.jobs.submit(one_job(operation="inventory", source=Source.of_path(small)))
    services.jobs.cancel(job.id)
    command = ("serve", "worker", "--supervised", "0", "--alone", str(job.id))
    with pravah.start(*command, stdin=subprocess.PIPE) as process:
        assert process.wait(timeout=60) == 3
    assert services.jobs.get(job.id).status == Status.CANCELLED


def test_the_worker_is_told_at_once_what_is_new(
    monkeypatch: pytest.MonkeyPatch, services: bootstrap.Services, small: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    code = f"import os; f = open({str(told)!r}, 'wb', buffering=0)\nwhile w := os.read(0, 9): f.write(w)"
    monkeypatch.setattr(children, "command", lambda _: [sys.executable, "-S", "-c", code])
    services.supervise_worker()
    wait_until(told.exists, "it runs")
    services.schedules.changed.clear()
    services.jobs.submit(one_job(operation="inventory", source=Source.of_path(small)))
    wait_until(lambda: told.read_bytes() == supervisor.JOBS, "it is told of the job")
    services.schedules.changed.set()
    wait_until(lambda: told.read_bytes() == supervisor.JOBS + supervisor.SCHEDULES, "it is told of the schedule")
    services.background.stop()
    services.schedules.changed.clear()
    services.wake(supervisor.SCHEDULES)
    assert services.schedules.changed.is_set()


@pytest.mark.parametrize("ends", ["exit", "kill"])
def test_a_worker_that_does_not_stay_up_is_started_ever_more_slowly_and_told(
    ends: str, monkeypatch: pytest.MonkeyPatch, services: bootstrap.Services
) -> None:
    code = "raise SystemExit(3)" if ends == "exit" else "import os; os.kill(os.getpid(), 9)"
    starts: list[str] = []

    def command(options: Sequence[str]) -> list[str]:
        starts.append(options[-1])
        return [sys.executable, "-S", "-c", code]

    monkeypatch.setattr(children, "command", command)
    monkeypatch.setattr(supervisor, "_DELAYS_SECONDS", (0.01, 0.01, 0.01, 600))
    services.supervise_worker()
    wait_until(lambda: len(starts) == 4, "it is tried several times")
    found = services.background.supervisor
    assert found is not None
    wait_until(lambda: found.state.restarts == 4, "the last one has ended too")
    line = next(part for part in services.health() if part.part == "worker")
    assert not line.ok
    end = "exit status 3" if ends == "exit" else "killed by SIGKILL"
    assert line.detail == f"restarting, restarted 4 times (last end: {end})"
    assert "log" in line.remedy
    assert starts == ["0", "1", "2", "3"]
    # Waits for no delay.
    services.background.stop()


def test_a_worker_that_reads_nothing_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import threading; threading.Event().wait()"
    monkeypatch.setattr(children, "command", lambda _: [sys.executable, "-S", "-c", code])
    child = children.Child([], {}, 10)
    for _ in range(100_000):  # a pipe holds 65,536 bytes
        child.tell(b"j")
    child.process.kill()
    assert child.end() == "killed by SIGKILL"


def test_a_worker_that_never_comes_up_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import threading; threading.Event().wait()"
    monkeypatch.setattr(children, "command", lambda _: [sys.executable, "-S", "-c", code])
    monkeypatch.setattr(children, "START_SECONDS", 0.1)
    child = children.Child([], {}, 0)
    looks = 1
    while child.look(0.02):
        looks += 1
        assert not child.is_silent, "a start takes longer than a heartbeat"
    assert looks == 5
    assert child.end() == "killed after no sign of life for 0.1 s"


def test_a_sign_of_life_ends_the_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os\nwhile os.read(0, 1): os.write(0, b'.')"
    monkeypatch.setattr(children, "command", lambda _: [sys.executable, "-S", "-c", code])
    child = children.Child([], {}, 0.1)
    for silences in range(3):
        child.tell(b"j")
        wait_until(lambda: child.look(0.02) and child.silent_seconds == 0, "it answers")
        while silences == 2 and not child.is_silent:
            assert child.look(0.02)
    assert child.silent_seconds == pytest.approx(0.06)
    child.process.kill()
    child.process.wait()
    assert not child.look(10)
    assert child.end() == "killed by SIGKILL"


def test_a_worker_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch, services: bootstrap.Services) -> None:
    code = "import sys, threading; print('up', file=sys.stderr); threading.Event().wait()"
    monkeypatch.setattr(children, "command", lambda _: [sys.executable, "-S", "-c", code])
    monkeypatch.setattr(children, "STOP_SECONDS", 0.2)
    services.supervise_worker()
    found = services.background.supervisor
    assert found is not None
    wait_until(lambda: found.state.pid, "it runs")
    pid = found.state.pid
    assert pid is not None
    services.background.stop()
    assert not is_alive(pid)
