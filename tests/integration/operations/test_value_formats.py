"""Values as people write them: profile finds their format, convert and validate read them by it."""

from __future__ import annotations

import csv
import datetime
import io
import json
import random
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services import bootstrap
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261128
_ROWS = 400
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DATES = ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y.%m.%d", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%Y%m%d"]
_CLOCKS = ["%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S.%f", "%H:%M:%S,%f"]
_WORDS = [("yes", "no"), ("Y", "N"), ("ja", "nein"), ("Oui", "Non"), ("ON", "OFF"), ("tRUE", "fALSE")]
_AFFIXES = [("", ""), ("$", ""), ("€ ", ""), ("", " €"), ("", " EUR"), ("CHF ", ""), ("", "%"), ("", " %"), ("", " kr")]


def _number(made: random.Random, value: Decimal, group: str, decimal: str, affix: tuple[str, str], sign: str) -> str:
    whole, _, behind = str(abs(value)).partition(".")
    if group and len(whole) > 3 and made.random() < 0.9:
        whole = f"{int(whole):,}".replace(",", group)
    core = affix[0] + whole + (decimal + behind if behind else "") + affix[1]
    if value >= 0:
        return core
    return {"(": f"({core})", "-": f"{core}-", "": f"-{core}"}[sign]


def _columns(made: random.Random) -> dict[str, tuple[list[str], list[Any], str]]:
    """Return some columns: what is written, what it stands for, and the format that shows it."""
    columns: dict[str, tuple[list[str], list[Any], str]] = {}
    for number in range(6):
        pattern = made.choice(_DATES)
        kind, joint = made.choice([("date", ""), ("timestamp", " "), ("timestamp", " ")])
        # After a date in digits only a time in digits may follow.
        clock = "" if kind == "date" else made.choice(_CLOCKS)
        pattern = pattern + joint + clock if pattern != "%Y%m%d" or kind == "date" else "%Y%m%d%H%M%S"
        seconds = [made.randrange(-600_000_000, 3_400_000_000) for _ in range(_ROWS)]
        parts = [made.randrange(1_000_000) if "%f" in pattern else 0 for _ in range(_ROWS)]
        moments = [_EPOCH + datetime.timedelta(seconds=s, microseconds=p) for s, p in zip(seconds, parts, strict=True)]
        texts = [moment.strftime(pattern) for moment in moments]
        texts = [text.lstrip("0") if made.random() < 0.5 else text for text in texts]
        if "%M" in pattern and "%S" not in pattern:
            moments = [moment.replace(second=0) for moment in moments]
        values = [one.date() if kind == "date" else one.replace(tzinfo=None) for one in moments]
        columns[f"moment {number}"] = (texts, values, f"{kind}:{pattern}")
    for number in range(8):
        group, decimal = made.choice([(",", "."), (".", ","), (" ", ","), ("\u202f", ","), ("'", "."), ("", ",")])
        affix, sign = made.choice(_AFFIXES), made.choice(["", "(", "-"])
        numbers = [Decimal(made.randrange(-(10**9), 10**9)) / 100 for _ in range(_ROWS)]
        texts = [_number(made, value, group, decimal, affix, sign) for value in numbers]
        group = " " if group == "\u202f" else group
        core = f"{affix[0]}1{group}234{decimal}56{affix[1]}"
        example = {"(": f"({core})", "-": f"{core}-", "": core}[sign]
        columns[f"number {number}"] = (texts, [float(value) for value in numbers], f"number:{example}")
    for number in range(3):
        yes, no = made.choice(_WORDS)
        values = [made.random() < 0.5 for _ in range(_ROWS)]
        texts = [(yes if value else no) for value in values]
        texts = [made.choice([text, text.lower(), text.upper(), text.swapcase()]) for text in texts]
        columns[f"words = {number}"] = (texts, values, f"boolean:{yes.lower()}/{no.lower()}")
    return columns


def _csv(columns: dict[str, tuple[list[str], list[Any], str]]) -> bytes:
    out = io.StringIO()
    rows = zip(*(texts for texts, _, _ in columns.values()), strict=True)
    csv.writer(out).writerows([list(columns), *rows])
    return out.getvalue().encode()


