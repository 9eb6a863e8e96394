"""``pravah jobs compare``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.integration.cli.conftest import Cli


@pytest.fixture
def pair(cli: Cli, small: Path) -> tuple[str, str]:
    """Return two checksums; in between a file changed, one came and one moved."""
    before = cli("run", "checksum", small, "--json").document["id"]
    (small / "a.txt").write_bytes(b"HELLO!")
    (small / "new\nline").write_bytes(b"n")
    (small / "b/c.csv").rename(small / "c.csv")
    return before, cli("run", "checksum", small, "--json").document["id"]


def test_differences_in_words(cli: Cli, pair: tuple[str, str]) -> None:
    done = cli("jobs", "compare", *pair)
    assert "changed             1  5 B → 6 B" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    assert ["changed", "a.txt"] in [line[:2] for line in lines]
    assert ["moved", "c.csv", "b/c.csv"] in [line[:3] for line in lines]
    assert ["new", r"new\nline"] in [line[:2] for line in lines]
    assert "1 equal" in done.out
    assert "path_raw" not in done.out


def test_exit_code_tells_as_diff_does(cli: Cli, pair: tuple[str, str]) -> None:
    before, after = pair
    cli("jobs", "compare", before, "latest", "--exit-code", status=1)
    done = cli("jobs", "compare", after, after, "--exit-code")
    assert "No differences, compared by blake3." in done.out


def test_differences_as_data(cli: Cli, pair: tuple[str, str], tmp_path: Path) -> None:
    found = cli("jobs", "compare", *pair, "--json", "--limit", "1").document
    assert found["differs"] is True
    assert [one["kind"] for one in found["tables"][0]["kinds"]] == ["changed", "moved", "new"]
    assert [row["path"] for row in found["rows"]["rows"]] == ["a.txt"]
    assert found["rows"]["total_rows"] == 3

    lines = cli("jobs", "compare", *pair, "--format", "jsonl", "--filter", "kind:eq:moved").out.splitlines()
    assert [json.loads(line)["moved_from"] for line in lines] == ["b/c.csv"]
    cli(
        "jobs",
        "compare",
        *pair,
        "--format",
        "parquet",
        "-o",
        "changes.parquet",
        "--sort=-path",
        "--exit-code",
        status=1,
    )
    assert pq.read_table(tmp_path / "changes.parquet").column("kind").to_pylist() == ["new", "moved", "changed"]
    cli("jobs", "compare", *pair, "--format", "csv", "-o", "changes.parquet", status=5)


def test_what_cannot_be_compared_is_said(cli: Cli, pair: tuple[str, str], small: Path) -> None:
    before, _ = pair
    listed = cli("run", "inventory", small, "--json").document["id"]
    assert "no common operation" in cli("jobs", "compare", before, listed, status=2).err
    done = cli("jobs", "compare", before, listed, "--operation", "checksum", "--json", status=3)
    assert done.problem["code"] == "artifact_not_found"
    assert "Use one of: changes" in cli("jobs", "compare", *pair, "--table", "nothing", status=3).err
    assert "cannot be compared" in cli("jobs", "compare", *pair, "--operation", "verify", status=2).err
    cli("jobs", "compare", *pair, "--format", "csv", "--limit", "3", status=2)
    waiting = cli("submit", "checksum", small, "--json").document["id"]
    assert "PENDING" in cli("jobs", "compare", before, waiting, status=3).err


def test_of_several_operations_one_is_named(cli: Cli, small: Path) -> None:
    before = cli("run", "inventory,checksum", small, "--json").document["id"]
    (small / "b/c.csv").write_bytes(b"x" * 5000)
    after = cli("run", "inventory,checksum", small, "--json").document["id"]
    assert "jobs have several operations: inventory, checksum" in cli("jobs", "compare", before, after, status=2).err
    pair = ("jobs", "compare", before, after, "--operation", "inventory", "--exit-code")
    found = cli(*pair, "--table", "folders", "--sort=-change_bytes", "--json", status=1).document
    assert [(row["kind"], row["path"], row["change_bytes"]) for row in found["rows"]["rows"]] == [
        ("grown", ".", 3000),
        ("grown", "b", 3000),
    ]
    shown = cli(*pair, status=1).out
    assert "Changed folders (folders): 2; 0 equal" in shown
    assert "Changed entries (changes): 1; 3 equal" in shown
    assert "The results differ." in shown


def test_two_sources_are_said(cli: Cli, small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "copy")
    original = cli("run", "checksum", small, "--json").document["id"]
    copy = cli("run", "checksum", tmp_path / "copy", "--json").document["id"]
    done = cli("jobs", "compare", original, copy, "--exit-code")
    assert "The jobs have different sources" in done.out
    assert "No differences" in done.out
