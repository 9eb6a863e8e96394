"""The command line in this process, and as a process of its own, on a real database."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.cli import main
from services.models.jobs import JobView, Source, Status
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.processes import Pravah


@dataclass(frozen=True)
class Done:
    """What a command left."""

    status: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        """Its stdout as text."""
        return self.raw.decode()

    @property
    def document(self) -> Any:
        """Its stdout as one JSON document."""
        return json.loads(self.raw)

    @property
    def problem(self) -> Any:
        """Its stderr as one problem document."""
        return json.loads(self.err)


Inventoried = Callable[[Path], JobView]


class Cli(Protocol):
    """Runs a command."""

    def __call__(self, *args: str | os.PathLike[str], status: int = 0) -> Done:
        """Return what the command left, which must end with `status`."""


@pytest.fixture
def environment(settings: settings_module.Settings, tmp_path: Path) -> dict[str, str]:
    """Return the variables that give a command this test's settings."""
    assert settings.database_url is not None
    return {
        "PRAVAH_DATA_DIR": str(settings.data_dir),
        "PRAVAH_DATABASE_URL": settings.database_url.get_secret_value(),
        "PRAVAH_ALLOWED_ROOTS": str(tmp_path),
        "PRAVAH_MIN_FREE_DISK_BYTES": "0",
        "PRAVAH_ENGINE_THREADS": "1",
    }


@pytest.fixture
def cli(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    tmp_path: Path,
) -> Cli:
    """Return the command line, run in this process, with `tmp_path` as the current directory."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*args: str | os.PathLike[str], status: int = 0) -> Done:
        capfdbinary.readouterr()
        ended = main.run_command([os.fspath(arg) for arg in args])
        out, err = capfdbinary.readouterr()
        assert ended == status, (out, err.decode())
        return Done(ended, out, err.decode())

    return run


@pytest.fixture
def pravah(environment: dict[str, str], tmp_path: Path) -> Iterator[Pravah]:
    """Yield the command line as processes, with `tmp_path` as their current directory."""
    processes = Pravah(environment, tmp_path)
    yield processes
    processes.close()


@pytest.fixture
def inventoried(running: bootstrap.Services) -> Inventoried:
    """Return a function that completes an inventory here, where no start of a process is what is tested."""

    def run(source: Path) -> JobView:
        request = one_job(operation="inventory", source=Source.of_path(source))
        done = running.jobs.wait(running.jobs.submit(request)[0].id, 60)
        assert done.status == Status.COMPLETED, done.error
        return done

    return run


@pytest.fixture
def small(tree: TreeBuilder) -> Path:
    """Return a directory of three files."""
    return tree({"a.txt": b"hello", "b/c.csv": b"x" * 2000, "b/empty": b""}, name="small")


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """Return a directory that no machine digests within a test: a sparse file of 400 GB."""
    root = tmp_path / "slow"
    root.mkdir()
    with (root / "large").open("wb") as file:
        file.truncate(400_000_000_000)
    return root