@pytest.mark.parametrize("to", ["parquet", "csv", "jsonl"])
def test_every_value_of_random_formats_is_found_and_read_back(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, to: str
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(f"{_SEED} {to}")
    columns = _columns(made)
    root = tree({"a.csv": _csv(columns)})
    options = {"delimiter": "comma", "header_rows": 1}
    ready = run_job("profile", root, options=options).result("profile")["summary"]["formats"]
    assert sorted(ready) == sorted(f"{name}={written}" for name, (_, _, written) in columns.items())
    job = run_job("convert", root, options={**options, "formats": ready, "to": to, "prove_values": True})
    summary = job.result("convert")["summary"]
    values = _ROWS * len(columns)
    assert summary["value_proof"] == f"{_ROWS} records, {values:,} values, fingerprints equal"
    assert (summary["verdict"], summary["records_written"]) == ("whole", _ROWS)
    content = converted(running, job, f"a.{to}" if to != "parquet" else "a.parquet")
    for name, found in _found(content, to).items():
        assert [_shown(one) for one in found] == [_plain(value, to) for value in columns[name][1]], columns[name][2]
    job = run_job("validate", root, options={**options, "formats": ready})
    assert job.result("validate")["summary"]["verdict"] == "valid"


def _found(content: bytes, to: str) -> dict[str, list[Any]]:
    if to == "parquet":
        table = pq.read_table(io.BytesIO(content))
        kinds = {field.name.split()[0]: field.type for field in table.schema}
        assert kinds["number"] == pa.float64() and kinds["words"] == pa.bool_()
        return {name: table.column(name).to_pylist() for name in table.column_names}
    if to == "jsonl":
        rows = [json.loads(line) for line in content.splitlines()]
        return {name: [row[name] for row in rows] for name in rows[0]}
    records = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    as_number = {name: name.startswith("number") for name in records[0]}
    return {name: [float(one[name]) if as_number[name] else one[name] for one in records] for name in records[0]}


def _shown(text: Any) -> Any:
    """Return a text of a moment in the shortest form."""
    return text.removesuffix(".000000") if isinstance(text, str) else text


def _plain(value: Any, to: str) -> Any:
    if to == "parquet" or isinstance(value, float):
        return value
    if isinstance(value, bool):
        return value if to == "jsonl" else str(value).lower()
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    return value.isoformat()


def test_codes_have_no_format_and_exceptions_have_their_place(run_job: RunJob, tree: TreeBuilder, rows: Rows) -> None:
    made = random.Random(_SEED)
    codes = {
        "telephone": lambda: f"0{made.randrange(100, 999)} {made.randrange(10**6, 10**7)}",
        "mobile": lambda: f"{made.randrange(600, 700)} {made.randrange(100, 999)} {made.randrange(100, 999)}",
        "version": lambda: f"{made.randrange(1, 4)}.{made.randrange(20)}.{made.randrange(100)}",
        "postcode": lambda: f"{made.randrange(100000):05}",
        "id": lambda: str(made.randrange(10_000_000, 99_999_999)),
        "address": lambda: ".".join(str(made.randrange(256)) for _ in range(4)),
        "security": lambda: f"{made.randrange(100, 999)}-{made.randrange(10, 99)}-{made.randrange(1000, 9999)}",
        "duration": lambda: f"{made.randrange(1, 60)}:{made.randrange(60):02}",
        "country": lambda: made.choice(["NO", "SE", "DK"]),
        "card": lambda: " ".join(f"{made.randrange(10_000):04}" for _ in range(4)),
    }
    body = [[make() for make in codes.values()] for _ in range(_ROWS)]
    out = io.StringIO()
    csv.writer(out).writerows([list(codes), *body])
    days = [f"{day:02}.{month:02}.2024" for month in range(1, 13) for day in range(1, 25)]
    days[100], days[200] = "soon", "2024-02-30"
    root = tree(
        {"codes.csv": out.getvalue().encode(), "days.csv": "\n".join(["day,no", *(f"{d},1" for d in days)]).encode()}
    )
    job = run_job("profile", root, options={"header_rows": 1, "delimiter": "comma"})
    assert job.result("profile")["summary"]["formats"] == ["day=date:%d.%m.%Y"]
    [found] = rows(job, "formats")
    assert (found["verdict"], found["values"], found["conforming"], found["exceptions"]) == ("proven", 288, 286, 2)
    assert (found["example"], found["first_exception"]) == ("01.01.2024", "soon")
    assert (found["path"], found["record"]) == ("days.csv", 101)
    options: dict[str, Any] = {"header_rows": 1, "delimiter": "comma", "formats": ["day=date:%d.%m.%Y"]}
    job = run_job("convert", root, options=options)
    summary = job.result("convert")["summary"]
    assert (summary["verdict"], summary["records_rejected"]) == ("partial", 2)
    assert {(one["value"], one["reason"]) for one in rows(job, "rejects")} == {
        ("soon", "not in the format date:%d.%m.%Y"),
        ("2024-02-30", "not in the format date:%d.%m.%Y"),
    }
    [column] = [one for one in rows(job, "columns") if one["column"] == "day"]
    assert (column["type"], column["type_is"]) == ("date", "asked for")
    assert column["note"] == "read as date:%d.%m.%Y; values that are not in the format: 2"
    job = run_job("convert", root, options={**options, "bad_records": "null"})
    assert job.result("convert")["summary"]["values_nulled"] == 2
    job = run_job("validate", root, options={**options, "extra_columns": "allow"})
    assert job.result("validate")["summary"]["rules"] == {"type": 2}
    assert {one["expected"] for one in rows(job, "errors")} == {"date:%d.%m.%Y"}


def test_long_numbers_keep_their_digits_and_ambiguous_days_are_told(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services, rows: Rows
) -> None:
    text = "n;day;short\n12.345.678.901.234.567,89;1/2/2024;31/12/24\n1,00;03/04/2024;01/02/99\nNA;;\n"
    root = tree({"a.csv": text.encode()})
    job = run_job("profile", root, options={"delimiter": "semicolon"})
    assert job.result("profile")["summary"]["formats"] == ["n=number:1.234,56"]
    assert job.result("profile")["summary"]["ambiguous_formats"] == 2
    day, short = (one for one in rows(job, "formats") if one["verdict"] == "ambiguous")
    assert {day["format"], day["other_format"]} == {"date:%d/%m/%Y", "date:%m/%d/%Y"}
    assert (day["conforming"], day["other_conforming"]) == (2, 2)
    assert (short["format"], short["other_format"]) == ("date:%d/%m/%y", None)
    formats = ["n=number:1.234,56", "day=date:%m/%d/%Y", "short=date:%d/%m/%y"]
    job = run_job("convert", root, options={"delimiter": "semicolon", "formats": formats, "prove_values": True})
    assert job.result("convert")["summary"]["value_proof"] == "3 records, 6 values, fingerprints equal"
    table = pq.read_table(io.BytesIO(converted(running, job, "a.parquet")))
    assert table.column("n").to_pylist() == [Decimal("12345678901234567.89"), Decimal("1.00"), None]
    assert table.column("day").to_pylist() == [datetime.date(2024, 1, 2), datetime.date(2024, 3, 4), None]
    assert table.column("short").to_pylist() == [datetime.date(2024, 12, 31), datetime.date(1999, 2, 1), None]


def test_files_are_converted_to_the_types_that_hold_the_values_of_all(
    run_job: RunJob, tree: TreeBuilder, running: bootstrap.Services
) -> None:
    root = tree({"a.csv": b"n\n1.234\n7\n", "b.csv": b'n\n"1.234,5"\n', "c.csv": b"n\n12\nx\n"})
    options = {"columns": "union", "header_rows": 1, "formats": ["n=number:1.234,56"], "prove_values": True}
    job = run_job("convert", root, options=options)
    found = {name: pq.read_table(io.BytesIO(converted(running, job, f"{name}.parquet"))) for name in "abc"}
    assert {name: table.column("n").to_pylist() for name, table in found.items()} == {
        "a": [1234.0, 7.0],
        "b": [1234.5],
        "c": [12.0],
    }
    assert job.result("convert")["summary"]["records_rejected"] == 1


@pytest.mark.parametrize(
    ("operation", "options", "named"),
    [
        ("convert", {"formats": ["a=date:%d.%m"]}, "needs a day"),
        ("convert", {"formats": ["a=number:1,5"]}, "1234.56"),
        ("convert", {"formats": ["a=number:1234", "a=boolean:yes/no"]}, "another entry"),
        ("convert", {"formats": ["a=number:1234"], "column_types": ["a=float"]}, "both list"),
        (
            "validate",
            {"formats": ["a=number:1234"], "schema_text": '{"fields": [{"name": "a", "type": "date"}]}'},
            "has the type date",
        ),
    ],
)
def test_formats_that_say_nothing_are_refused(
    run_job: RunJob, tree: TreeBuilder, operation: str, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        run_job(operation, tree({"a.csv": b"a\n1\n"}), options=options)
