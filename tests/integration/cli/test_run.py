"""``pravah run`` and ``pravah submit``."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap, operations
from services.models.jobs import Source, Status
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.cli.conftest import Cli


@pytest.mark.parametrize("operation", operations.OPERATIONS, ids=lambda one: one.name)
def test_every_example_runs_and_its_figures_are_printed(
    operation: operations.Operation, cli: Cli, tree: TreeBuilder
) -> None:
    example = operation.examples[0]
    source = tree(dict(example.files))
    args = ["run", operation.name, source]
    for name, value in example.options_in(str(source)).items():
        values = value if isinstance(value, list) else [value]
        args += [f"--{name.replace('_', '-')}={one}" for one in values]
    # A verdict that is not good is an exit status of its own.
    status = int(example.expect.get("verdict") in {"invalid", "partial", "damaged", "incomplete", "unsafe"})
    summary = cli(*args, "--json", status=status).document["outcome"]["results"][0]["summary"]
    for key, expected in example.expect.items():
        assert summary[key] == expected
    printed = cli(*args, status=status).out
    for figure in operation.figures:
        if figure.optional and figure.key.partition(".")[0] not in summary:
            continue
        value = summary
        for part in figure.key.split("."):
            value = value[part]
        assert value is None or f"  {figure.title} " in printed


def test_run_prints_counts_with_units_and_where_the_result_is(cli: Cli, small: Path) -> None:
    done = cli("run", "inventory", "small")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0].startswith(f"Inventory of {small}, done in ")
    assert "Files 3" in lines
    assert "Size 2.0 KiB (2,005 bytes)" in lines
    assert any(line.startswith("Result: pravah jobs results ") for line in lines)
    assert done.err == ""


def test_run_lists_the_broken_rules_with_their_first_places(cli: Cli, tree: TreeBuilder) -> None:
    days = b"starts,ends,n\n2024-01-05,2024-01-04,1\n2024-01-06,2024-01-07,x\n"
    source = tree({"a.csv": days, "b.csv": days, "c.csv": days, "d.csv": days})
    rules = ["--rules", "order: ends >= starts", "--rules", "many: count() > 100"]
    done = cli("run", "validate", source, *rules, status=1)
    job = re.search(r"pravah jobs results (\w+)", done.out)
    assert job is not None
    first = "a.csv, record 1; b.csv, record 1; c.csv, record 1; …"
    for out in (done.out, cli("jobs", "show", job[1]).out):
        lines = [" ".join(line.split()) for line in out.splitlines()]
        broken = lines.index("Broken rules")
        assert lines[broken + 1 : broken + 3] == ["RULE COLUMN ERRORS FILES FIRST", f"order ends, starts 4 4 {first}"]
        whole = lines.index("Broken rules about all records")
        assert lines[whole + 2].startswith("many starts, ends, n 8 count() = 8"), lines[whole:]


def test_run_is_a_job_that_everybody_sees(cli: Cli, small: Path, services: bootstrap.Services) -> None:
    document = cli("run", "checksum", small, "--algorithm", "md5,sha1", "--name", "nightly", "--json").document
    job = services.jobs.list().items[0]
    assert str(job.id) == document["id"]
    assert (job.status, job.name, job.operations[0].options["algorithms"]) == (
        Status.COMPLETED,
        "nightly",
        ["md5", "sha1"],
    )
    assert "checksum/manifest.md5" in [file["name"] for file in document["artifacts"]]


def test_run_takes_no_other_job_from_the_queue(cli: Cli, small: Path, services: bootstrap.Services) -> None:
    request = one_job(operation="inventory", source=Source.of_path(small))
    waiting, _ = services.jobs.submit(request)
    cli("run", "inventory", small, "-q")
    assert services.jobs.get(waiting.id).status == Status.PENDING
    assert services.jobs.get(waiting.id).attempt == 1


def test_run_leaves_the_job_to_a_worker_that_is_quicker(
    cli: Cli, small: Path, running: bootstrap.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This command's own worker is kept from starting: only the other one can take the job.
    monkeypatch.setattr(bootstrap.Services, "start_worker", lambda self, only=None: None)
    assert cli("run", "inventory", small, "--json").document["status"] == "COMPLETED"


def test_walk_rules_and_advanced_options_reach_the_engine(cli: Cli, small: Path) -> None:
    args = ("--ignore-globs", "*.csv,nothing", "--no-include-hidden", "--min-size-bytes", "1", "--largest-count", "1")
    document = cli("run", "inventory", small, *args, "--json").document
    assert document["walk"]["ignore_globs"] == ["*.csv", "nothing"]
    assert document["walk"]["include_hidden"] is False
    assert document["outcome"]["results"][0]["summary"]["files"] == 1
    tables = {table["name"]: table["rows"] for table in document["outcome"]["results"][0]["tables"]}
    assert tables["largest_files"] == 1


def test_output_downloads_every_artifact(cli: Cli, small: Path, tmp_path: Path) -> None:
    document = cli("run", "checksum", small, "--output", "proof", "--json").document
    saved = {path.relative_to(tmp_path / "proof").as_posix(): path for path in (tmp_path / "proof").rglob("*.*")}
    assert {file["name"]: file["size_bytes"] for file in document["artifacts"]} == {
        name: path.stat().st_size for name, path in saved.items()
    }


def test_output_is_refused_before_the_job_when_an_earlier_result_is_there(
    cli: Cli, small: Path, services: bootstrap.Services
) -> None:
    cli("run", "inventory", small, "-o", "out")
    done = cli("run", "inventory", small, "-o", "out", "--json", status=5)
    assert done.problem["code"] == "output_failed"
    assert "--force" in done.problem["remedy"]
    assert len(services.jobs.list().items) == 1
    cli("run", "inventory", small, "-o", "out", "--force")


@pytest.mark.parametrize("place", ["-", "a-file", "/proc/nowhere"])
def test_output_that_cannot_be_a_folder_is_refused_before_the_job(
    place: str, cli: Cli, small: Path, tmp_path: Path, services: bootstrap.Services
) -> None:
    (tmp_path / "a-file").touch()
    cli("run", "inventory", small, "-o", place, status=2 if place == "-" else 5)
    assert services.jobs.list().items == []


def test_what_is_invalid_fails_and_what_is_partial_with_strict_only(cli: Cli, tree: TreeBuilder) -> None:
    source = str(tree({"a.csv": b"n\n1\nx\n"}))
    cli("run", "validate", source, "--schema-text", '{"fields": [{"name": "n", "type": "integer"}]}', status=1)
    cli("run", "validate", source, "--schema-text", '{"fields": [{"name": "n", "type": "any"}]}')
    limited = ("run", "search", source, "--patterns", "[1x]", "--max-matches", "1")
    assert re.search(r"Stopped at a limit +yes", cli(*limited).out)
    cli(*limited, "--strict", status=1)


def test_a_check_that_could_not_be_made_fails(cli: Cli, tree: TreeBuilder) -> None:
    source = str(tree({"a.csv": b"n\n1\n"}))
    key = '{"fields": "n", "reference": {"resource": "gone", "fields": "m"}}'
    schema = f'{{"fields": [{{"name": "n"}}], "foreignKeys": [{key}]}}'
    done = cli("run", "validate", source, "--schema-text", schema, status=1)
    assert "no file with this name was read" in done.out
    assert "partial" in done.out


def test_issues_are_told_and_fail_with_strict_only(cli: Cli, tree: TreeBuilder) -> None:
    source = tree({b"not-utf8-\xff": b"x", "good": b"y"})  # b3sum's format cannot hold the name: an issue
    done = cli("run", "checksum", source)
    assert "1 issue\n  unsupported: not-utf8-\\xff: " in done.out
    cli("run", "checksum", source, "--strict", status=1)
    cli("run", "checksum", source, "--strict", "--no-write-manifests")


def test_what_could_not_be_read_to_its_end_fails_by_itself(cli: Cli, tree: TreeBuilder) -> None:
    source = tree({"cut.log.gz": gzip.compress(b"text" * 1000)[:-9], "good.log": b"text", "b.txt": b"text"})
    command = ("run", "search", source, "--patterns", "text", "--search-compressed", "--ignore-globs", "*.txt")
    done = cli(*command, status=1)
    assert "Incomplete: 1 issue is of something that could not be read, or not to its end\n" in done.out
    assert "1 entry was left out by the filters\n" in done.out
    document = cli(*command, "--json", status=1).document
    assert (document["verdict"], document["outcome"]["verdict"]) == ("incomplete", "incomplete")
    assert document["outcome"]["counts"]["incomplete"] == 1
    cli("run", "search", source, "--patterns", "text", "--extensions", "log")
    assert len(cli("jobs", "list", "--verdict", "incomplete", "--json").document["items"]) == 2
    assert "Incomplete: 1 issue" in cli("jobs", "show", document["id"]).out


def test_quiet_prints_nothing(cli: Cli, small: Path) -> None:
    done = cli("run", "inventory", small, "--quiet")
    assert (done.raw, done.err) == (b"", "")


def test_a_refused_path_says_what_to_set(cli: Cli) -> None:
    done = cli("run", "inventory", "/etc", status=3)
    assert "/etc is outside the allowed roots" in done.err
    assert "PRAVAH_ALLOWED_ROOTS" in done.err


def test_an_empty_directory_argument_is_not_the_current_directory(cli: Cli) -> None:
    assert "empty" in cli("run", "inventory", "", status=2).err


def test_the_same_idempotency_key_gives_the_same_job(cli: Cli, small: Path) -> None:
    first = cli("run", "inventory", small, "--idempotency-key", "k", "--json").document
    assert cli("run", "inventory", small, "--idempotency-key", "k", "--json").document["id"] == first["id"]
    other = cli("run", "checksum", small, "--idempotency-key", "k", "--json", status=3)
    assert other.problem["code"] == "job_conflict"


def test_names_of_any_bytes_are_sources(cli: Cli, tree: TreeBuilder) -> None:
    source = tree({"f": b"1"}, name="new\nline \udcff")
    document = cli("run", "inventory", source, "--json").document
    assert document["outcome"]["results"][0]["summary"]["files"] == 1
    shown = cli("run", "inventory", source).out.splitlines()[0]
    assert "new\\x0aline " in shown


def test_an_s3_prefix_is_a_source(cli: Cli, s3_server: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    boto3.client("s3", endpoint_url=s3_server).put_object(Bucket=s3_bucket, Key="in/a.txt", Body=b"hello")
    monkeypatch.setenv("PRAVAH_S3_ENDPOINT_URL", s3_server)
    document = cli("run", "checksum", f"s3://{s3_bucket}/in", "--algorithm", "md5", "--json").document
    assert document["outcome"]["results"][0]["summary"]["files"] == 1
    assert document["source"]["s3_uri"] == f"s3://{s3_bucket}/in"


def test_a_preview_shows_the_first_records_and_starts_nothing(
    cli: Cli, tree: TreeBuilder, services: bootstrap.Services
) -> None:
    source = tree({"a/t.csv": b"sep=;\nid;name\n1;\x1b[2J\n2;two\n3\n", "b.bin": b"\0" * 2048})
    done = cli("run", "profile", source, "--preview")
    assert "To be read, files: 2, directories: 2, size: 2.0 KiB. Nothing was started." in done.out
    assert "a/t.csv" in done.out and "the first line says so" in done.out and "\x1b" not in done.out
    assert done.out.splitlines()[-3:] == ["1   \\x1b[2J", "2   two", "3"]
    found = cli("run", "convert", source, "--delimiter", "comma", "--preview", "--json").document
    assert found["preview"]["files"] == 2
    assert found["records"]["table"]["names"] == ["id;name"]
    assert cli("run", "checksum", source, "--preview", "--json").document["records"] is None
    assert cli("run", "checksum", source / "away", "--preview", status=3).out == ""
    assert services.jobs.list().items == []


def test_submit_prints_the_id_and_runs_nothing(cli: Cli, small: Path, services: bootstrap.Services) -> None:
    job_id = cli("submit", "inventory", small).out.strip()
    job = services.jobs.list().items[0]
    assert str(job.id) == job_id
    assert (job.status, job.queue_position) == (Status.PENDING, 1)
    assert cli("submit", "checksum", small, "--json").document["queue_position"] == 2


def test_the_schema_of_a_profile_is_printed_and_used(cli: Cli, tree: TreeBuilder, tmp_path: Path) -> None:
    good = b"id,day\n1,2024-02-29\n2,2024-03-01\n"
    source = tree({"a.csv": good, "b.csv": good, "c.csv": good, "wrong.csv": b"id,day\n3,29.02.2024\n"})
    cli("run", "profile", source, "--quiet")
    schema = cli("jobs", "schema", "latest", "--json").document
    assert [(one["name"], one["type"]) for one in schema["fields"]] == [("id", "integer"), ("day", "date")]
    shown = cli("jobs", "schema", "latest").out
    assert re.search(r"^day +date +yes$", shown, re.MULTILINE)
    assert 'day: 1 of 4 files has other values: wrong.csv, such as "29.02.2024" in record 1.' in shown
    odd = 'day: text, in most files date; the first is "29.02.2024"'
    assert cli("jobs", "problems", "latest", "--json").document == {
        "items": [{"path": "wrong.csv", "record": 1, "problem": odd}],
        "total": 1,
    }
    assert re.search(rf"^wrong.csv +1 +{re.escape(odd)}$", cli("jobs", "problems", "latest").out, re.MULTILINE)
    done = cli("run", "validate", source, "--schema-file", "job:latest", "--json", status=1)
    assert done.document["outcome"]["results"][0]["summary"]["invalid_files"] == 1
    # What is printed is a file for the same option.
    (tmp_path / "schema.json").write_bytes(cli("jobs", "schema", schema_job(done.document), "--json").raw)
    again = cli("run", "validate", source, "--schema-file", tmp_path / "schema.json", "--json", status=1)
    assert again.document["outcome"]["results"][0]["summary"]["invalid_files"] == 1
    assert "no result of profile" in cli("jobs", "schema", "latest", status=3).err


def schema_job(job: dict[str, Any]) -> str:
    """Return the job whose schema a validation used."""
    return str(job["operations"][0]["options"]["schema_file"]).removeprefix("job:")
