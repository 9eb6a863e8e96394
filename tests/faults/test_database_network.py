"""The road to PostgreSQL is cut, slow, truncated, closed or silent at seeded statements: the job ends all the same."""

from __future__ import annotations

import random
import threading
import time

import pytest

from services.base import errors
from services.db import job_rows
from services.workers import lease
from services.workers.lease import Lease
from tests.conftest import wait_until
from tests.faults.conftest import CalmOf, seeds
from tests.faults.proxy import Fault, Proxy, following
from tests.faults.summary import Meet
from tests.faults.world import LEASE_SECONDS, OPERATIONS, World

KINDS = {
    "cut": (0, 0),
    "lose answer": (0, 1.2),
    "truncate": (1, 40),
    "delay": (0.05, 0.8),
    "refuse": (0.2, 1.2),
    "hang": (0.2, 1.2),
}


def draw(dice: random.Random, points: int) -> Fault:
    """Return a fault at some statement."""
    kind = dice.choice(list(KINDS))
    return Fault(kind, at=dice.randint(1, max(1, points * 9 // 10)), amount=dice.uniform(*KINDS[kind]))


@pytest.mark.parametrize("seed", seeds(12))
def test_a_job_outlives_a_bad_road_to_the_database(
    seed: int, far_database: World, database_proxy: Proxy, calm: CalmOf, meet: Meet
) -> None:
    dice = random.Random(seed)
    operation = dice.choice(list(OPERATIONS))
    undisturbed = calm(operation)
    faults = [draw(dice, undisturbed.points) for _ in range(dice.randint(1, 3))]
    job = far_database.submit(operation)
    database_proxy.plan(*faults)
    far_database.services.start_worker()
    far_database.ended(job.id)
    database_proxy.calm()
    for fault in faults:
        if fault.fired.is_set():
            meet(f"database: {fault.kind}")
    far_database.check(job.id, operation, undisturbed.rows)


COMMIT = b"COMMIT"
HEARTBEAT = b"SET heartbeat_at = clock_timestamp"
STEPS = {
    "claim": b"UPDATE jobs SET status",
    "heartbeat": HEARTBEAT,
    "end": b"INSERT INTO artifacts",
}


@pytest.mark.parametrize(("kind", "seconds"), [("cut", 0.0), ("lose answer", 0.0), ("lose answer", 0.7)])
@pytest.mark.parametrize("step", STEPS)
def test_a_commit_that_is_lost_or_whose_answer_is_lost(
    step: str, kind: str, seconds: float, far_database: World, database_proxy: Proxy, calm: CalmOf, meet: Meet
) -> None:
    job = far_database.submit("checksum")
    fault = Fault(kind, when=following(STEPS[step], COMMIT), amount=seconds)
    database_proxy.plan(fault)
    far_database.services.start_worker()
    far_database.ended(job.id)
    assert fault.fired.is_set(), database_proxy.trace
    database_proxy.calm()
    meet(f"database: {kind} at the commit of the {step}")
    far_database.check(job.id, "checksum", calm("checksum").rows)


@pytest.mark.parametrize("kind", ["refuse", "hang"])
def test_a_database_that_is_away_for_longer_than_the_lease(
    kind: str, far_database: World, database_proxy: Proxy, calm: CalmOf, meet: Meet
) -> None:
    job = far_database.submit("checksum")
    fault = Fault(kind, when=following(HEARTBEAT, COMMIT), amount=2 * LEASE_SECONDS)
    database_proxy.plan(fault)
    far_database.services.start_worker()
    row = far_database.ended(job.id)
    assert fault.fired.is_set()
    meet(f"database: {kind}, longer than the lease")
    # Of a database that only was silent nobody else had taken the job meanwhile: it may have gone on.
    assert row["attempt"] in ({2} if kind == "refuse" else {1, 2})
    far_database.check(job.id, "checksum", calm("checksum").rows)


def test_a_result_whose_commit_was_not_answered_is_kept_though_nobody_has_looked_meanwhile(
    far_database: World, database_proxy: Proxy, calm: CalmOf, meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The write that is tried again comes before the lease's own look, which would have said that the job has ended.
    monkeypatch.setattr(lease, "_LOOK_SECONDS", 60)
    job = far_database.submit("inventory")
    fault = Fault("lose answer", when=following(STEPS["end"], COMMIT))
    database_proxy.plan(fault)
    far_database.services.start_worker()
    far_database.ended(job.id)
    assert fault.fired.is_set()
    wait_until(lambda: not far_database.work(), "the worker has done with it")
    meet("database: lose answer at the commit of the end")
    far_database.check(job.id, "inventory", calm("inventory").rows)


def test_a_silent_database_keeps_no_worker_at_work_beyond_its_lease(
    far_database: World, database_proxy: Proxy, meet: Meet
) -> None:
    view = far_database.submit("checksum")
    services = far_database.services
    with services.database.transaction() as session:
        row = job_rows.claim(session, 1, LEASE_SECONDS)
        assert row is not None
        token = row.fencing_token or 0
    stopped, begun = threading.Event(), time.monotonic()
    with Lease(services.database, view.id, token, services.settings, threading.Event()) as held:
        held.when_over(stopped.set)
        database_proxy.hang()
        assert stopped.wait(LEASE_SECONDS + 30), "the work is stopped though no question is answered"
        assert held.lost.is_set()
        assert time.monotonic() - begun > LEASE_SECONDS / 2
        database_proxy.calm()
    meet("database: hang, longer than the lease")


def test_a_statement_that_is_never_answered_is_an_error(far_database: World, database_proxy: Proxy, meet: Meet) -> None:
    database = far_database.services.database
    assert database.version()
    with pytest.raises(errors.DatabaseError, match="no response within") as caught, database.transaction() as session:
        assert session.scalar("SELECT 1")
        database_proxy.hang()
        session.scalar("SELECT 2")
    assert caught.value.remedy
    started = time.monotonic()
    with pytest.raises(errors.DatabaseError):
        database.version()
    assert time.monotonic() - started < 6 * LEASE_SECONDS
    database_proxy.calm()
    assert database.version()
    meet("database: hang, for ever")
