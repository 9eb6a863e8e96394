"""Every row of the error table ends a command with its status, and says what to do."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.base import errors
from services.use_cases.jobs import JobService
from tests.conftest import TreeBuilder, free_port
from tests.integration.cli.conftest import Cli, Done

RUN = ("run", "inventory", "small")
# What is set up first, and what then fails.
BY_ARGUMENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "server_unavailable": ((), ("jobs", "list")),
    "queue_full": (("submit", "inventory", "small"), RUN),
    "invalid_options": ((), (*RUN, "--largest-count", "0")),
    "source_not_found": ((), ("run", "inventory", "nothing")),
    "source_forbidden": ((), ("run", "inventory", "/etc")),
    "job_not_found": ((), ("jobs", "show", str(uuid.uuid4()))),
    "schedule_not_found": ((), ("schedules", "remove", "nothing")),
    "artifact_not_found": (RUN, ("jobs", "download", "latest", "nothing")),
    "job_conflict": (("submit", *RUN[1:]), ("jobs", "rerun", "latest")),
}


def _by_settings(tmp_path: Path) -> dict[str, dict[str, str]]:
    (tmp_path / "blocker").touch()
    closed = f"127.0.0.1:{free_port()}"
    aws = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"), "any")
    s3 = {
        "PRAVAH_STORAGE": "s3://bucket/results",
        "PRAVAH_S3_ENDPOINT_URL": f"http://{closed}",
        "AWS_MAX_ATTEMPTS": "1",
    }
    return {
        "limit_exceeded": {"PRAVAH_MIN_FREE_DISK_BYTES": str(2**60)},
        "queue_full": {"PRAVAH_QUEUED_JOBS_LIMIT": "1"},
        "output_failed": {"PRAVAH_DATA_DIR": str(tmp_path / "blocker" / "data")},
        "storage_unavailable": aws | s3 | {"PRAVAH_LEASE_SECONDS": "2", "PRAVAH_HEARTBEAT_SECONDS": "0.5"},
        "database_unavailable": {"PRAVAH_DATABASE_URL": f"postgresql://any:secret@{closed}/none"},
        "server_unavailable": {"PRAVAH_URL": f"http://{closed}", "PRAVAH_TOKEN": "any"},
    }


def _bug(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a bug")


# What another process, or a bug, does at the moment of the submit.
BY_OTHERS: dict[str, tuple[type, str, Any]] = {
    "cancelled": (bootstrap.Services, "start_worker", lambda services, only: services.jobs.cancel(only)),
    "internal": (JobService, "submit", _bug),
}


def _fail(case: str, cli: Cli, status: int, patch: pytest.MonkeyPatch, tmp_path: Path) -> Done:
    """Do what ends with an error of the table."""
    before, args = BY_ARGUMENTS.get(case, ((), RUN))
    if before:
        cli(*before)
    for name, value in _by_settings(tmp_path).get(case, {}).items():
        patch.setenv(name, value)
    if case in BY_OTHERS:
        patch.setattr(*BY_OTHERS[case])
    return cli(*args, "--json", status=status)


@pytest.mark.parametrize("case", [row.code for row in errors.ERRORS])
def test_each_error_has_its_status_and_its_problem_document(
    case: str, cli: Cli, small: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = next(row for row in errors.ERRORS if row.code == case)
    done = _fail(case, cli, row.exit_status, monkeypatch, tmp_path)
    assert done.problem["code"] == case
    assert done.problem["status"] == row.http_status
    assert done.problem["title"] == row.title
    assert done.problem["detail"]
    assert done.problem["remedy"]
    assert "secret" not in done.err


def test_without_json_an_error_is_a_sentence_and_a_remedy(cli: Cli) -> None:
    done = cli("jobs", "show", "0123456789", status=3)
    assert done.raw == b""
    assert done.err.splitlines() == [
        "pravah: job 0123456789 does not exist",
        "  The job may have been deleted. `pravah jobs list` shows all jobs.",
    ]


def test_a_wrong_setting_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRAVAH_PORT", "many")
    assert "PRAVAH_PORT" in cli("jobs", "list", status=2).err


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["nope"], "No such command 'nope'"),
        (["run", "inventroy", "."], "Did you mean 'inventory'?"),
        (["run", "inventory", ".", "--forse"], "--force"),
        (["run", "inventory", ".", "--max-depth", "0"], "greater than or equal to 1"),
        (["run", "inventory", ".", "--min-size-bytes", "many"], "is not a valid size; use e.g. 4096"),
        (
            ["run", "inventory", ".", "--min-size-bytes", "2", "--max-size-bytes", "1"],
            "must not be larger than max_size_bytes",
        ),
        (["run", "inventory", ".", "--modified-since", "soon"], "valid datetime"),
        (["run", "checksum", ".", "--algorithm", "crc16"], "'crc16' is not one of"),
        (["run", "checksum", ".", "--algorithm", "md5,md5"], "an algorithm is listed twice"),
        (["run", "inventory", "s3://No_Bucket"], "use s3://bucket/prefix"),
        (["jobs", "list", "--status", "sleeping"], "use one of: pending, running"),
        (["jobs", "show", "xyz"], "is not a valid job ID"),
        (["jobs", "show", "abc"], "is not a valid job ID"),
        (["operations", "defragment"], "use one of: inventory"),
        (["serve", "everything"], "'everything' is not one of"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_right(args: list[str], expected: str, cli: Cli) -> None:
    done = cli(*args, status=2)
    assert expected in done.err
    assert "Value error" not in done.err
    assert "Traceback" not in done.err
    assert cli(*args, "--json", status=2).problem["code"] == "invalid_options"


def test_after_two_dashes_json_is_no_option(cli: Cli) -> None:
    assert cli("jobs", "show", "--", "--json", status=2).err.startswith("pravah: '--json' is not a valid job ID")


def test_a_converted_file_with_another_value_ends_with_1(
    cli: Cli, tree: TreeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"a.csv": b"id,x\n1,2\n3,4\n"})
    args = ("run", "convert", root, "--to", "csv", "--prove-values")
    assert "fingerprints equal" in cli(*args).out
    monkeypatch.setenv("PRAVAH_FAULT", "spoil")
    assert "1 file with other values than the source" in cli(*args, status=1).out
    summary = cli(*args, "--json", status=1).document["outcome"]["results"][0]["summary"]
    assert (summary["verdict"], summary["changed_files"], summary["proven_values"]) == ("failed", 1, 0)
