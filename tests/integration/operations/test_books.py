"""Workbooks as their user has them: what openpyxl wrote comes out again, sheet by sheet."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq

from services import bootstrap
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261128
_TEXTS = ["Köln", "a,b", 'say "hi"', "two\nlines", "007", "true", "NA", " x ", "<&>", "2024-01-01"]


def _value(made: random.Random, kind: str) -> Any:
    if made.random() < 0.1:
        return None
    moment = dt.datetime.fromisoformat("1950-01-01") + dt.timedelta(seconds=made.randrange(4 * 10**9))
    values: dict[str, Any] = {
        "whole": made.randrange(-(10**15), 10**15),
        "part": made.uniform(-1, 1) * 10 ** made.randrange(-9, 9),
        "text": made.choice(_TEXTS),
        "day": moment.date(),
        "moment": moment,
        "flag": made.random() < 0.5,
    }
    return values[kind]


def _table(made: random.Random, rows: int) -> tuple[list[str], list[list[Any]]]:
    kinds = [made.choice(["whole", "part", "text", "day", "moment", "flag"]) for _ in range(made.randrange(2, 8))]
    names = [f"{kind} {place}" for place, kind in enumerate(kinds)]
    # The first column is full: a row without a value is no record.
    first = [[made.randrange(10**6)] for _ in range(rows)]
    return ["id", *names], [own + [_value(made, kind) for kind in kinds] for own in first]


def _write(path: Path, sheets: dict[str, tuple[list[str], list[list[Any]]]], titles: int, epoch: dt.datetime) -> None:
    book = openpyxl.Workbook()
    book.epoch = epoch
    book.remove(book.worksheets[0])
    for name, (names, records) in sheets.items():
        sheet = book.create_sheet(name)
        for number in range(titles):
            sheet.append([f"Title {number} of the sheet"])
        sheet.append(names)
        for record in records:
            sheet.append(record)
    book.save(path)


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dt.datetime) and not isinstance(theirs, dt.datetime):
        return ours.date() == theirs and ours.time() == dt.time(0)
    if isinstance(ours, str) and not isinstance(theirs, str):
        return ours == str(theirs)
    # openpyxl writes 16 digits.
    return bool(ours == theirs) or (isinstance(theirs, float) and abs(ours - theirs) <= 1e-15 * abs(theirs))


def test_what_openpyxl_writes_comes_out_again(
    run_job: RunJob, rows: Rows, running: bootstrap.Services, tmp_path: Path
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    root = tmp_path / "books"
    root.mkdir()
    tables: dict[str, tuple[list[str], list[list[Any]]]] = {}
    for number in range(12):
        sheets = {f"Sheet {place}#x": _table(made, made.randrange(3, 60)) for place in range(made.randrange(1, 4))}
        epoch = made.choice([openpyxl.utils.datetime.WINDOWS_EPOCH, openpyxl.utils.datetime.MAC_EPOCH])
        _write(root / f"{number}.xlsx", sheets, made.randrange(3), epoch)
        tables.update({f"{number}.xlsx#{name}": table for name, table in sheets.items()})
    job = run_job("convert", root)
    records = {row["path"]: row["records_read"] for row in rows(job)}
    assert records == {name: len(table[1]) for name, table in tables.items()}
    for name, (names, wanted) in tables.items():
        path = tmp_path / "made.parquet"
        path.write_bytes(converted(running, job, f"{name}.parquet"))
        table = pq.read_table(path)
        assert table.column_names == names, name
        found = [list(row.values()) for row in table.to_pylist()]
        for own, other in zip(found, wanted, strict=True):
            assert all(map(_same, own, other)), (name, own, other)


def test_a_folder_of_workbooks_shows_how_their_sheets_differ(run_job: RunJob, rows: Rows, tmp_path: Path) -> None:
    root = tmp_path / "books"
    root.mkdir()
    epoch = openpyxl.utils.datetime.WINDOWS_EPOCH
    for month in range(1, 4):
        names = ["id", "price", "note"] if month < 3 else ["id", "price"]
        records = [[number, number + 0.5, "x"][: len(names)] for number in range(5)]
        _write(root / f"{month}.xlsx", {"data": (names, records)}, 0, epoch)
    job = run_job("profile", root)
    files = {row["path"] for row in rows(job, "files")}
    assert files == {f"{month}.xlsx#data" for month in range(1, 4)}
    assert len(rows(job, "schemas")) == 2
    assert {(row["change"], row["column"]) for row in rows(job, "changes")} == {("vanished", "note")}
