"""``kill -9`` in the middle of a job, and a worker that was away: nothing is lost, nothing is written twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import psycopg.rows
import pytest

from tests.conftest import free_port, wait_until
from tests.processes import Pravah, is_alive, kill_group

# The engine writes rows in batches of 8,192 a thread: with one thread the first shard is final after a third of
# the work, which leaves seconds in which the process can be met in the middle, also on a fast machine.
FILES = 24_000
FILE_BYTES = 32_000
ENVIRONMENT = {
    "PRAVAH_ENGINE_THREADS": "1",
    "PRAVAH_SHARD_ROWS": "4000",
    # A worker that waits for the processor must not look like one that is gone.
    "PRAVAH_LEASE_SECONDS": "5",
    "PRAVAH_HEARTBEAT_SECONDS": "0.5",
}
FINAL = """SELECT job_id FROM shards WHERE job_id = %s
UNION SELECT job_id FROM splits WHERE job_id = %s AND state = 'DONE'"""
OPTIONS = ("--algorithm", "sha256,md5")
# A run takes one of them, by its seed; tests/faults does both, many times.
WAKES = ("while the other runs", "after the other has ended")
SEED = int(os.environ.get("PRAVAH_TEST_SEED", "0"))


@dataclass
class Installation:
    """A data directory with an embedded PostgreSQL, and what runs on it."""

    pravah: Pravah
    data: Path
    source: Path

    def worker(self, part: str = "worker") -> subprocess.Popen[bytes]:
        """Start a worker and return when it looks for work."""
        process = self.pravah.start("serve", part, "--port", str(free_port()))
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(b"Pravah "), process.stderr and process.stderr.read()
        return process

    def submit(self) -> str:
        """Queue the job that is interrupted."""
        done = self.pravah.run("submit", "checksum", str(self.source), *OPTIONS)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    def postmaster(self) -> tuple[int, str]:
        """Return number and socket directory of the embedded server."""
        directory = self.data / "postgres"
        return int((directory / "postmaster.pid").read_text().partition("\n")[0]), str(directory)

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Ask the embedded server, past Pravah."""
        parameters = {"host": self.postmaster()[1], "user": "postgres", "dbname": "postgres"}
        with psycopg.connect(**parameters, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(sql, values).fetchall()

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job's row."""
        return self.query("SELECT * FROM jobs WHERE id = %s", job_id)[0]

    def events(self, job_id: str) -> list[str]:
        """Return the states it went through."""
        rows = self.query("SELECT status FROM job_events WHERE job_id = %s ORDER BY id", job_id)
        return [row["status"] for row in rows]

    def until_in_the_middle(self, job_id: str, attempt: int = 1) -> None:
        """Wait until a job runs, has read something, and some shards or splits are final.

        It is cut into splits as soon as the database knows of another worker, also of one that is stopped.
        """

        def in_the_middle() -> bool:
            job = self.job(job_id)
            assert job["status"] in {"PENDING", "RUNNING", "INTERRUPTED"}, "it ended too soon to be interrupted"
            started = job["status"] == "RUNNING" and job["attempt"] == attempt
            progress = job["progress"] or {"bytes_done": 0}
            return started and progress["bytes_done"] > 0 and bool(self.query(FINAL, job_id, job_id))

        wait_until(in_the_middle, "the job is in its middle", seconds=60)

    def until_completed(self, job_id: str) -> None:
        """Wait for the end."""

        def completed() -> bool:
            status = self.job(job_id)["status"]
            assert status not in {"FAILED", "CANCELLED"}, self.job(job_id)["error"]
            return bool(status == "COMPLETED")

        wait_until(completed, "the job is completed", seconds=120)

    def rows(self, job_id: str) -> bytes:
        """Return the result as text, in the order of the paths."""
        done = self.pravah.run("jobs", "results", job_id, "--sort", "path", "--format", "csv")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stored(self, job_id: str) -> set[str]:
        """Return the fencing tokens under which files of a job are stored."""
        return {path.name for path in (self.data / "results" / "jobs" / job_id).glob("*")}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree of 1 GB in sparse files: seconds of work, little space."""
    root = tmp_path_factory.mktemp("crash") / "source"
    for number in range(FILES):
        path = root / f"{number % 97:02d}" / f"file-{number:05d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(str(number).encode())
            file.truncate(FILE_BYTES + number)
    return root


@contextlib.contextmanager
def installed(directory: Path, source: Path) -> Iterator[Installation]:
    """Yield a data directory of its own; at the end nothing of it runs."""
    data = directory / "data"
    environment = {"PRAVAH_DATA_DIR": str(data), "PRAVAH_ALLOWED_ROOTS": str(source), **ENVIRONMENT}
    made = Installation(Pravah(environment, directory), data, source)
    yield made
    for process in made.pravah.started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
    made.pravah.close()
    last = made.pravah.run("jobs", "list")  # what was killed is no user any more, and the last user stops the server
    assert last.returncode == 0, last.stderr
    assert not (data / "postgres" / "postmaster.pid").exists()


@pytest.fixture
def installation(tmp_path: Path, source: Path) -> Iterator[Installation]:
    """Yield an installation of this test's own."""
    with installed(tmp_path, source) as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, source: Path) -> tuple[bytes, dict[str, Any]]:
    """Return rows and summary of the same job where nothing happens to it."""
    with installed(tmp_path_factory.mktemp("undisturbed"), source) as made:
        done = made.pravah.json("run", "checksum", str(source), *OPTIONS)
        assert done["attempt"] == 1
        with_summary = made.pravah.json("jobs", "show", done["id"])
        return made.rows(done["id"]), with_summary["outcome"]["results"][0]["summary"]


