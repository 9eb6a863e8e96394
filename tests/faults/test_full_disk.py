"""A disk that is full in the middle of a job, in memory: said clearly, nothing half left, and a retry succeeds."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.models.jobs import JobRequest, Source, Status
from tests.asking import one_job
from tests.conftest import fill, wait_until
from tests.faults.summary import Meet

KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True)
class Disk:
    """A file system in memory."""

    path: Path

    def resize(self, size_bytes: int) -> None:
        """Give it another size."""
        subprocess.run(["mount", "-o", f"remount,size={size_bytes}", self.path], check=True)


Mount = Callable[[Path, int], Disk]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Return a function that mounts a disk of so many bytes; at the end all of them go."""
    mounted: list[Path] = []

    def make(path: Path, size_bytes: int) -> Disk:
        path.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "pravah-test", path]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root may mount a disk")
        mounted.append(path)
        return Disk(path)

    yield make
    for path in mounted:
        subprocess.run(["umount", "--lazy", path], check=True)


@dataclass(frozen=True)
class Case:
    """A job that needs more than a disk has.

    Attributes:
        place: of the disk, below the data directory; ``there`` is a folder for destinations.
        tight: its size in bytes.
    """

    operation: str
    options: dict[str, Any]
    place: str
    tight: int
    says: str = "No space left on device"


SCHEMA = '{"fields": [{"name": "id", "type": "integer"}, {"name": "text"}], "primaryKey": ["id"]}'
CASES = {
    "sorting a file": Case(
        "convert", {"to": "parquet", "sort_by": ["text=desc"], "compression": "none"}, "work", 3 * MIB
    ),
    "keys of a file": Case("validate", {"schema_text": SCHEMA}, "work", 4 * MIB),
    "shards of checksums": Case("checksum", {}, "work", 96 * KIB),
    "an archive": Case("archive", {"form": "tar"}, "work", 3 * MIB),
    "results that are stored": Case("archive", {"form": "tar"}, "results", 3 * MIB),
    "a destination": Case("convert", {"to": "jsonl", "destination": "DESTINATION"}, "there", 2 * MIB),
}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a large file of records and many small files."""
    dice = random.Random(9)
    ids = list(range(1_200_000))
    dice.shuffle(ids)
    table = "id,text\n" + "".join(f"{number},{number * 7919 % 1000003:09d}\n" for number in ids)
    small: dict[str | bytes, bytes | None] = {f"small/{n}": dice.randbytes(50) for n in range(3000)}
    return fill(tmp_path_factory.mktemp("disk") / "records", {"table.csv": table.encode(), **small})


def request_of(case: Case, source: Path, there: Path) -> JobRequest:
    """Return the request of a case."""
    options = {name: str(there) if value == "DESTINATION" else value for name, value in case.options.items()}
    return one_job(operation=case.operation, source=Source.of_path(source), options=options)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_full_disk_ends_the_job_clearly_and_a_retry_succeeds(
    case: Case, settings: settings_module.Settings, records: Path, mount: Mount, meet: Meet, tmp_path: Path
) -> None:
    config = settings.model_copy(update={"allowed_roots": (records, tmp_path)})
    place = tmp_path / "there" if case.place == "there" else config.data_dir / case.place
    disk = mount(place, case.tight)
    there = tmp_path / "there" / "made"
    with bootstrap.open_services(config) as services:
        services.start_worker()
        job = services.jobs.submit(request_of(case, records, there))[0]
        failed = services.jobs.wait(job.id, 60)
        assert failed.status == Status.FAILED, failed.outcome
        assert failed.error is not None
        assert failed.error.code in {"output_failed", "storage_unavailable"}, failed.error
        assert case.says in failed.error.message
        assert "space" in failed.error.remedy
        meet(f"full disk: {case.operation}, {case.place}")
        assert services.storage.list("jobs/") == []
        # An empty folder may be left, which the next sweep takes: another attempt could be about to use it.
        assert [entry for entry in services.storage.unfinished("jobs/") if entry.upload != "empty directory"] == []
        wait_until(lambda: not list(config.work_dir.glob("*")), "what the job wrote is removed")
        disk.resize(400 * MIB)
        again = services.jobs.wait(services.jobs.rerun(job.id).id, 60)
        assert again.status == Status.COMPLETED, again.error
        assert [(issue.path, issue.message) for issue in services.results.issues(again.id)] == []
        assert services.results.query(again.id, f"{case.operation}.result").total_rows > 0
