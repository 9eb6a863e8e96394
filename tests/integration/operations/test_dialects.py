"""Files as they come: with nothing said about them, convert finds what a person would read in them."""

from __future__ import annotations

import csv
import datetime
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.models.jobs import JobView
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261128

# Content, names of the columns, records.
_FORMS: dict[str, tuple[bytes, str, list[list[Any]]]] = {
    "years.csv": (
        b"land,2020,2021\nPeru,1.5,22.75\nChad,3.25,4\n",
        "land|2020|2021",
        [["Peru", 1.5, 22.75], ["Chad", 3.25, 4]],
    ),
    "twice.csv": (
        b"day,sum,sum\n2024-01-01,1,2\n2024-01-02,3,4\n",
        "day|sum|sum_2",
        [["2024-01-01", 1, 2], ["2024-01-02", 3, 4]],
    ),
    "no-header.csv": (
        b"2/28/2008,1:00:00\n2/29/2008,2:30:00\n",
        "column_1|column_2",
        [["2/28/2008", "1:00:00"], ["2/29/2008", "2:30:00"]],
    ),
    "more.csv": (b"a;b\n1;2;\n3;4;\n", "a|b|column_3", [[1, 2, None], [3, 4, None]]),
    "fewer.csv": (b"a\tb\t\n1\t2\n3\t4\n", "a|b", [[1, 2], [3, 4]]),
    "sep.csv": (b"sep=;\r\nid;price\r\n1;2,50\r\n", "id|price", [[1, "2,50"]]),
    "title.csv": (b"Sales of May\n\nid,name,n\n1,a,2\n2,b,3\n", "id|name|n", [[1, "a", 2], [2, "b", 3]]),
    "wide.csv": (b"id|~|name|~|n\n1|~|a|b|~|\n2|~|~|~|5\n", "id|name|n", [[1, "a|b", None], [2, "~", 5]]),
    "colons.txt": (b"1::F::10\n2::M::16\n", "column_1|column_2|column_3", [[1, "F", 10], [2, "M", 16]]),
    "escapes.csv": (b'id,t\n1,"say \\"hi\\", now"\n2,"x"\n', "id|t", [[1, 'say "hi", now'], [2, "x"]]),
    "single.csv": (b"id,t\n1,'a, b'\n2,'it''s'\n", "id|t", [[1, "a, b"], [2, "it's"]]),
    "urls.csv": (
        b"url\nhttp://a.example/x:1,2\nhttp://b.example/\n",
        "url",
        [["http://a.example/x:1,2"], ["http://b.example/"]],
    ),
    "moments.csv": (
        b"2024-01-01 10:00:00\n2024-01-02 11:30:00\n",
        "column_1",
        [["2024-01-01 10:00:00"], ["2024-01-02 11:30:00"]],
    ),
    "names.csv": (b"full name\nAnna Miller\nBo Berg\n", "full name", [["Anna Miller"], ["Bo Berg"]]),
    "array.json": (b'[\n  {"a": 1, "b": "x"},\n  {"a": 2,\n   "b": "y}"}\n]\n', "a|b", [[1, "x"], [2, "y}"]]),
    "behind.jsonl": (b'{"a":1}{"a":2}\n{"a":3},\n', "a", [[1], [2], [3]]),
}


def _records(running: bootstrap.Services, job: JobView, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in converted(running, job, name).splitlines()]


@pytest.fixture
def forms(run_job: RunJob, tree: TreeBuilder) -> JobView:
    """Return a conversion of all forms to JSON Lines."""
    return run_job(
        "convert", tree({name: content for name, (content, _, _) in _FORMS.items()}), options={"to": "jsonl"}
    )


