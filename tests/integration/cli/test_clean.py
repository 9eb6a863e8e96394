"""``pravah clean``, ``jobs pin`` and ``jobs unpin``."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.storage.local import LocalStorage
from tests.integration.cli.conftest import Cli
from tests.processes import Pravah

NOBODY = "00000000-0000-4000-8000-00000000000a"


@pytest.fixture
def jobs(cli: Cli, small: Path) -> list[str]:
    """Return the ids of three completed jobs, the oldest first."""
    return [str(cli("run", "inventory", small, "--name", name, "--json").document["id"]) for name in ("a", "b", "c")]


@pytest.fixture
def orphan(settings: settings_module.Settings, services: bootstrap.Services) -> Path:
    """Return a folder of the cache that belongs to no job."""
    folder = settings.data_dir / "cache" / NOBODY
    folder.mkdir()
    (folder / "part").write_bytes(bytes(2048))
    moment = time.time() - 10_000
    for path in (folder / "part", folder):
        os.utime(path, (moment, moment))
    return folder


def listed(cli: Cli) -> list[str]:
    return [one["id"] for one in cli("jobs", "list", "--json").document["items"]]


def test_nothing_to_clean_is_a_success(cli: Cli) -> None:
    assert cli("clean").out.splitlines()[0] == "Nothing to delete."
    assert cli("clean", "--json").document["jobs"] == []


def test_without_limits_every_job_stays(cli: Cli, jobs: list[str]) -> None:
    assert "Nothing to delete." in cli("clean").out
    assert listed(cli) == jobs[::-1]


def test_a_dry_run_tells_what_the_real_one_then_does(
    cli: Cli, jobs: list[str], orphan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRAVAH_KEEP_JOBS", "1")
    told = cli("clean", "--dry-run").out
    assert [line.split()[0] for line in told.splitlines()[1:3]] == [job[:8] for job in jobs[:2]]
    assert "too many jobs" in told
    assert f"cache/{NOBODY}" in told
    assert "Would delete 2 jobs and 1 orphan" in told
    assert "3 finished jobs" in told
    foreseen = cli("clean", "-n", "--json").document
    assert foreseen["dry_run"] is True
    assert listed(cli) == jobs[::-1]
    assert orphan.exists()
    done = cli("clean", "--json").document
    assert (done["jobs"], done["orphans"]) == (foreseen["jobs"], foreseen["orphans"])
    assert done["freed_bytes"] == foreseen["freed_bytes"] > 2048
    assert listed(cli) == jobs[2:]
    assert not orphan.exists()


def test_a_kept_job_stays(cli: Cli, jobs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRAVAH_KEEP_DAYS", "0.000001")
    assert cli("jobs", "pin", jobs[0], jobs[1][:8]).out.splitlines() == [f"{job} pinned" for job in jobs[:2]]
    assert "never deleted automatically" in cli("jobs", "show", jobs[0]).out
    assert cli("jobs", "unpin", jobs[1], "--json").document[0]["pinned"] is False
    assert "2 of them pinned" not in cli("clean", "--dry-run").out
    assert "1 of them pinned" in cli("clean").out
    assert listed(cli) == jobs[:1]
    cli("jobs", "pin", NOBODY, status=3)


def test_what_cannot_be_removed_is_told_and_exits_5(cli: Cli, jobs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: LocalStorage, prefix: str) -> None:
        raise errors.StorageError("cannot delete: Read-only file system")

    monkeypatch.setenv("PRAVAH_KEEP_JOBS", "2")
    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "delete", refuse)
        assert f"jobs/{jobs[0]}/ was not deleted: cannot delete: Read-only" in cli("clean", status=5).err
    assert "belongs to a deleted job" in cli("clean").out
    assert "Nothing to delete." in cli("clean").out


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PRAVAH_KEEP_DAYS", "0"), ("PRAVAH_KEEP_DAYS", "-1"), ("PRAVAH_KEEP_JOBS", "0"), ("PRAVAH_KEEP_BYTES", "0"),
     ("PRAVAH_KEEP_DAYS", "nan"), ("PRAVAH_KEEP_JOBS", "1.5")],
)  # fmt: skip
def test_a_limit_that_would_delete_everything_is_refused(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert variable in cli("clean", "--dry-run", status=2).err


def test_two_processes_at_once_delete_each_job_once(
    pravah: Pravah, cli: Cli, jobs: list[str], environment: dict[str, str]
) -> None:
    started = [pravah.start("clean", "--json", env={"PRAVAH_KEEP_JOBS": "1"}) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    told = b"".join(out for out, _ in outputs)
    for job in jobs[:2]:
        assert told.count(f'"id": "{job}"'.encode()) == 1
    assert listed(cli) == jobs[2:]
