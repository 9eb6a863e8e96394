"""The road to S3 is cut, delayed, truncated, closed or silent, or the server fails: the result arrives all the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import boto3
import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.models.jobs import JobRequest, Source
from tests import databases
from tests.asking import one_job
from tests.conftest import fill
from tests.faults.conftest import seeds
from tests.faults.proxy import Fault, Proxy
from tests.faults.summary import Meet
from tests.faults.world import LEASE_SECONDS, World

MIB = 1 << 20
KINDS = {
    "cut": (0, 0),
    "lose answer": (0, 0),
    "truncate": (1, 300),
    "delay": (0.05, 0.8),
    "refuse": (0.2, 1.2),
    "hang": (0.2, 1.2),
    "fail": (1, 6),
}
# Of a job with an archive of three parts: two about marks, the parts and what is around them, some small files.
REQUESTS = 14


@dataclass(frozen=True)
class Archived:
    """A directory whose archive is uploaded in parts, and that archive."""

    source: Path
    content: bytes


def archive_of(source: Path) -> JobRequest:
    """Return the request of a job that makes an archive."""
    return one_job(operation="archive", source=Source.of_path(source), options={"form": "tar"})


def content_of(services: bootstrap.Services, job_id: UUID) -> bytes:
    """Return the archive that a job has made."""
    names = [one.name for one in services.artifacts.list(job_id) if one.name.endswith(".tar")]
    return b"".join(services.artifacts.open(job_id, names[0]).chunks)


@pytest.fixture(scope="module")
def archived(postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    """Yield a directory, and what an undisturbed job makes of it."""
    root = tmp_path_factory.mktemp("parts")
    source = fill(root / "large", {"noise": random.Random(5).randbytes(20 * MIB), "a": b"a"})
    with databases.copy(postgres, template_database) as url:
        config = settings_module.load_settings(
            data_dir=root / "data", database_url=url, allowed_roots=(root,), min_free_disk_bytes=0
        )
        with bootstrap.open_services(config) as services:
            services.start_worker()
            done = services.jobs.wait(services.jobs.submit(archive_of(source))[0].id, 60)
            yield Archived(source, content_of(services, done.id))


def archive(world: World, archived: Archived) -> UUID:
    """Queue a job."""
    job_id = world.services.jobs.submit(archive_of(archived.source))[0].id
    world.submitted.append(job_id)
    return job_id


def check(world: World, job_id: UUID, archived: Archived) -> None:
    """Look at a completed job."""
    row = world.row(job_id)
    assert row["status"] == "COMPLETED", row["error"]
    assert content_of(world.services, job_id) == archived.content
    world.check_files()


@pytest.mark.parametrize("seed", seeds(12))
def test_a_result_outlives_a_bad_road_to_the_storage(
    seed: int, far_storage: World, storage_proxy: Proxy, archived: Archived, meet: Meet
) -> None:
    dice = random.Random(seed)
    faults = []
    for _ in range(dice.randint(1, 3)):
        kind = dice.choice(list(KINDS))
        faults.append(Fault(kind, at=dice.randint(1, REQUESTS), amount=dice.uniform(*KINDS[kind])))
    job_id = archive(far_storage, archived)
    storage_proxy.plan(*faults)
    far_storage.services.start_worker()
    far_storage.ended(job_id)
    storage_proxy.calm()
    for fault in faults:
        if fault.fired.is_set():
            meet(f"storage: {fault.kind}")
    check(far_storage, job_id, archived)


UPLOADS = {
    "creation of an upload": b"?uploads",
    "second part": b"partNumber=2",
    "completion of an upload": b"POST /",
    "small file": b"outcome.json",
}


@pytest.mark.parametrize("kind", ["cut", "lose answer", "truncate", "fail"])
@pytest.mark.parametrize("step", UPLOADS)
def test_each_step_of_an_upload_may_fail(
    step: str, kind: str, far_storage: World, storage_proxy: Proxy, archived: Archived, meet: Meet
) -> None:
    job_id = archive(far_storage, archived)
    mark = UPLOADS[step]

    def here(data: bytes) -> bool:
        line = data.partition(b"\r\n")[0]
        return mark in line and not (step.startswith("completion") and b"?uploads" in line)

    fault = Fault(kind, when=here, amount={"truncate": 20, "fail": 3}.get(kind, 0))
    storage_proxy.plan(fault)
    far_storage.services.start_worker()
    far_storage.ended(job_id)
    assert fault.fired.is_set(), storage_proxy.trace
    storage_proxy.calm()
    meet(f"storage: {kind} at the {step}")
    check(far_storage, job_id, archived)


def test_no_upload_asks_first_whether_it_may_come(
    far_storage: World, storage_proxy: Proxy, archived: Archived, meet: Meet
) -> None:
    # An answer to "Expect: 100-continue" that is cut off in its head has botocore read for ever: a core, and the job.
    job_id = archive(far_storage, archived)
    storage_proxy.plan(Fault("truncate", when=lambda data: b"partNumber=1" in data, amount=24))
    far_storage.services.start_worker()
    far_storage.ended(job_id)
    assert not [head for head in storage_proxy.trace if b"100-continue" in head]
    meet("storage: truncate at the first part")
    check(far_storage, job_id, archived)


def test_a_storage_that_stays_away_fails_the_job_and_a_retry_succeeds(
    far_storage: World, storage_proxy: Proxy, archived: Archived, meet: Meet
) -> None:
    job_id = archive(far_storage, archived)
    storage_proxy.plan(Fault("refuse", when=lambda data: b"partNumber=2" in data, amount=100))
    far_storage.services.start_worker()
    row = far_storage.ended(job_id, seconds=90)
    assert row["status"] == "FAILED"
    assert row["error"]["code"] == "storage_unavailable", row["error"]
    assert "s3://" in row["error"]["message"]
    assert row["error"]["remedy"]
    meet("storage: away for longer than anybody waits")
    storage_proxy.calm()
    again = far_storage.services.jobs.rerun(job_id).id
    far_storage.submitted.append(again)
    far_storage.ended(again)
    assert content_of(far_storage.services, again) == archived.content


def test_a_storage_that_refuses_is_not_waited_for(
    far_storage: World, archived: Archived, s3_server: str, s3_bucket: str, meet: Meet
) -> None:
    boto3.client("s3", endpoint_url=s3_server).delete_bucket(Bucket=s3_bucket)
    job_id = archive(far_storage, archived)
    far_storage.services.start_worker()
    row = far_storage.ended(job_id)
    assert row["status"] == "FAILED"
    assert row["error"]["code"] == "storage_unavailable", row["error"]
    assert "NoSuchBucket" in row["error"]["message"]
    # Before the patience of six leases is at its end: the engine takes some of it.
    assert (row["finished_at"] - row["started_at"]).total_seconds() < 6 * LEASE_SECONDS
    meet("storage: refuses")
