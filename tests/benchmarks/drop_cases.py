"""Drops of unknown files: how many does each reader read right when it is told nothing?

A reader has read a file right if it gives the names of its columns, and every record with every value. A value may be
of any type that writes it again: 1.10 may be a number, a date may be a date. What Pravah reads is taken from the CSV
that it converts to, whose fields are texts, so that they have to be the same to the last character.
"""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import importlib.util
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from tests.benchmarks import drop
from tests.benchmarks.engine_cases import Engine
from tests.benchmarks.measure import Row

_FORMS = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%H:%M:%S", "%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ",
)  # fmt: skip
_SEED = 20261128
_KINDS = ("delimited",) * 6 + ("json", "workbook", "xml")

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]
Reader = Callable[[Path], Table]


def drops(scratch: Path) -> Iterator[Row]:
    """Small delimited tables, and files of all kinds."""
    for work, files, makers, reach in (
        ("600 small tables of unknown dialect, read right", 600, ("delimited",), 597),
        ("drop of 200 unknown files of all kinds, read right", 200, _KINDS, 198),
    ):
        place = scratch / "drop"
        shutil.rmtree(place, ignore_errors=True)
        known = drop.make(place, files, _SEED, makers)
        engine = Engine(scratch)
        engine.run("convert", place, {"to": "csv"})
        ours = right(known, partial(converted, engine.out / "convert" / "converted"), place)
        for name, reader in {"DuckDB": _duckdb, "Polars": _polars}.items():
            if importlib.util.find_spec(name.lower()) is None:
                yield Row(work, name, f"{ours} of {files}", "not installed", "–", f"≥ {reach}", False)
                continue
            theirs = right(known, reader, place)
            met, ratio = ours >= reach and ours > theirs, f"{ours / max(theirs, 1):.2f}"
            yield Row(work, name, f"{ours} of {files}", f"{theirs} of {files}", ratio, f"≥ {reach}", met)


def right(known: Sequence[drop.Unknown], reader: Reader, place: Path) -> int:
    """Return how many files a reader reads right."""
    return sum(fault(file, reader, place) is None for file in known)


def fault(file: drop.Unknown, reader: Reader, place: Path) -> str | None:
    """Return what a reader has read wrong, or None."""
    try:
        header, records = reader(place / file.name)
    except Exception as error:  # a file that cannot be read is read wrong, for whichever reason
        return f"{type(error).__name__}: {error}"
    if len(header) == len(file.rows[0]) + 1 and not any(record[-1] for record in records):
        # An empty column behind a delimiter at the end of each line changes no value.
        header, records = header[:-1], [record[:-1] for record in records]
    if file.header is not None and list(header) != file.header:
        return f"{list(header)} are no names; right: {file.header}"
    if len(records) != len(file.rows):
        return f"{len(records)} records; right: {len(file.rows)}"
    for record, expected in zip(records, file.rows, strict=True):
        if len(record) != len(expected) or not all(map(_is_written, record, expected)):
            return f"{list(record)}; right: {expected}"
    return None


def _is_written(value: Any, text: str) -> bool:
    if value is None:
        return text == ""
    if isinstance(value, bool):
        return text.lower() in ({"true", "yes"} if value else {"false", "no"})
    if isinstance(value, (dt.date, dt.time)):
        return any(value.strftime(form) == text for form in _FORMS)
    if isinstance(value, (int, float, decimal.Decimal)):
        try:
            return decimal.Decimal(text) == decimal.Decimal(repr(value) if isinstance(value, float) else value)
        except decimal.InvalidOperation:
            return False
    return str(value) == text


def converted(results: Path, path: Path) -> Table:
    """Return the table that a conversion to CSV made of a file; what it rejected is no part of it."""
    name = path.name.split(".")[0]
    (made,) = (one for one in results.glob(f"{name}.*") if ".rejects." not in one.name)
    with made.open(newline="", encoding="utf-8") as file:
        header, *records = csv.reader(file)
    return header, [record or [""] for record in records]


def _duckdb(path: Path) -> Table:
    functions = {".json": "read_json_auto", ".jsonl": "read_json_auto", ".xlsx": "read_xlsx"}
    with duckdb.connect() as connection:
        read = connection.sql(f"FROM {functions.get(path.suffix, 'read_csv')}('{path}')")
        return read.columns, read.fetchall()


def _polars(path: Path) -> Table:
    import polars  # type: ignore[import-not-found]

    read = {".json": polars.read_json, ".jsonl": polars.read_ndjson, ".xlsx": polars.read_excel}.get(path.suffix)
    frame = read(path) if read else polars.read_csv(path, try_parse_dates=True)
    return frame.columns, frame.rows()
