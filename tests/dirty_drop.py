"""A delivery of one table in 40 files of eight kinds, 22 of them with a fault that somebody has to find."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.drop import VALUES

NAMES = ("id", "day", "customer", "city", "amount", "paid")
_RECORDS = 60
_LONG_BYTES = 17 << 20

Table = list[list[str]]
Change = Callable[[Table], Any]


@dataclass(frozen=True)
class Planted:
    """A fault of the drop.

    Attributes:
        fault: in a few words.
        place: the record, or the line, at which it is; None: it is of the whole file.
    """

    path: str
    fault: str
    place: int | None = None


def _table(r: random.Random, first: int) -> Table:
    kinds = ("date", "name", "word", "price", "boolean")
    rows = [[str(first + place), *(VALUES[kind](r) for kind in kinds)] for place in range(_RECORDS)]
    return [list(NAMES), *rows]


def _csv(table: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\n") -> bytes:
    sink = io.StringIO(newline="")
    csv.writer(sink, delimiter=delimiter, lineterminator=end).writerows(table)
    return sink.getvalue().encode()


def _objects(table: Table) -> list[dict[str, Any]]:
    read: dict[str, Callable[[str], Any]] = {
        "id": int,
        "amount": float,
        "amount_eur": float,
        "paid": lambda text: text == "true",
    }
    return [
        {name: read.get(name, str)(value) for name, value in zip(table[0], record, strict=True)} for record in table[1:]
    ]


def _dated(table: Table) -> list[dict[str, Any]]:
    return [{**one, "day": date.fromisoformat(one["day"])} for one in _objects(table)]


def _lines(table: Table) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in _objects(table)).encode()


def _workbook(table: Table) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(table[0])
    for one in _dated(table):
        sheet.append(list(one.values()))
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _parquet(table: Table, **other: pa.DataType) -> bytes:
    columns = pa.Table.from_pylist(_dated(table))
    for name, kind in other.items():
        at = columns.schema.get_field_index(name)
        columns = columns.set_column(at, name, columns[name].cast(kind))
    sink = io.BytesIO()
    pq.write_table(columns, sink)
    return sink.getvalue()


KINDS: dict[str, Callable[[Table], bytes]] = {
    "comma.csv": _csv,
    "semicolon.csv": lambda table: _csv(table, ";", "\r\n"),
    "tab.tsv": lambda table: _csv(table, "\t"),
    "packed.csv.gz": lambda table: gzip.compress(_csv(table, "|"), mtime=0),
    "utf16.csv": lambda table: _csv(table).decode().encode("utf-16"),
    "lines.jsonl": _lines,
    "array.json": lambda table: json.dumps(_objects(table)).encode(),
    "book.xlsx": _workbook,
    "typed.parquet": _parquet,
}
"""How clean files are written, by the end of their names."""


def _american(table: Table) -> Table:
    for record in table[1:]:
        year, month, day = record[1].split("-")
        record[1] = f"{month}/{day}/{year}"
    return table


def _set(record: int, column: str, value: str) -> Callable[[Table], Table]:
    def change(table: Table) -> Table:
        table[record][table[0].index(column)] = value
        return table

    return change


def _cut(record: int) -> Callable[[Table], Table]:
    return lambda table: [*table[:record], table[record][:-1], *table[record + 1 :]]


def _longer(record: int) -> Callable[[Table], Table]:
    return lambda table: [*table[:record], [*table[record], "more"], *table[record + 1 :]]


def _opened(table: Table) -> bytes:
    lines = _csv(table).split(b"\n")
    lines[33] = lines[33].replace(b",", b',"', 1)
    return b"\n".join(lines)


def _mixed(table: Table) -> bytes:
    return _csv(table[:41]) + _csv(table[41:], ";")


def _bad_bytes(table: Table) -> bytes:
    return _csv(_set(22, "city", "M@nchen")(table)).replace(b"@", b"\xff\xc3")


def _broken_line(table: Table) -> bytes:
    lines = _lines(table).split(b"\n")
    lines[17] = lines[17][:-9]
    return b"\n".join(lines)


def _windows(table: Table) -> bytes:
    for record in table[1:]:
        record[3] = "München"
    return _csv(table).decode().encode("cp1252")


def _totals(table: Table) -> bytes:
    total = sum(float(record[4]) for record in table[1:])
    return _csv(table) + f"Total,,,,{total:.2f},\n".encode()


def _titled(table: Table) -> bytes:
    return b"Orders of the branch\nExported 2024-03-01\n\n" + _csv(table)


def _null_words(table: Table) -> Table:
    for record in (5, 15, 25):
        table[record][4] = "N/A"
    return table


# The end of the name, what is wrong, the place, and how it is made. Files with faults are named like the others.
_FAULTS: list[tuple[str, str, int | None, Callable[[Table], bytes]]] = [
    ("csv", "open quote", 33, _opened),
    ("csv", "a field is missing", 12, lambda t: _csv(_cut(12)(t))),
    ("tsv", "a field too many", 44, lambda t: _csv(_longer(44)(t), "\t")),
    ("csv", "all dates month first", None, lambda t: _csv(_american(t))),
    ("csv", "another encoding", None, _windows),
    ("csv", "a name twice", None, lambda t: _csv([["id", "day", "customer", "customer", "amount", "paid"], *t[1:]])),
    ("csv", "a column is missing", None, lambda t: _csv([[*one[:3], *one[4:]] for one in t], ";")),
    ("jsonl", "a renamed column", None, lambda t: _lines([[*NAMES[:4], "amount_eur", "paid"], *t[1:]])),
    ("csv", "lines before the table", None, _titled),
    ("csv", "a total after the records", None, _totals),
    ("csv", "text in an amount", 27, lambda t: _csv(_set(27, "amount", "see mail")(t))),
    ("csv.gz", "cut compressed file", None, lambda t: gzip.compress(_csv(t), mtime=0)[:-300]),
    ("csv", "empty", None, lambda t: b""),
    ("csv", "not a table", None, lambda t: random.Random(5).randbytes(4000)),
    ("csv", "null words", None, lambda t: _csv(_null_words(t))),
    ("parquet", "amounts as text", None, lambda t: _parquet(t, amount=pa.string())),
    ("csv", "a column more", None, lambda t: _csv([[*t[0], "channel"], *([*one, "web"] for one in t[1:])])),
    ("csv", "mixed delimiters", 41, _mixed),
    ("csv", "bytes that are not UTF-8", 22, _bad_bytes),
    ("jsonl", "a broken line", 18, _broken_line),
    ("csv", "a record that is too long", 30, lambda t: _csv(_set(30, "city", "x" * _LONG_BYTES)(t))),
]


def make(place: Path, seed: int = 7) -> list[Planted]:
    """Fill `place` with 40 files, and return what is wrong."""
    place.mkdir(parents=True)
    r = random.Random(seed)
    numbers = r.sample(range(1, 41), 40)
    planted = []
    for number, (suffix, fault, at, write) in zip(numbers[: len(_FAULTS)], _FAULTS, strict=True):
        name = f"orders_{number:02}.{suffix}"
        (place / name).write_bytes(write(_table(r, number * 1000)))
        planted.append(Planted(name, fault, at))
    ends = list(KINDS)
    for turn, number in enumerate(numbers[len(_FAULTS) : -1]):
        end = ends[turn % len(ends)]
        content = KINDS[end](_table(r, number * 1000))
        name = f"orders_{number:02}{end[end.index('.') :]}"
        (place / name).write_bytes(content)
    copy = f"orders_{numbers[-1]:02}.csv"
    (place / copy).write_bytes((place / f"orders_{numbers[len(_FAULTS)]:02}.csv").read_bytes())
    return [*planted, Planted(copy, "a file twice")]
