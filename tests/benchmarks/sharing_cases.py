"""One job shared by several processes, against one process with the same threads."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from services import bootstrap
from services.base import settings
from services.db import registry
from services.models.jobs import Source, Status
from tests.asking import one_job
from tests.benchmarks.again_cases import FILES, sparse_file, sparse_tree
from tests.benchmarks.measure import Row, alternate, same, seconds_of

_ALGORITHMS = ["sha256", "sha1", "md5"]
_CPUS = 2

_CLUSTER = f"""
import json, sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={{"num_cpus": 1, "include_dashboard": False}})
for _ in range({_CPUS - 1}):
    cluster.add_node(num_cpus=1)
print(json.dumps(cluster.address), flush=True)
sys.stdin.read()
cluster.shutdown()
"""


class _Shared:
    """A checksum done by several workers."""

    def __init__(self, services: bootstrap.Services, source: Path, algorithms: list[str]) -> None:
        self._services = services
        self._request = one_job(operation="checksum", source=Source.of_path(source), options={"algorithms": algorithms})
        self._manifest = f"checksum/manifest.{'b3' if algorithms == ['blake3'] else algorithms[0]}"
        self.manifests: dict[str, list[bytes]] = {}

    def run(self, name: str, workers: int, **more: str) -> float:
        """Return the seconds from the submit to the end."""
        services = self._services
        with _workers(services, workers, more):
            started = time.perf_counter()
            view, _ = services.jobs.submit(self._request)
            while not (view := services.jobs.get(view.id)).is_final:
                time.sleep(0.1)
            seconds = time.perf_counter() - started
        if view.status != Status.COMPLETED:
            raise SystemExit(f"the job ended {view.status}: {view.error}")
        same(view.result("checksum")["summary"]["reused_files"], 0, "files taken over")
        lines = b"".join(services.artifacts.open(view.id, self._manifest).chunks).splitlines()
        self.manifests[name] = sorted(lines)
        services.jobs.delete(view.id)
        return seconds

    def alone(self) -> float:
        """By one worker of all threads."""
        return self.run("alone", 1, PRAVAH_ENGINE_THREADS=str(_CPUS))

    def two(self) -> float:
        """By workers of one thread each."""
        return self.run("two", _CPUS, PRAVAH_ENGINE_THREADS="1")

    def row(self, what: str, runs: int) -> Row:
        """Compare the two."""
        measured = alternate(self.alone, self.two, runs)
        same(self.manifests["two"], self.manifests["alone"], "manifests")
        return Row(
            f"{what} shared by 2 workers with 1 thread",
            "one worker with 2 threads",
            seconds_of(measured.theirs),
            seconds_of(measured.ours),
            f"{measured.ratio:.2f} × its speed",
            "≥ 0.95 ×",
            measured.ratio >= 0.95,
            f"{len(self.manifests['two']):,} files, manifests equal",
        )


def sharing(scratch: Path, runs: int) -> Iterator[Row]:
    """Three digests of 20 GB: two workers of one thread each, and Ray, against one worker of two threads."""
    source = sparse_tree(scratch / "sparse", FILES)
    config = settings.load_settings(data_dir=scratch / "data", database_url=None, allowed_roots=(scratch,))
    with bootstrap.open_services(config) as services:
        yield _Shared(services, sparse_file(scratch / "one"), ["blake3"]).row("BLAKE3 of one file of 100 GB", runs)
        shared = _Shared(services, source, _ALGORITHMS)
        yield shared.row("Three digests of 20 GB", runs)
        with _cluster() as address:
            more = {"PRAVAH_EXECUTOR": "ray", "PRAVAH_RAY_ADDRESS": address, "PRAVAH_ENGINE_THREADS": "1"}
            measured = alternate(lambda: shared.run("ray", 1, **more), shared.alone, runs)
            same(shared.manifests["ray"], shared.manifests["alone"], "manifests")
        files = len(shared.manifests["ray"])
        note = f"{files:,} files, manifests equal; a cluster of {_CPUS} nodes of 1 CPU that runs already"
        yield Row(
            "Three digests of 20 GB on Ray",
            "one worker with 2 threads",
            seconds_of(measured.ours),
            seconds_of(measured.theirs),
            f"{measured.ratio:.2f}",
            "≤ 1.15",
            measured.ratio <= 1.15,
            note,
        )


@contextlib.contextmanager
def _workers(services: bootstrap.Services, count: int, more: dict[str, str]) -> Iterator[None]:
    """Start workers, and stop them at the end."""
    environment = {
        **os.environ,
        "PRAVAH_DATA_DIR": str(services.settings.data_dir),
        "PRAVAH_ALLOWED_ROOTS": ":".join(map(str, services.settings.allowed_roots)),
        "PYTHONPATH": os.getcwd(),
        **more,
    }
    command = [sys.executable, "-m", "services.cli.main", "serve", "worker"]
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(count)]
    try:
        _until(services, count)
        yield
    finally:
        for process in started:
            process.terminate()
            process.wait()
        _until(services, 0)


def _until(services: bootstrap.Services, count: int) -> None:
    while True:
        with services.database.transaction() as session:
            if registry.count(session, services.settings.lease_seconds) == count:
                return
        time.sleep(0.05)


@contextlib.contextmanager
def _cluster() -> Iterator[str]:
    command = [sys.executable, "-W", "ignore", "-c", _CLUSTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()
        process.wait(60)