def _kill_postgres(installation: Installation) -> None:
    pid, _ = installation.postmaster()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), "it is dead")


@pytest.mark.slow
@pytest.mark.parametrize("part", ["worker", "all"])
def test_a_server_that_is_killed_with_its_database_finishes_the_job_after_a_restart(
    part: str, installation: Installation, undisturbed: tuple[bytes, dict[str, Any]]
) -> None:
    expected_rows, expected = undisturbed
    first = installation.worker(part)
    job_id = installation.submit()
    installation.until_in_the_middle(job_id)
    kill_group(first)
    _kill_postgres(installation)

    installation.worker(part)
    installation.until_completed(job_id)

    job = installation.job(job_id)
    assert job["attempt"] == 2
    assert installation.events(job_id) == ["PENDING", "RUNNING", "INTERRUPTED", "PENDING", "RUNNING", "COMPLETED"]
    rows = installation.rows(job_id)
    assert rows.count(b"\n") == FILES + 1
    assert rows == expected_rows
    summary = job["outcome"]["results"][0]["summary"]
    # The second attempt has gone on from what the first one had made last.
    assert 0 < summary["reused_files"] < FILES
    differing = dict.fromkeys(("bytes_per_second", "reused_files", "reused_bytes"), 0)
    assert summary | differing == expected | differing
    assert installation.stored(job_id) == {str(job["fencing_token"])}
    assert list((installation.data / "work").glob("*")) == []


@pytest.mark.slow
def test_a_killed_command_leaves_its_job_to_the_next_worker(
    installation: Installation, undisturbed: tuple[bytes, dict[str, Any]]
) -> None:
    installation.worker().send_signal(signal.SIGSTOP)  # keeps the database up, takes no job
    command = installation.pravah.start("run", "checksum", str(installation.source), *OPTIONS)
    wait_until(lambda: installation.query("SELECT id FROM jobs"), "the job is there", seconds=60)
    job_id = str(installation.query("SELECT id FROM jobs")[0]["id"])
    installation.until_in_the_middle(job_id)
    kill_group(command)
    installation.worker()
    installation.until_completed(job_id)
    assert installation.job(job_id)["attempt"] == 2
    rows = installation.rows(job_id)
    assert rows.count(b"\n") == FILES + 1
    assert rows == undisturbed[0]


@pytest.mark.slow
@pytest.mark.parametrize("wakes", [WAKES[SEED % len(WAKES)]])
def test_a_paused_worker_that_lost_its_lease_writes_nothing(wakes: str, installation: Installation) -> None:
    paused = installation.worker()
    job_id = installation.submit()
    installation.until_in_the_middle(job_id)
    token = installation.job(job_id)["fencing_token"]
    os.killpg(paused.pid, signal.SIGSTOP)

    other = installation.worker()
    installation.until_in_the_middle(job_id, attempt=2)
    taken = installation.job(job_id)
    assert taken["fencing_token"] > token
    if wakes == "while the other runs":
        os.killpg(paused.pid, signal.SIGCONT)
    installation.until_completed(job_id)
    before = installation.job(job_id), installation.events(job_id), installation.rows(job_id)
    os.killpg(paused.pid, signal.SIGCONT)

    # With the other one gone it takes new jobs, so it is awake and has let go of the old one.
    os.killpg(other.pid, signal.SIGTERM)
    assert other.wait(timeout=60) == 0
    following = installation.pravah.run("submit", "inventory", str(installation.source)).stdout.decode().strip()
    installation.until_completed(following)
    os.killpg(paused.pid, signal.SIGTERM)
    _, err = paused.communicate(timeout=60)
    assert paused.returncode == 0, err

    installation.worker()
    assert (installation.job(job_id), installation.events(job_id), installation.rows(job_id)) == before
    assert before[0]["fencing_token"] == taken["fencing_token"]
    assert before[1] == ["PENDING", "RUNNING", "INTERRUPTED", "PENDING", "RUNNING", "COMPLETED"]
    assert installation.stored(job_id) == {str(taken["fencing_token"])}
    assert not (installation.data / "work" / job_id).exists()
