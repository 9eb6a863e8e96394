"""A table as a stream of CSV, JSON Lines or Parquet."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from services.base import paths

# Arrow is imported by the first export.
if TYPE_CHECKING:
    import pyarrow as pa

Form = Literal["parquet", "csv", "jsonl"]
MEDIA_TYPES: dict[str, str] = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
}
SPREADSHEET = (
    "For csv: put an apostrophe before each text that begins with = + - @, tab, carriage return or an apostrophe, so "
    "that no spreadsheet takes it for a formula. Without it, all values are exact."
)
"""What the option does, for the API and the command line."""
_UTC = re.compile(r"(Z|\+00(:?00)?)$")
# A spreadsheet runs a cell that starts so. Source: OWASP, "CSV Injection".
# What begins with an apostrophe gets one, too: without its first apostrophe each text is the value, and no two are one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def stream(reader: pa.RecordBatchReader, form: Form, *, spreadsheet: bool = False) -> Iterator[bytes]:
    """Return the rows of `reader` in chunks; values are as they are.

    Args:
        spreadsheet: put an apostrophe before texts of a CSV that a spreadsheet takes for a formula.
    """
    if form == "csv":
        return _csv(reader, spreadsheet=spreadsheet)
    return {"parquet": _parquet, "jsonl": _jsonl}[form](reader)


def iso_time(text: str) -> str:
    """Return a time of DuckDB or Arrow in ISO 8601, to the nanosecond where it has any."""
    date, _, time = text.partition(" ")
    time = _UTC.sub("", time)
    return f"{date}T{time.rstrip('0').rstrip('.') if '.' in time else time}Z"


def _csv(reader: pa.RecordBatchReader, *, spreadsheet: bool) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(reader.schema.names)
    shown = safe_cell if spreadsheet else _cell
    for batch in reader:
        columns = [_values(column) for column in batch.columns]
        writer.writerows([shown(value) for value in row] for row in zip(*columns, strict=True))
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    return paths.escape(value) if isinstance(value, bytes) else value


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    cell = _cell(value)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _jsonl(reader: pa.RecordBatchReader) -> Iterator[bytes]:
    names = reader.schema.names
    for batch in reader:
        columns = [_values(column) for column in batch.columns]
        lines = (json.dumps(dict(zip(names, row, strict=True)), default=_plain) for row in zip(*columns, strict=True))
        yield "".join(f"{line}\n" for line in lines).encode()


def _values(column: pa.Array) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        # Python's datetime holds microseconds; text keeps the nanoseconds.
        return [None if value is None else iso_time(value) for value in column.cast(pa.string()).to_pylist()]
    values: list[Any] = column.to_pylist()
    return values


def _plain(value: Any) -> Any:
    return paths.escape(value) if isinstance(value, bytes) else str(value)


class _Sink(io.RawIOBase):
    """Collects what the Parquet writer has written since it was last taken."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self._chunks.append(chunk)
        self._position += len(chunk)
        return len(chunk)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken


def _parquet(reader: pa.RecordBatchReader) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = _Sink()
    with pq.ParquetWriter(sink, reader.schema, compression="zstd") as writer:
        rows: list[pa.RecordBatch] = []
        for batch in reader:
            rows.append(batch)
            if sum(one.num_rows for one in rows) >= 131_072:
                writer.write_table(pa.Table.from_batches(rows))
                rows.clear()
                yield sink.take()
        if rows:
            writer.write_table(pa.Table.from_batches(rows))
    yield sink.take()
