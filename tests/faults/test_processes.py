"""Workers that are killed, stopped or in another time at seeded points, and a PostgreSQL that crashes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.base import settings as settings_module
from services.storage.local import LocalStorage
from tests.conftest import wait_until
from tests.faults.conftest import CalmOf, seeds
from tests.faults.summary import Meet
from tests.faults.world import OPERATIONS, World, opening

POINTS = 60
"""About as many as a worker comes to from its start to the end of one job."""


class Other:
    """A worker in a process of its own, and what it says."""

    def __init__(self, fault: str, environment: dict[str, str], log: Path) -> None:
        command = [sys.executable, "-m", "tests.faults.dying", fault]
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.log = log
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())

    def has_said(self, word: str) -> bool:
        """Return whether it has said a line that begins so."""
        return any(line.startswith(word) for line in list(self.said))

    def end(self) -> int:
        """Have it stop; return its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        status = self.process.wait(timeout=60)
        self._reader.join()
        return status

    def close(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


Start = Callable[..., Other]
# Of a worker that never falls silent: longer than a busy machine keeps it waiting.
LONG_LEASE = {"PRAVAH_LEASE_SECONDS": "30"}


@pytest.fixture
def world(config: settings_module.Settings, source: Path, database_url: str) -> Iterator[World]:
    """Yield a world without proxies and without a worker."""
    yield from opening(config, source, database_url, LocalStorage(config.data_dir / "results"))


@pytest.fixture
def start(world: World, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a worker with a fault, and with more variables."""
    started: list[Other] = []
    config = world.services.settings
    assert config.database_url is not None
    environment = {
        **os.environ,
        "PRAVAH_DATA_DIR": str(config.data_dir),
        "PRAVAH_DATABASE_URL": config.database_url.get_secret_value(),
        "PRAVAH_ALLOWED_ROOTS": os.pathsep.join(map(str, config.allowed_roots)),
        "PRAVAH_MIN_FREE_DISK_BYTES": "0",
        "PRAVAH_LEASE_SECONDS": str(config.lease_seconds),
        "PRAVAH_HEARTBEAT_SECONDS": str(config.heartbeat_seconds),
        "PRAVAH_ENGINE_THREADS": "1",
        "PRAVAH_SHARD_ROWS": str(config.shard_rows),
    }

    def run(fault: str, **more: str) -> Other:
        one = Other(fault, environment | more, tmp_path / f"worker-{len(started)}.log")
        started.append(one)
        wait_until(lambda: one.said or one.process.poll() is not None, f"it starts; see {one.log}", seconds=60)
        return one

    yield run
    for one in started:
        one.close()


@pytest.mark.parametrize("seed", seeds(8))
def test_another_worker_finishes_what_a_killed_one_has_begun(
    seed: int, world: World, start: Start, calm: CalmOf, meet: Meet
) -> None:
    dice = random.Random(seed)
    operation = dice.choice(list(OPERATIONS))
    job = world.submit(operation)
    killed = start(f"kill@{dice.randint(1, POINTS)}")
    wait_until(
        lambda: killed.process.poll() is not None or world.row(job.id)["status"] == "COMPLETED",
        "the worker dies, or the job ends before",
    )
    if killed.process.poll() is not None:
        assert killed.process.returncode == -signal.SIGKILL, killed.log.read_text()
        meet("process: SIGKILL")
    world.services.start_worker()
    world.ended(job.id)
    killed.close()
    world.check(job.id, operation, calm(operation).rows)


@pytest.mark.parametrize("seed", seeds(5))
def test_a_worker_that_slept_beyond_its_lease_is_refused(
    seed: int, world: World, start: Start, calm: CalmOf, meet: Meet
) -> None:
    dice = random.Random(seed)
    job = world.submit("checksum")
    asleep = start(f"stop@{dice.randint(4, POINTS)}")
    wait_until(lambda: asleep.has_said("stop") or world.row(job.id)["status"] == "COMPLETED", "it stops, or is done")
    held = world.row(job.id)
    stopped = asleep.has_said("stop")
    world.services.start_worker()
    if dice.random() < 0.5 and stopped and held["status"] == "RUNNING":
        wait_until(lambda: world.row(job.id)["fencing_token"] not in {None, held["fencing_token"]}, "it is taken over")
        asleep.process.send_signal(signal.SIGCONT)
    world.ended(job.id)
    before = world.row(job.id), world.events(job.id)
    asleep.process.send_signal(signal.SIGCONT)
    if stopped and held["status"] == "RUNNING":
        assert before[0]["fencing_token"] > held["fencing_token"]
        wait_until(lambda: asleep.has_said("refused"), "the database refuses it the job")
        meet("process: SIGSTOP beyond the lease, refused")
    elif stopped:
        meet("process: SIGSTOP, no job held")
    assert asleep.end() == 0, asleep.log.read_text()
    assert (world.row(job.id), world.events(job.id)) == before
    world.check(job.id, "checksum", calm("checksum").rows)


@pytest.mark.parametrize("jump", ["+86400", "-86400", "+40", "-40"])
@pytest.mark.parametrize("seed", seeds(2))
def test_clocks_that_jump_do_nothing(
    seed: int, jump: str, world: World, start: Start, calm: CalmOf, meet: Meet
) -> None:
    job = world.submit("checksum")
    elsewhen = start(f"jump{jump}@{random.Random(seed).randint(3, POINTS // 2)}", **LONG_LEASE)
    row = world.ended(job.id)
    assert elsewhen.has_said("jump"), elsewhen.said
    meet(f"clock: a jump by {jump} s")
    assert row["attempt"] == 1
    assert row["heartbeat_at"] <= row["finished_at"]
    assert abs((row["finished_at"] - row["created_at"]).total_seconds()) < 3600
    assert elsewhen.end() == 0, elsewhen.log.read_text()
    world.check(job.id, "checksum", calm("checksum").rows)


@pytest.mark.parametrize("seed", seeds(2))
def test_two_workers_over_a_week_apart_share_the_jobs(
    seed: int, world: World, start: Start, calm: CalmOf, meet: Meet
) -> None:
    workers = [start(f"jump{jump}@1", **LONG_LEASE) for jump in ("+604800", "-604800")]
    jobs = [world.submit("checksum" if seed % 2 else "inventory") for _ in range(4)]
    for job in jobs:
        assert world.ended(job.id)["attempt"] == 1
    meet("clock: two workers a fortnight apart")
    for worker in workers:
        assert worker.end() == 0, worker.log.read_text()
    operation = jobs[0].operations[0].operation
    for job in jobs:
        world.check(job.id, operation, calm(operation).rows)
