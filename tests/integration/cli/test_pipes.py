"""stdout and stderr as other programs and terminals see them."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services import bootstrap
from tests.conftest import TreeBuilder
from tests.integration.cli.conftest import Cli, Inventoried
from tests.processes import Pravah

CONTROL = "\x1b"
BROKEN_PIPE = 141


@pytest.fixture
def many(tree: TreeBuilder) -> Path:
    """Return a directory whose listing does not fit into a pipe's buffer."""
    return tree({f"a-rather-long-name-of-a-file-{number:05d}": b"" for number in range(4000)})


def test_a_reader_that_leaves_early_is_no_error(pravah: Pravah, many: Path, inventoried: Inventoried) -> None:
    inventoried(many)
    for form in ("csv", "jsonl"):
        process = pravah.start("jobs", "results", "latest", f"--format={form}", env={"PYTHONUNBUFFERED": ""})
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == BROKEN_PIPE


def test_nobody_reads_at_all(pravah: Pravah, small: Path) -> None:
    for args in (("--help",), ("operations",), ("run", "inventory", str(small))):
        reading, writing = os.pipe()
        os.close(reading)
        process = pravah.start(*args, stdout=writing)
        os.close(writing)
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == BROKEN_PIPE


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_all_rows_stream_through_a_pipe(unbuffered: str, pravah: Pravah, many: Path, inventoried: Inventoried) -> None:
    inventoried(many)
    env = {"PYTHONUNBUFFERED": unbuffered}
    done = pravah.run("jobs", "results", "latest", "--format", "csv", "--columns", "path", env=env)
    rows = list(csv.reader(io.StringIO(done.stdout.decode())))
    assert {row[0] for row in rows[1:]} == {path.name for path in many.iterdir()}


def test_names_of_any_bytes_are_listed_one_a_line(pravah: Pravah, cli: Cli, tree: TreeBuilder) -> None:
    tree({"new\nline": b"", b"latin-\xff": b"", "esc\x1b[31m": b"", "=1+2": b""})
    done = pravah.run("run", "inventory", b"source", "-q")
    assert done.returncode == 0, done.stderr
    table = pravah.run("jobs", "results", "latest", "--sort", "path", "--columns", "path").stdout.decode()
    assert table.splitlines() == ["path", "=1+2", "esc\\x1b[31m", "latin-\\xff", "new\\nline"]
    rows = cli("jobs", "results", "latest", "--sort", "path", "--json").document["rows"]
    assert [row["path"] for row in rows] == table.splitlines()[1:]
    asked = ("jobs", "results", "latest", "--format", "csv", "--columns", "path")
    assert "=1+2" in cli(*asked).out.splitlines()
    assert "'=1+2" in cli(*asked, "--spreadsheet").out.splitlines()  # a spreadsheet would run it
    assert "--spreadsheet is for csv" in cli(*asked[:-3], "jsonl", "--spreadsheet", status=2).err


def test_a_source_that_is_not_utf8_is_read(pravah: Pravah, tmp_path: Path) -> None:
    source = os.path.join(os.fsencode(tmp_path), b"dir-\xff")
    os.mkdir(source)
    with open(os.path.join(source, b"file"), "wb") as file:
        file.write(b"x")
    document = json.loads(pravah.run("run", "inventory", source, "--json").stdout)
    assert document["outcome"]["results"][0]["summary"]["files"] == 1
    assert bytes.fromhex(document["source"]["path_bytes"]) == source
    assert b"dir-\\xff, done in" in pravah.run("run", "inventory", source).stdout


@pytest.mark.parametrize("utf8_mode", ["0", "1"])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_any_locale_reads_any_name_and_gets_json_in_utf8(
    locale: str, utf8_mode: str, pravah: Pravah, tree: TreeBuilder
) -> None:
    source = str(tree({"\u6f22": b""}, name="\u6f22\u5b57")).encode()
    env = {"LC_ALL": locale, "LANG": locale, "PYTHONUTF8": utf8_mode}
    assert pravah.json("submit", "inventory", source, env=env)["source"]["path"].endswith("\u6f22\u5b57")
    done = pravah.run("jobs", "show", "latest", env=env)
    shown = done.stdout.decode("ascii" if (locale, utf8_mode) == ("C", "0") else "utf-8")
    assert ("\\u6f22\\u5b57" if (locale, utf8_mode) == ("C", "0") else "\u6f22\u5b57") in shown


def test_no_colour_and_no_motion_where_no_terminal_is(pravah: Pravah, small: Path) -> None:
    for args in (("run", "inventory", str(small)), ("jobs", "list"), ("jobs", "show", "latest"), ("doctor",), ("run",)):
        done = pravah.run(*args)
        assert CONTROL not in (done.stdout + done.stderr).decode()


def test_a_terminal_sees_progress_and_colours(pravah: Pravah, small: Path) -> None:
    status, shown = pravah.on_terminal("run", "checksum", str(small), env={"TERM": "xterm-256color"})
    assert status == 0
    assert "Opening the database" in shown
    assert "\x1b[1mChecksum of" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is there again


@pytest.mark.parametrize("env", [{"NO_COLOR": "1", "TERM": "xterm-256color"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_no_colour_gets_none(env: dict[str, str], pravah: Pravah) -> None:
    status, shown = pravah.on_terminal("jobs", "show", "nothing-such", env=env)
    assert status == 2
    assert "\x1b[31m" not in shown
    assert "\x1b[1;31m" not in shown


def test_a_table_fits_a_narrow_terminal(pravah: Pravah, many: Path, inventoried: Inventoried) -> None:
    inventoried(many)
    for width in ("60", "100"):
        env = {"COLUMNS": width, "TERM": "xterm", "NO_COLOR": "1"}
        _, shown = pravah.on_terminal("jobs", "results", "latest", env=env)
        rows = [line for line in shown.replace("\r", "").splitlines() if "a-rather-long" in line]
        assert len(rows) == 20
        assert max(len(line) for line in rows) <= int(width)
        assert "more columns: --columns" in shown


def test_parquet_is_not_thrown_at_a_terminal(pravah: Pravah, small: Path, inventoried: Inventoried) -> None:
    inventoried(small)
    status, shown = pravah.on_terminal("jobs", "results", "latest", "--format", "parquet")
    assert status == 2
    assert "a terminal cannot show" in shown


def test_delete_asks_a_person(
    pravah: Pravah, small: Path, inventoried: Inventoried, services: bootstrap.Services
) -> None:
    job = inventoried(small).id
    script = f"printf 'n\\n' | script -qec '{sys.executable} -m services.cli.main jobs delete {job}' /dev/null"
    environment = {**os.environ, **pravah.environment, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, timeout=60, check=False)
    assert b"Delete this job and its result?" in done.stdout
    assert services.jobs.get(job).id == job


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_stdout_is_told(unbuffered: str, pravah: Pravah) -> None:
    with open("/dev/full", "wb") as full:
        process = pravah.start("operations", "--json", stdout=full, env={"PYTHONUNBUFFERED": unbuffered})
        assert process.wait(timeout=60) == 5
    assert process.stderr is not None
    assert json.loads(process.stderr.read())["detail"] == "cannot write to stdout: No space left on device"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_stream_is_no_error(closed: str, pravah: Pravah) -> None:
    script = f"{sys.executable} -m services.cli.main jobs list {closed}"
    environment = {**os.environ, **pravah.environment, "PYTHONPATH": str(Path(__file__).parents[3])}
    assert subprocess.run(["bash", "-c", script], env=environment, timeout=60, check=False).returncode == 0
