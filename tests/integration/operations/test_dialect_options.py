"""Tables of any layout, read as their options say: every value comes back, every other line is counted."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.base import errors
from services.models.jobs import JobView
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261129


def _records(running: bootstrap.Services, job: JobView, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in converted(running, job, name).splitlines()]


def _field(made: random.Random, forbidden: str) -> str:
    alphabet = [one for one in "abcXYZ0189 äß€,;|'\"\\#/:~" if one not in forbidden]
    return "v" + "".join(made.choice(alphabet) for _ in range(made.randrange(1, 9)))


def _layout(made: random.Random) -> tuple[dict[str, Any], bytes, list[str], list[list[str]]]:
    """Return options, a file that is written by them, the names of its columns and its records."""
    delimiter = made.choice([",", ";", "|", "^", "~", "||", "~|~", "::", "¦", "X", "::::::::", " | "])
    quote = made.choice(['"', "'", "|", "$", None])
    if quote is not None and quote in delimiter:
        quote = '"'
    escape = made.choice(["\\", "%", "!", None]) if quote else made.choice(["\\", "%", None])
    comment = made.choice([None, "#", "//", "-- note:", ";;"])
    columns = made.randrange(2, 6)
    header_rows = made.randrange(4)
    skip, footer = made.randrange(5), made.randrange(4)
    end = made.choice(["\n", "\r\n"])
    blanks = made.random() < 0.2 and quote is not None and delimiter[0] != " " and delimiter[-1] != " "

    def written(value: str) -> str:
        before = " " * made.randrange(3) if blanks else ""
        if quote is None:
            if escape is None:
                return value
            special = {escape, *delimiter}
            return "".join(escape + one if one in special else one for one in value)
        if escape is None:
            return before + quote + value.replace(quote, quote * 2) + quote
        inner = value.replace(escape, escape * 2).replace(quote, escape + quote)
        return before + quote + inner + quote

    forbidden = "" if quote is not None or escape is not None else delimiter
    names = [[f"n{row}{place}" for place in range(columns)] for row in range(header_rows)]
    records = [[_field(made, forbidden) for _ in range(columns)] for _ in range(made.randrange(1, 30))]
    lines = [made.choice(['an "odd', "", "title, of a kind", "'", "1;2;3"]) for _ in range(skip)]
    lines += [delimiter.join(map(written, row)) for row in names]
    for record in records:
        if comment is not None and made.random() < 0.2:
            lines.append(comment + made.choice(['"', "", delimiter, " it's"]))
        lines.append(delimiter.join(map(written, record)))
    lines += [made.choice(["Total", '"never closed', f"a{delimiter}b", "(3 rows)"]) for _ in range(footer)]
    options = {
        "delimiter": delimiter,
        "quote": quote or "none",
        "escape": escape or "none",
        "comment": comment,
        "skip_lines": skip,
        "header_rows": header_rows,
        "footer": footer,
        "skip_initial_space": "yes" if blanks else "no",
        "null_values": [],
    }
    joined = [" ".join(row[place] for row in names) or f"column_{place + 1}" for place in range(columns)]
    return options, end.join([*lines, ""]).encode(), joined, records


@pytest.mark.parametrize("number", range(12))
def test_every_value_of_a_layout_comes_back(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, number: int
) -> None:
    print(f"seed {_SEED + number}")
    options, content, names, records = _layout(random.Random(_SEED + number))
    job = run_job("convert", tree({"a.csv": content}), options={"to": "jsonl", **options})
    found = [{key: str(value) for key, value in one.items()} for one in _records(running, job, "a.jsonl")]
    assert found == [dict(zip(names, record, strict=True)) for record in records], (options, content)


def test_lines_that_are_no_records_are_counted_and_told(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, rows: Rows
) -> None:
    files = {
        "a.csv": b"Report\n\nt,v\n(s),(m)\n// x\n1,2\n3,4\n\nTotal,6\nnotes, of 2024\n",
        "b.jsonl": b'{"t": 1}\n',
    }
    options = {"skip_lines": 2, "header_rows": 2, "footer": 2, "comment": "//"}
    root = tree(files)
    job = run_job("convert", root, options={"to": "jsonl", **options})
    assert _records(running, job, "a.jsonl") == [{"t (s)": 1, "v (m)": 2}, {"t (s)": 3, "v (m)": 4}]
    row = next(row for row in rows(job) if row["path"] == "a.csv")
    assert (row["preamble_lines"], row["comment_lines"], row["footer_lines"], row["records_read"]) == (2, 1, 2, 2)
    told = [row["message"] for row in rows(job, "issues") if row["path"] == "a.csv"]
    assert told == ["1 line before the table is no record of it: Report", *told[1:]]
    assert any("2 lines after the table are no records of it; the first is: Total,6" in message for message in told)
    # What says nothing of a format is told, too.
    other = [row["message"] for row in rows(job, "issues") if row["path"] == "b.jsonl"]
    assert other == ["the options comment, skip_lines, header_rows, footer do not apply to JSON Lines files"]

    profiled = rows(run_job("profile", root, options=options), "files")
    found = {Path(row["path"]).name: row for row in profiled}["a.csv"]
    assert (found["preamble_lines"], found["comment_lines"], found["footer_lines"], found["records"]) == (2, 1, 2, 2)
    # A reject is in the line where it stands in the file.
    broken = run_job("validate", tree({"c.csv": b"x\n1,2\n3\n"}), options={"skip_lines": 1, "header_rows": 0})
    assert [
        (row["rule"], row["line"], row["byte_offset"]) for row in rows(broken, "errors") if row["path"] == "c.csv"
    ] == [("fields", 3, 6)]


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": "123456789"},
        {"delimiter": "é€€€"},
        {"quote": "ab"},
        {"quote": "é"},
        {"delimiter": ",", "quote": ","},
        {"quote": "'", "escape": "'"},
        {"comment": '"'},
        {"delimiter": "space", "skip_initial_space": "yes"},
    ],
)
def test_a_dialect_that_means_nothing_is_refused(run_job: RunJob, tree: TreeBuilder, options: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidOptionsError):
        run_job("profile", tree({"a.csv": b"a,b\n1,2\n"}), options=options)


# Content, records, lines that are none: before the table, after it; what is told.
_AROUND: dict[str, tuple[str, list[dict[str, Any]], tuple[int, int], str]] = {
    "units": (
        "t,v\n(s),(m/s)\n1,2.5\n2,2.6\n",
        [{"t (s)": 1, "v (m/s)": 2.5}, {"t (s)": 2, "v (m/s)": 2.6}],
        (0, 0),
        "2 rows",
    ),
    "total": ("item,n\nA,10\nB,20\nTotal,30\n", [{"item": "A", "n": 10}, {"item": "B", "n": 20}], (0, 1), "Total,30"),
    "shop": (
        "shop,n\nA,10\nB,20\nTotal,15\n",
        [{"shop": "A", "n": 10}, {"shop": "B", "n": 20}, {"shop": "Total", "n": 15}],
        (0, 0),
        "may be a total",
    ),
    "notes": (
        "Report\n\nitem,n,m\nA,10,1\nB,20,2\nC,5,3\n\nSource: ministry, 2024, final\n* of May\n",
        [{"item": "A", "n": 10, "m": 1}, {"item": "B", "n": 20, "m": 2}, {"item": "C", "n": 5, "m": 3}],
        (2, 2),
        "2 lines after the table",
    ),
    "two": (
        "Sales 2024\n\nitem,n\nA,10\nB,20\n\nNote: preliminary\n",
        [{"item": "A", "n": 10}, {"item": "B", "n": 20}],
        (2, 1),
        "Note: preliminary",
    ),
    "cut": ("item,n\nA,10\nB,20\nC\n", [{"item": "A", "n": 10}, {"item": "B", "n": 20}], (0, 0), "number of fields"),
}


def test_what_is_around_a_table_is_found_and_told(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, rows: Rows
) -> None:
    root = tree({f"{name}.csv": content.encode() for name, (content, *_) in _AROUND.items()})
    job = run_job("convert", root, options={"to": "jsonl"})
    found = {Path(row["path"]).stem: row for row in rows(job)}
    told = {
        name: "; ".join(row["message"] for row in rows(job, "issues") if row["path"] == f"{name}.csv")
        for name in _AROUND
    }
    for name, (_, records, (before, after), message) in _AROUND.items():
        assert _records(running, job, f"{name}.jsonl") == records, name
        assert (found[name]["preamble_lines"], found[name]["footer_lines"]) == (before, after), name
        assert message in told[name], (name, told[name])
    summary = job.outcome["results"][0]["summary"]
    assert (summary["preamble_lines"], summary["footer_lines"], summary["records_read"]) == (4, 4, 15)
    # Nobody looks for them where it is said that there are none.
    job = run_job("convert", root, options={"to": "jsonl", "footer": 0, "header_rows": 1, "skip_lines": 0})
    assert _records(running, job, "total.jsonl")[-1] == {"item": "Total", "n": 30}
    assert _records(running, job, "units.jsonl")[0] == {"t": "(s)", "v": "(m/s)"}


def test_tables_with_lines_around_them_come_back(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, rows: Rows
) -> None:
    made = random.Random(_SEED)
    print(f"seed {_SEED}")
    files: dict[str | bytes, bytes | None] = {}
    tables: dict[str, tuple[list[dict[str, Any]], int, int]] = {}
    for number in range(60):
        count = made.randrange(3, 40)
        texts = [made.choice(["north", "south", "x-1", "Total Ltd"]) for _ in range(count)]
        numbers = [made.randrange(1, 1000) for _ in range(count)]
        places = [made.choice(["Bern", "Rome", "New York"]) for _ in range(count)]
        delimiter = made.choice([",", ";", "\t"])
        names = ["region", "amount", "place"]
        units = made.random() < 0.3
        before = made.choice([[], [], ["Report of the year", ""]])
        lines = [delimiter.join(names), *([delimiter.join(["", "(EUR)", ""])] if units else [])]
        lines += [delimiter.join([text, str(n), place]) for text, n, place in zip(texts, numbers, places, strict=True)]
        after = [delimiter.join(["Total", str(sum(numbers)), ""])] if made.random() < 0.5 else []
        after += made.choice(
            [[], [], ["", "Source: office"], ["* preliminary figures"], ["", "See the notes.", "Page 2 of 7"]]
        )
        end = made.choice(["\n", "\r\n"])
        files[f"{number}.csv"] = (end.join([*before, *lines, *after]) + made.choice(["", end])).encode()
        keys = ["region", "amount (EUR)" if units else "amount", "place"]
        records = [dict(zip(keys, row, strict=True)) for row in zip(texts, numbers, places, strict=True)]
        tables[str(number)] = (records, len(before), sum(bool(line) for line in after))
    job = run_job("convert", tree(files), options={"to": "jsonl"})
    found = {Path(row["path"]).stem: row for row in rows(job)}
    for name, (records, before_lines, after_lines) in tables.items():
        assert _records(running, job, f"{name}.jsonl") == records, files[f"{name}.csv"]
        row = found[name]
        assert (row["preamble_lines"], row["footer_lines"]) == (before_lines, after_lines), files[f"{name}.csv"]
