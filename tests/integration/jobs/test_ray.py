"""The splits of a job on a real Ray cluster of this machine: two nodes' worth of processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.models import results
from services.models.jobs import JobRequest, JobView, Source, Status
from services.workers.ray_cluster import RayCluster
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.integration.jobs.conftest import Spawn

pytestmark = pytest.mark.slow

CLUSTER = """
import json, os, signal, sys
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
node = cluster.add_node(num_cpus=1)
print(json.dumps(cluster.address), flush=True)
for line in sys.stdin:
    cluster.remove_node(node, allow_graceful=False)
    print("gone", flush=True)
cluster.shutdown()
"""


@pytest.fixture
def cluster() -> Iterator[subprocess.Popen[bytes]]:
    """Start a cluster of two nodes with a CPU each; a line to it kills the second one."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.wait(60)
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture
def wanted(tree: TreeBuilder) -> JobRequest:
    source = tree({f"{number}": bytes([number]) * 20_000_000 for number in range(16)})
    options = {"algorithms": ["md5", "sha1", "sha256", "blake3"]}
    return one_job(operation="checksum", source=Source.of_path(Path(source)), options=options)


def _rows(services: bootstrap.Services, job: JobView) -> list[dict[str, object]]:
    return services.results.query(job.id, "checksum.result", results.ResultQuery(limit=1000, sort=("path",))).rows


def _taken_by(services: bootstrap.Services) -> set[str]:
    with services.database.transaction() as session:
        return set(session.scalars("SELECT worker FROM splits WHERE worker IS NOT NULL"))


def _address(cluster: subprocess.Popen[bytes]) -> str:
    assert cluster.stdout is not None
    address: str = json.loads(cluster.stdout.readline())
    return address


@pytest.mark.timeout(600)
def test_a_job_on_two_nodes_gives_what_it_gives_here_also_when_one_dies(
    settings: settings_module.Settings, wanted: JobRequest, spawn: Spawn, cluster: subprocess.Popen[bytes]
) -> None:
    with bootstrap.open_services(settings) as services:
        alone = services.jobs.submit(wanted)[0]
        services.start_worker(only=alone.id)
        alone = services.jobs.wait(alone.id, 60)
    more = {
        "PRAVAH_EXECUTOR": "ray",
        "PRAVAH_RAY_ADDRESS": _address(cluster),
        "PRAVAH_SPLIT_BYTES": "20000000",
        "PRAVAH_LEASE_SECONDS": "2",
        "PRAVAH_HEARTBEAT_SECONDS": "0.3",
        "PYTHONPATH": os.getcwd(),
    }
    worker = spawn(**more)
    with bootstrap.open_services(settings) as services:
        view = services.jobs.submit(wanted)[0]
        seen: set[str] = set()

        def both_are_at_it() -> bool:
            seen.update(_taken_by(services))
            return len(seen) >= 2

        wait_until(both_are_at_it, "tasks of two nodes have splits", 120)
        assert not any(f" {worker.pid} " in one for one in seen), "the worker itself only waits"
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        cluster.stdin.write(b"kill\n")
        cluster.stdin.flush()
        assert cluster.stdout.readline() == b"gone\n"
        shared = services.jobs.wait(view.id, 300)
        assert shared.status == Status.COMPLETED, shared.error
        assert shared.result("checksum")["summary"]["reused_files"] == 0
        assert _rows(services, shared) == _rows(services, alone)


def test_without_ray_the_setting_is_refused_with_what_to_do(
    settings: settings_module.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(errors.InvalidOptionsError, match="ray is not installed") as found:
        RayCluster(settings)
    assert "pravah[ray]" in (found.value.remedy or "")
