"""``pravah jobs``."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from services import bootstrap
from services.db import job_rows
from services.models.jobs import Source, Status
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.cli.conftest import Cli
from tests.processes import Pravah
from tests.rows import change


@pytest.fixture
def job(cli: Cli, small: Path) -> str:
    """Return the id of a completed inventory."""
    document = cli("run", "inventory", small, "--json").document
    return str(document["id"])


def test_list_filters_and_pages(cli: Cli, small: Path, job: str) -> None:
    second = cli("submit", "checksum", small, "--name", "later", "--json").document["id"]
    assert [one["id"] for one in cli("jobs", "list", "--json").document["items"]] == [second, job]
    for args, expected in (
        (("--status", "completed"), [job]),
        (("--status", "PENDING"), [second]),
        (("--operation", "inventory"), [job]),
        (("--search", "later"), [second]),
        (("--search", "nothing"), []),
    ):
        assert [one["id"] for one in cli("jobs", "list", *args, "--json").document["items"]] == expected
    page = cli("jobs", "list", "--limit", "1", "--json").document
    following = cli("jobs", "list", "--limit", "1", "--cursor", page["next_cursor"], "--json").document
    assert [one["id"] for one in following["items"]] == [job]
    assert following["next_cursor"] is None


def test_list_in_words(cli: Cli, small: Path, job: str) -> None:
    cli("submit", "inventory", small)
    header, waiting, done = cli("jobs", "list").out.splitlines()
    assert header.split()[:3] == ["ID", "OPERATION", "STATE"]
    assert "pending (1 in queue)" in waiting
    assert done.split()[:4] == [job[:8], "inventory", "completed", "3"]
    assert done.endswith(str(small))


def test_list_counts_files_as_the_result_does(cli: Cli, small: Path) -> None:
    (small / "link").symlink_to("a.txt")
    document = cli("run", "inventory", small, "--json").document
    assert document["outcome"]["results"][0]["summary"]["files"] == 3
    assert cli("jobs", "list").out.splitlines()[1].split()[3] == "3"


def test_list_of_no_jobs_says_how_to_begin(cli: Cli) -> None:
    done = cli("jobs", "list")
    assert done.out == ""
    assert "pravah run" in done.err


def test_show_tells_everything(cli: Cli, small: Path) -> None:
    run = ("run", "inventory", small, "--largest-count", "5", "--no-include-hidden", "--name", "nightly", "--json")
    job = cli(*run).document["id"]
    shown = cli("jobs", "show", job).out
    for expected in (
        job,
        str(small),
        "nightly",
        "--largest-count 5",
        "--no-include-hidden",
        "attempt 1",
        "outcome.json",
    ):
        assert expected in shown
    document = cli("jobs", "show", job, "--json").document
    assert [event["status"] for event in document["events"]] == ["PENDING", "RUNNING", "COMPLETED"]
    assert "inventory/result/part-00000.parquet" in [file["name"] for file in document["artifacts"]]


def test_a_failed_job_shows_its_error_and_remedy(cli: Cli, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRAVAH_MIN_FREE_DISK_BYTES", str(2**60))
    cli("run", "inventory", small, status=4)
    shown = cli("jobs", "show", "latest").out
    assert "bytes are free" in shown
    assert "Free space" in shown


def test_ids_may_be_abbreviated(cli: Cli, services: bootstrap.Services, small: Path) -> None:
    twins = [UUID("abcdef00-0000-4000-8000-000000000001"), UUID("abcdef00-0000-4000-8000-000000000002")]
    request = one_job(operation="inventory", source=Source.of_path(small)).validated()
    with services.database.transaction() as session:
        for twin in twins:
            job_rows.insert_job(session, twin, request)
            change(session, "jobs", twin, status=Status.CANCELLED, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert cli("jobs", "show", "ABCDEF00-0000-4000-8000-000000000002", "--json").document["id"] == str(twins[1])
    several = cli("jobs", "show", "abcd", status=2).err
    assert all(str(twin) in several for twin in twins)
    newest = cli("submit", "inventory", small).out.strip()
    assert cli("jobs", "show", "latest", "--json").document["id"] == newest
    assert cli("jobs", "show", newest[:6], "--json").document["id"] == newest


def test_cancel_retry_delete(cli: Cli, small: Path, services: bootstrap.Services) -> None:
    first, second = (cli("submit", "inventory", small).out.strip() for _ in range(2))
    assert cli("jobs", "cancel", first, second[:8], first).out.splitlines() == [
        f"{one} cancelled" for one in (first, second)
    ]
    retried = cli("jobs", "rerun", first, "--json").document
    assert retried[0]["rerun_of"] == first
    assert cli("jobs", "delete", first, second, "--yes", "--json").document == {"deleted": [first, second]}
    assert [str(job.id) for job in services.jobs.list().items] == [retried[0]["id"]]


def test_delete_asks_and_does_nothing_for_one_unknown_id(cli: Cli, pravah: Pravah, small: Path) -> None:
    job = cli("submit", "inventory", small).out.strip()
    # Its stdin is no terminal.
    assert pravah.run("jobs", "delete", job).returncode == 2
    cli("jobs", "delete", job, "00000000", "--yes", status=3)
    assert cli("jobs", "show", job, "--json").document["id"] == job


def test_wait_watches_a_job_to_its_end(cli: Cli, small: Path, services: bootstrap.Services) -> None:
    job = cli("submit", "inventory", small).out.strip()
    services.start_worker()
    assert "Files" in cli("jobs", "wait", job).out
    assert cli("jobs", "wait", job, "--json").document["status"] == "COMPLETED"
    cancelled = services.jobs.cancel(
        services.jobs.submit(one_job(operation="inventory", source=Source.of_path(small)))[0].id
    )
    services.jobs.wait(cancelled.id)
    status = 130 if services.jobs.get(cancelled.id).status == Status.CANCELLED else 0
    cli("jobs", "wait", str(cancelled.id), status=status)


def test_download_all_one_and_to_stdout(cli: Cli, job: str, tmp_path: Path) -> None:
    default = tmp_path / f"pravah-inventory-{job[:8]}"
    saved = cli("jobs", "download", job).out.splitlines()
    assert str(default.relative_to(tmp_path) / "outcome.json") in saved
    assert json.loads((default / "outcome.json").read_bytes())["results"][0]["operation"] == "inventory"
    cli("jobs", "download", job, status=5)
    cli("jobs", "download", job, "--force")
    cli("jobs", "download", job, "outcome.json", "-o", "here.json")
    content = (tmp_path / "here.json").read_bytes()
    cli("jobs", "download", job, "outcome.json")
    cli("jobs", "download", job, "outcome.json", "-o", str(default / "inventory"), "--json")
    assert (tmp_path / "outcome.json").read_bytes() == (default / "inventory" / "outcome.json").read_bytes() == content
    assert cli("jobs", "download", job, "outcome.json", "-o", "-").raw == content
    assert "Use one of" in cli("jobs", "download", job, "-o", "-", status=2).err
    assert not list(tmp_path.rglob("*.part"))


def test_download_of_a_job_without_result_says_why(cli: Cli, small: Path) -> None:
    cli("submit", "inventory", small)
    assert "it is pending" in cli("jobs", "download", "latest", status=3).err


def test_results_in_every_format(cli: Cli, job: str, tmp_path: Path) -> None:
    table = cli("jobs", "results", job, "--sort", "path").out.splitlines()
    assert table[0].split()[:4] == ["path", "name", "extension", "kind"]
    assert [line.split()[0] for line in table[1:]] == ["a.txt", "b", "b/c.csv", "b/empty"]
    args = ("jobs", "results", job, "--filter", "kind:eq:file", "--columns", "path,size_bytes", "--sort", "-size_bytes")
    expected = [("b/c.csv", 2000), ("a.txt", 5), ("b/empty", 0)]
    page = cli(*args, "--json", "--limit", "2").document
    assert [(row["path"], row["size_bytes"]) for row in page["rows"]] == expected[:2]
    assert page["total_rows"] == 3
    rows = list(csv.reader(io.StringIO(cli(*args, "--format", "csv").out)))
    assert rows == [["path", "size_bytes"], *([path, str(size)] for path, size in expected)]
    lines = [json.loads(line) for line in cli(*args, "--format", "jsonl").out.splitlines()]
    assert [(row["path"], row["size_bytes"]) for row in lines] == expected
    cli(*args, "--format", "parquet", "-o", "rows.parquet")
    assert pq.read_table(tmp_path / "rows.parquet").to_pydict() == {
        "path": [path for path, _ in expected],
        "size_bytes": [size for _, size in expected],
    }
    cli(*args, "--format", "parquet", "-o", "rows.parquet", status=5)
    cli(*args, "--format", "csv", "--limit", "1", status=2)


def test_results_of_other_tables_and_what_is_not_there(cli: Cli, job: str) -> None:
    done = cli("jobs", "results", job, "inventory.by_extension", "--sort", "-size_bytes", "--limit", "1")
    assert done.out.splitlines()[1].split() == ["csv", "1", "2,000", "4,096"]
    assert "rows 1 to 1 of 3" in done.err
    assert "inventory.by_extension" in cli("jobs", "results", job, "nothing", status=3).err
    assert "use one of: path" in cli("jobs", "results", job, "--sort", "nothing", status=2).err
    assert "column:operator:value" in cli("jobs", "results", job, "--filter", "size", status=2).err


def test_issues_in_words_and_json(cli: Cli, tree: TreeBuilder, job: str) -> None:
    assert "No issues." in cli("jobs", "issues", job).err
    names: dict[str | bytes, bytes | None] = {b"%d-\xff" % number: b"" for number in range(5)}
    cli("run", "checksum", tree(names), "-q")
    found = cli("jobs", "issues", "latest", "--json").document
    assert [issue["index"] for issue in found] == [1, 2, 3, 4, 5]
    done = cli("jobs", "issues", "latest", "--after", "1", "--limit", "2")
    assert [line.split()[0] for line in done.out.splitlines()] == ["#", "2", "3"]
    assert "2 more: --after 3" in done.err
