"""Text with columns of fixed widths, told or found: every value comes back, and no line is cut at the wrong places."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.base import errors
from services.models.jobs import JobView, Source
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261128
_WORDS = ["Ann", "Bob Lee", "Ünal, A.", 'say "x"', "漢字", "1,234", "O'Brien", "a;b", "x|y", "Ōsaka City"]


def _values(made: random.Random, records: int) -> tuple[bool, list[str]]:
    """Return whether the values of a column stand at the right, and the values."""
    kind = made.randrange(4)
    if kind == 0:
        return True, [str(made.randrange(1, 100_000)) for _ in range(records)]
    if kind == 1:
        return True, [f"{made.uniform(0, 9999):.2f}" for _ in range(records)]
    if kind == 2:
        return False, [
            f"20{made.randrange(10, 30)}-0{made.randrange(1, 10)}-1{made.randrange(10)}" for _ in range(records)
        ]
    return False, [made.choice([*_WORDS, ""]) for _ in range(records)]


def _text(made: random.Random) -> tuple[str, list[str], list[list[str]]]:
    """Return a text, the names of its columns and its records."""
    records = made.randrange(8, 60)
    columns = [_values(made, records) for _ in range(made.randrange(2, 7))]
    columns[0] = (True, [str(made.randrange(1, 100_000)) for _ in range(records)])  # no line is empty
    names = [f"c{place}" for place in range(len(columns))]
    lines = [names, *(list(row) for row in zip(*(values for _, values in columns), strict=True))]
    if made.random() < 0.3:
        lines.insert(1, ["-" * max(len(row[place]) for row in lines) for place in range(len(columns))])
        gap = " "
    else:
        gap = " " * made.randrange(2, 4)
    widths = [max(len(row[place]) for row in lines) for place in range(len(columns))]
    written = []
    for row in lines:
        cells = [
            value.rjust(width) if is_right else value.ljust(width)
            for value, width, (is_right, _) in zip(row, widths, columns, strict=True)
        ]
        line = gap.join(cells)
        written.append(line.rstrip() if made.random() < 0.5 else line)
    records_only = [row for row in lines[1:] if not row[0].startswith("-")]
    return made.choice(["\n", "\r\n"]).join([*written, ""]), names, records_only


def _read(running: bootstrap.Services, job: JobView, name: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(converted(running, job, name).decode(), newline="")))


def test_columns_of_fixed_widths_are_found_and_every_value_comes_back(
    running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder
) -> None:
    made = random.Random(_SEED)
    print(f"seed {_SEED}")
    drops = {f"t{number:03d}.txt": _text(made) for number in range(60)}
    source = tree({name: text.encode() for name, (text, _, _) in drops.items()})
    job = run_job("convert", source, options={"to": "csv", "null_values": []})
    for name, (text, names, records) in drops.items():
        assert _read(running, job, name.replace(".txt", ".csv")) == [names, *records], text[:600]


def test_widths_that_are_told_divide_what_has_no_blanks_between(
    running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder
) -> None:
    source = tree({"glued.txt": "0001Ünal      20240105  9.50\n0002Bob Lee   2023113012.25 late\n\n0003\n".encode()})
    job = run_job("convert", source, options={"to": "csv", "widths": ["id=4", "name=10", "day=8", "price=23-28"]})
    assert job.outcome is not None
    rows = _read(running, job, "glued.csv")
    assert rows == [["id", "name", "day", "price"], ["0001", "Ünal", "20240105", "9.50"], ["0003", "", "", ""]]
    summary = job.outcome["results"][0]["summary"]
    assert (summary["records_read"], summary["records_rejected"]) == (3, 1), summary


def test_a_line_that_was_not_written_so_is_told_with_its_place(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    lines = [f"{number:>6}  {'name ' + 'x' * (number % 9):<14}  {number * 1.5:>9.2f}" for number in range(9_000)]
    lines[8_000] = "  8000  a name that is far too long  12000.00"
    source = tree({"a.txt": "\n".join(["    id  name                price", *lines, ""]).encode()})
    job = run_job("validate", source, options={})
    found = rows(job, "errors")
    assert ("fields", 8_001, 8_002, None) in [
        (row["rule"], row["record"], row["line"], row["byte_offset"]) for row in found
    ]
    assert {row["record"] for row in found} == {8_001}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"widths": ["8", "a=b"]}, "widths"),
        ({"widths": ["1-8", "8-9"]}, "widths"),
        ({"widths": ["8"], "delimiter": "comma"}, "delimiter"),
    ],
)
def test_widths_that_tell_no_columns_are_refused(
    run_job: RunJob, tree: TreeBuilder, options: dict[str, Any], word: str
) -> None:
    with pytest.raises(errors.InvalidOptionsError, match=word):
        run_job("profile", tree({"a.txt": b"1 2\n"}), options=options)


def test_widths_say_nothing_of_a_workbook_or_of_json(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    job = run_job("profile", tree({"a.jsonl": b'{"a":1}\n'}), options={"widths": ["8", "9"]})
    assert any("widths" in row["message"] for row in rows(job, "issues"))


def test_a_look_shows_lines_as_they_stand(running: bootstrap.Services, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"id  name   price\n 1  Ann    10.50\n 2  Bob     7.25\n10  Zed   100.00\n")
    shown = running.jobs.preview_records(one_job(operation="profile", source=Source.of_path(tmp_path)), "a.txt").table
    assert shown is not None
    assert (shown.format, shown.delimiter, shown.lines[1]) == ("fixed-width text", None, " 1  Ann    10.50")
    assert shown.records[0].values == ["1", "Ann", "10.50"]
    assert "3 columns of fixed widths: 1-2, 5-8, 11-16" in shown.found
