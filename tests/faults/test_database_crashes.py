"""PostgreSQL itself crashes at seeded statements, or is away for longer than a lease."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from services.base import settings as settings_module
from services.db import embedded
from services.storage.local import LocalStorage
from tests import databases
from tests.conftest import wait_until
from tests.faults.conftest import CalmOf, seeds
from tests.faults.proxy import Fault, Proxy, following
from tests.faults.summary import Meet
from tests.faults.world import LEASE_SECONDS, OPERATIONS, World, database_socket, opening, through


class Server:
    """A PostgreSQL of this module's own, which keeps what it has said to be committed."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="pravah-test-crashes-")) / "postgres"
        self.url = embedded.hold(self.directory)
        with psycopg.connect(self.url, autocommit=True) as connection:
            # After a crash it syncs all of its files: one call instead of thousands.
            connection.execute("ALTER SYSTEM SET recovery_init_sync_method = syncfs")

    def crash(self) -> None:
        """End it as ``pg_ctl stop -m immediate`` does: nothing is written any more."""
        pid = int((self.directory / "postmaster.pid").read_text().partition("\n")[0])
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not (self.directory / "postmaster.pid").exists(), "PostgreSQL is down")

    def start(self) -> None:
        """Start it again: it recovers from its log."""
        embedded.start(self.directory)

    def restart(self) -> None:
        """Crash and start."""
        self.crash()
        self.start()

    def close(self) -> None:
        """Stop it, and remove what it kept."""
        embedded.release(self.directory)
        shutil.rmtree(self.directory.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Yield a server."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def own_url(server: Server) -> Iterator[str]:
    """Yield the URL of a new database of that server."""
    name = f"crash_{uuid.uuid4().hex}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield databases.at(server.url, name)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def proxy(own_url: str) -> Iterator[Proxy]:
    """Yield a proxy before it."""
    made = Proxy(database_socket(own_url))
    yield made
    made.close()


@pytest.fixture
def world(config: settings_module.Settings, proxy: Proxy, source: Path, own_url: str) -> Iterator[World]:
    """Yield a world on that database."""
    behind = config.model_copy(update={"database_url": SecretStr(through(proxy.port, own_url))})
    yield from opening(behind, source, own_url, LocalStorage(config.data_dir / "results"))


@pytest.mark.parametrize("seed", seeds(5))
def test_a_job_outlives_a_crash_of_postgresql(
    seed: int, world: World, proxy: Proxy, server: Server, calm: CalmOf, meet: Meet
) -> None:
    dice = random.Random(seed)
    operation = dice.choice(list(OPERATIONS))
    points = calm(operation).points
    again = threading.Event()
    crash = Fault("call", at=dice.randint(1, points * 9 // 10), action=lambda: (server.restart(), again.set()))
    job = world.submit(operation)
    proxy.plan(crash)
    world.services.start_worker()
    wait_until(lambda: is_over(world, job.id), "the job ends", seconds=60)
    proxy.calm()
    if crash.fired.is_set():
        assert again.wait(60), "PostgreSQL is up again"
        meet("postgresql: crash and restart")
    world.check(job.id, operation, calm(operation).rows)


def is_over(world: World, job_id: uuid.UUID) -> bool:
    """Return whether a job has ended, as far as the server says anything."""
    try:
        return world.row(job_id)["status"] in {"COMPLETED", "FAILED"}
    except psycopg.OperationalError:
        return False


def test_a_job_outlives_a_postgresql_that_is_away_for_longer_than_its_lease(
    world: World, proxy: Proxy, server: Server, calm: CalmOf, meet: Meet
) -> None:
    job = world.submit("checksum")
    crash = Fault("call", when=following(b"SET heartbeat_at = clock_timestamp", b"COMMIT"), action=server.crash)
    proxy.plan(crash)
    world.services.start_worker()
    assert crash.fired.wait(30)
    proxy.refuse(2 * LEASE_SECONDS)
    wait_until(proxy.recovered.is_set, "the time is over")
    server.start()
    wait_until(lambda: is_over(world, job.id), "the job ends", seconds=60)
    meet("postgresql: away for longer than the lease")
    assert world.row(job.id)["attempt"] == 2
    world.check(job.id, "checksum", calm("checksum").rows)