def test_tables_are_read_as_a_person_reads_them(forms: JobView, rows: Rows, running: bootstrap.Services) -> None:
    for name, (_, names, records) in _FORMS.items():
        found = _records(running, forms, Path(name).stem + ".jsonl")
        assert found == [dict(zip(names.split("|"), record, strict=True)) for record in records], name
    told = {row["path"]: row["message"] for row in rows(forms, "issues")}
    assert set(told) == {"more.csv", "title.csv", "twice.csv"}
    assert "Sales of May" in told["title.csv"]
    assert "2 names" in told["more.csv"]
    assert "'sum'" in told["twice.csv"]


def _value(made: random.Random, kind: int, number: int) -> str:
    if kind == 0:
        return str(made.randrange(-1000, 100_000))
    if kind == 1:
        return f"{made.uniform(-500, 500):.2f}"
    if kind == 2:
        return str(datetime.date(2020, 1, 1) + datetime.timedelta(days=made.randrange(2000)))
    if kind == 3:
        words = ["alpha", "Beta", "x-1", "Grüße", "two words", "semi;colon", "a, b", 'say "so"', "pipe|d", "tab\tbed"]
        return f"{made.choice(words)} {number}"
    return made.choice(["Anna", "Bo", "Chi", "Dag"])


def test_generated_tables_are_found_with_nothing_said(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    files: dict[str | bytes, bytes | None] = {}
    tables: dict[str, tuple[list[str], list[list[str]]]] = {}
    for number in range(300):
        # A column of texts alone does not tell a header; a first one of numbers does.
        kinds = [made.randrange(3), *(made.randrange(5) for _ in range(made.randrange(1, 6)))]
        names = [f"{made.choice(['id', 'amount', 'Name', 'when', 'note'])} {place}" for place in range(len(kinds))]
        records = [[_value(made, kind, row) for kind in kinds] for row in range(made.randrange(3, 30))]
        has_header = made.random() < 0.7
        out = io.StringIO()
        out.write(made.choice(["", "", "", "Report of the day\n\n"]) if has_header else "")
        quoting = made.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        end = made.choice(["\n", "\r\n"])
        writer = csv.writer(out, delimiter=made.choice(",;\t|"), quoting=quoting, lineterminator=end)
        writer.writerows([names, *records] if has_header else records)
        files[f"{number}.csv"] = out.getvalue().encode()
        tables[str(number)] = (names if has_header else [f"column_{at + 1}" for at in range(len(kinds))], records)
    job = run_job("convert", tree(files), options={"to": "jsonl", "null_values": []})
    wrong = []
    for name, (names, records) in tables.items():
        found = [
            {key: str(value) for key, value in record.items()} for record in _records(running, job, f"{name}.jsonl")
        ]
        wanted = [dict(zip(names, map(_shown, record), strict=True)) for record in records]
        if [{key: _shown(value) for key, value in record.items()} for record in found] != wanted:
            wrong.append((name, files[f"{name}.csv"]))
    assert wrong == [], (len(wrong), wrong[:3])


def _shown(value: str) -> str:
    try:
        return repr(float(value))
    except ValueError:
        return value


def test_a_header_is_read_to_its_end_and_odd_quotes_are_told(
    run_job: RunJob, rows: Rows, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    # A name with line ends that is longer than what is read at once.
    long = "x\n" * 900_000
    files = {
        "long.csv": f'id,"{long}"\n70645,a\n70646,b\n'.encode(),
        "open.csv": b'id,"name\n1,a\n2,b\n',
        "swallowed.csv": b'id,name,n\n1,a,5\n2,"inch,6\n3,c,7\n4,d",8\n5,e,9\n',
        "behind.csv": b'id,name\n1,"a"b\n2,c\n',
        "lines.csv": b'id,name,n\n1,"Main St\nBerlin",5\n2,b,6\n',
    }
    job = run_job("convert", tree(files), options={"to": "jsonl"})
    assert _records(running, job, "long.jsonl") == [
        {"id": 70645, long: "a"},
        {"id": 70646, long: "b"},
    ]
    told = {row["path"]: row["message"] for row in rows(job, "issues")}
    assert set(told) == {"open.csv", "swallowed.csv", "behind.csv"}
    assert "inside a quoted field" in told["open.csv"]
    assert "the first begins in line 3" in told["swallowed.csv"]

    validated = run_job("validate", tree(files), options={})
    verdicts = {row["path"]: row["verdict"] for row in rows(validated)}
    assert {name for name, verdict in verdicts.items() if verdict == "valid"} == {"long.csv", "lines.csv"}


_ODD = b'id,size\n1,5" pipe\n2,"x"y\n3,"a" b\n4,"5" pipe"\n5,"fine ""one"""\n6,plain\n'


def test_quotes_that_no_writer_makes_are_never_silent(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, rows: Rows
) -> None:
    root = tree({"odd.csv": _ODD, "fine.csv": b'id,size\n1,"a ""b"""\n2,x\n'})
    validated = run_job("validate", root)
    verdicts = {row["path"]: row["verdict"] for row in rows(validated)}
    assert verdicts == {"odd.csv": "invalid", "fine.csv": "valid"}
    errors_of = [(row["rule"], row["column"], row["line"], row["value"]) for row in rows(validated, "errors")]
    expected = [("quotes", "size", 2, '5" pipe'), ("quotes", "size", 3, '"x"y'), ("quotes", "size", 4, '"a" b')]
    assert errors_of == [*expected, ("quotes", "size", 5, '"5" pipe"')]

    profiled = {row["path"]: row for row in rows(run_job("profile", root), "files")}
    assert (profiled["odd.csv"]["odd_quotes"], profiled["fine.csv"]["odd_quotes"]) == (4, 0)

    job = run_job("convert", root, options={"to": "jsonl"})
    assert _records(running, job, "odd.jsonl")[0] == {"id": 1, "size": '5" pipe'}
    told = "; ".join(row["message"] for row in rows(job, "issues"))
    assert "1 values contain a quote but have none around them" in told
    assert "in the record in line 2" in told
    assert "3 quoted values are followed by more text" in told
    # Where quotes are said to be text, they are.
    plain = run_job("validate", root, options={"quote": "none"})
    assert {row["verdict"] for row in rows(plain)} == {"valid"}


def test_blanks_before_quotes_are_left_out_where_all_records_have_them(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, rows: Rows
) -> None:
    files = {
        "all.csv": b'id,name,n\n1, "b, c", 5\n2, "d", 6\n3, e, 7\n',
        "some.csv": b'id,name,n\n1, "b",5\n2,"d", 6\n3,e,7\n',
        "none.csv": b"id, name\n1, a\n2, b\n",
    }
    job = run_job("convert", tree(files), options={"to": "jsonl"})
    found = _records(running, job, "all.jsonl")
    assert found == [{"id": 1, "name": "b, c", "n": 5}, {"id": 2, "name": "d", "n": 6}, {"id": 3, "name": "e", "n": 7}]
    assert _records(running, job, "none.jsonl") == [{"id": 1, " name": " a"}, {"id": 2, " name": " b"}]
    assert _records(running, job, "some.jsonl")[0]["name"] == ' "b"'
    told = {row["path"]: row["message"] for row in rows(job, "issues")}
    assert "blanks before fields were left out" in told["all.csv"]
    assert "contain a quote" in told["some.csv"]
    assert "none.csv" not in told


def test_quotes_of_a_header_are_told_as_those_of_records(run_job: RunJob, tree: TreeBuilder, rows: Rows) -> None:
    root = tree({"odd.csv": b'id,"na"me\n1,a\n2,b\n', "bare.csv": b'id,5" pipe\n1,2\n2,3\n'})
    job = run_job("validate", root)
    assert {row["path"]: row["verdict"] for row in rows(job)} == {"odd.csv": "partial", "bare.csv": "valid"}
    told = {row["path"]: row["message"] for row in rows(job, "issues")}
    assert "1 quoted values are followed by more text" in told["odd.csv"]
    assert "1 values contain a quote" in told["bare.csv"]
    assert "in line 1" in told["odd.csv"]
