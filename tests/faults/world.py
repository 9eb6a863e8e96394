"""A Pravah whose connections lead through proxies, and what must be true of a job however it was disturbed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import psycopg.rows

from services import bootstrap, storage
from services.base import settings
from services.models.jobs import JobRequest, JobView, Source
from services.models.results import ResultQuery
from tests.asking import one_job
from tests.conftest import wait_until

LEASE_SECONDS = 3.0
OPERATIONS: dict[str, dict[str, Any]] = {
    "checksum": {"algorithms": ["md5", "sha1"]},
    "text_statistics": {},
    "search": {"patterns": ["line 7[0-9]* of"]},
    "inventory": {},
}
_LINKS, _FILES = 6, 150
_FINAL = {"COMPLETED", "FAILED", "CANCELLED"}


def make_source(root: Path) -> Path:
    """Fill a directory that takes checksum a second or so, and other operations less; most of it is one file."""
    root.mkdir()
    for number in range(_FILES):
        folder = root / f"{number % 7}"
        folder.mkdir(exist_ok=True)
        text = "".join(f"line {line} of file {number}\n" for line in range(number))
        (folder / f"{number:03d}.txt").write_text(text)
    large = root / "large.log"
    line = "a line of a log that nobody has ever looked at, with some words more to make it longer\n"
    with large.open("w") as file:
        for _ in range(64):
            file.write(line * 8000)
        # The blocks that hold the map of a file in many pieces are counted only once it is on the disk, and an
        # inventory tells what a file takes there.
        file.flush()
        os.fsync(file.fileno())
    for number in range(_LINKS):
        os.link(large, root / f"large-{number:02d}.log")
    return root


def request_of(operation: str, source: Path) -> JobRequest:
    """Return the request of a job."""
    return one_job(operation=operation, source=Source.of_path(source), options=OPERATIONS[operation])


def database_socket(url: str) -> str:
    """Return the path of the unix socket that a URL leads to."""
    return psycopg.conninfo.conninfo_to_dict(url)["host"] + "/.s.PGSQL.5432"


def through(port: int, url: str) -> str:
    """Return the same database, reached by a TCP port of this machine."""
    given = psycopg.conninfo.conninfo_to_dict(url)
    return f"postgresql://{given['user']}@127.0.0.1:{port}/{given['dbname']}?sslmode=disable&gssencmode=disable"


@dataclass
class World:
    """One installation.

    Attributes:
        url: of its database, past every proxy.
        direct: its storage, past every proxy.
    """

    services: bootstrap.Services
    source: Path
    url: str
    direct: storage.Storage
    submitted: list[UUID] = field(default_factory=list)
    _connection: psycopg.Connection[dict[str, Any]] | None = None

    def submit(self, operation: str) -> JobView:
        """Queue a job."""
        view = self.services.jobs.submit(request_of(operation, self.source))[0]
        self.submitted.append(view.id)
        return view

    def ask(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the database, past every proxy, on one connection for as long as the server stays up."""
        if self._connection is not None:
            try:
                return self._connection.execute(sql, values).fetchall()
            except psycopg.OperationalError:
                self.close()
        self._connection = psycopg.connect(self.url, row_factory=psycopg.rows.dict_row, autocommit=True)
        return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def row(self, job_id: UUID) -> dict[str, Any]:
        """Return a job's row."""
        return self.ask("SELECT * FROM jobs WHERE id = %s", job_id)[0]

    def events(self, job_id: UUID) -> list[str]:
        """Return the states that a job went through."""
        found = self.ask("SELECT status FROM job_events WHERE job_id = %s ORDER BY id", job_id)
        return [row["status"] for row in found]

    def ended(self, job_id: UUID, seconds: float = 60) -> dict[str, Any]:
        """Wait until a job has ended; return its row."""
        wait_until(lambda: self.row(job_id)["status"] in _FINAL, f"job {job_id} ends", seconds)
        return self.row(job_id)

    def rows(self, job_id: UUID, operation: str) -> bytes:
        """Return all rows of a job's main table as text, in an order of their own."""
        query = ResultQuery()
        lines = b"".join(self.services.results.export(job_id, f"{operation}.result", "jsonl", query)).splitlines()
        return b"\n".join(sorted(lines))

    def check(self, job_id: UUID, operation: str, expected: bytes) -> None:
        """Look at a completed job: right, there once, and nothing beside what belongs to it."""
        row = self.row(job_id)
        assert row["status"] == "COMPLETED", (row["error"], self.events(job_id))
        found = self.rows(job_id, operation)
        assert set(found.splitlines()) ^ set(expected.splitlines()) == set()
        assert found == expected
        events = self.events(job_id)
        assert events.count("COMPLETED") == 1
        assert events[-1] == "COMPLETED"
        listed = [view.id for view in self.services.jobs.list(limit=200).items]
        assert sorted(listed) == sorted(self.submitted)
        self.check_files()

    def check_files(self) -> None:
        """Look whether there is exactly what the jobs need; a worker may still be about to remove something."""

        def is_tidy() -> bool:
            return self.stored() == self.needed() and not list(self.direct.unfinished("jobs/")) and not self.work()

        try:
            wait_until(is_tidy, "nothing is left over", seconds=10)
        except BaseException:
            left = sorted(self.stored() - self.needed()), list(self.direct.unfinished("jobs/")), self.work()
            raise AssertionError(f"left over: {left}; missing: {sorted(self.needed() - self.stored())}") from None

    def stored(self) -> set[str]:
        """Return the keys of all files that are stored for jobs."""
        return set(self.direct.list("jobs/"))

    def needed(self) -> set[str]:
        """Return the keys that rows in the database say there are."""
        rows = self.ask("SELECT job_id, fencing_token, name FROM artifacts JOIN jobs ON job_id = id")
        return {f"jobs/{row['job_id']}/{row['fencing_token']}/{row['name']}" for row in rows}

    def work(self) -> list[Path]:
        """Return what is in the work folder."""
        return list(self.services.settings.work_dir.glob("*"))


Opened = Callable[..., World]


def quick(config: settings.Settings, **more: Any) -> settings.Settings:
    """Return settings with a short lease."""
    change = {"lease_seconds": LEASE_SECONDS, "heartbeat_seconds": 0.5, "engine_threads": 1, "shard_rows": 40}
    return config.model_copy(update=change | more)


def opening(config: settings.Settings, source: Path, url: str, direct: storage.Storage) -> Iterator[World]:
    """Yield a world without a worker."""
    with bootstrap.open_services(config) as services, contextlib.closing(World(services, source, url, direct)) as world:
        yield world
