"""convert: files of records as Parquet, no row lost. The engine's side is ``ops/convert.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pydantic

from services.operations._spec import (
    REUSED,
    Example,
    Figure,
    Operation,
    Table,
    Text,
    destination,
    field,
    integer,
    made,
    path_columns,
    words,
)
from services.operations.records import ReadOptions, record_columns


class To(StrEnum):
    """What files become."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


class ColumnsOf(StrEnum):
    """Which columns a converted file has."""

    OWN = "own"
    UNION = "union"
    STRICT = "strict"


class BadRecords(StrEnum):
    """What becomes of a record that does not fit."""

    REJECT = "reject"
    NULL = "null"
    FAIL = "fail"


class Compression(StrEnum):
    """How pages are compressed."""

    ZSTD = "zstd"
    SNAPPY = "snappy"
    NONE = "none"


class Statistics(StrEnum):
    """What row groups tell of their values."""

    CHUNK = "chunk"
    PAGE = "page"
    NONE = "none"


class Dictionaries(StrEnum):
    """Which columns have a dictionary."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


ColumnName = Annotated[Text, pydantic.Field(min_length=1, max_length=1000)]
ColumnType = Annotated[
    str,
    pydantic.Field(max_length=1000, pattern=r"^[^\u0000]+=(integer|float|boolean|date|timestamp|time|text)$"),
]


class ConvertOptions(ReadOptions):
    """Options of convert."""

    to: To = field(
        To.PARQUET,
        title="Convert to",
        description="Parquet, CSV as RFC 4180 has it, or JSON Lines: an object a line.",
    )
    destination: Text | None = destination(
        "New or empty directory for the converted files; without one they are files of the result, to be downloaded.",
        "none: in the job's result",
    )
    columns: ColumnsOf = field(
        ColumnsOf.OWN,
        title="Columns",
        description="Own: each file has its columns and types. Union: all have those of all. Strict: none may differ.",
    )
    bad_records: BadRecords = field(
        BadRecords.REJECT,
        title="What does not fit",
        description="Reject the record to a file of its own, make the value null, or fail: leave its file out.",
    )
    column_types: list[ColumnType] = field(
        [],
        title="Types",
        description="Types that columns have to have, each as name=type; those of other columns are found.",
        widget="verbatim",
        placeholder="all are found",
        max_length=10_000,
    )
    compression: Compression = field(
        Compression.ZSTD,
        title="Pages",
        description="How the pages of the Parquet files are compressed.",
        category="advanced",
    )
    level: int = field(
        1,
        title="Level of zstd",
        description="Higher is smaller and slower.",
        category="advanced",
        ge=1,
        le=22,
    )
    row_group_bytes: int = field(
        8 << 20,
        title="Row group",
        description="Text that becomes one row group: what a reader skips at once, and a thread holds in memory.",
        category="advanced",
        unit="bytes",
        ge=1 << 20,
        le=64 << 20,
    )
    partition_by: list[ColumnName] = field(
        [],
        title="Partition by",
        description="Columns by whose values records are divided into files, in folders column=value as Hive has it.",
        widget="verbatim",
        placeholder="one file for each",
        max_length=100,
    )
    sort_by: list[ColumnName] = field(
        [],
        title="Sort by",
        description="Columns by which the records of each file are sorted; name=desc: the greatest first.",
        widget="verbatim",
        placeholder="in the order of the source",
        max_length=100,
    )
    file_bytes: int | None = field(
        None,
        title="Size of a file",
        description="About how large a converted file may become before the next one is begun: a-00001, a-00002, ...",
        category="advanced",
        unit="bytes",
        placeholder="any",
        ge=1 << 20,
        le=1 << 40,
    )
    bloom_filters: list[ColumnName] = field(
        [],
        title="Bloom filters",
        description="Columns whose row groups tell which values are not in them: for readers that look for one value.",
        widget="verbatim",
        category="advanced",
        placeholder="none",
        max_length=100,
    )
    statistics: Statistics = field(
        Statistics.CHUNK,
        title="Ranges of values",
        description="The least and the greatest value of each row group (chunk), of each page as well, or none.",
        category="advanced",
    )
    dictionary: Dictionaries = field(
        Dictionaries.AUTO,
        title="Dictionary encoding",
        description="Auto: of columns whose values come again; always: of all that have few enough; never.",
        category="advanced",
    )


OPERATION = Operation(
    name="convert",
    title="Convert",
    summary="CSV, JSON Lines, Parquet, Arrow as Parquet, CSV or JSON Lines: rows read = written + rejected.",
    icon="transform",
    options=ConvertOptions,
    tables=(
        Table(
            name="result",
            title="Files",
            columns=(
                *path_columns(),
                integer("size_bytes", "bytes", "Size before"),
                words("written_as", "The converted file, below the destination; the first of several"),
                integer("output_bytes", "bytes", "Its size; that of all of them"),
                integer("records_read", "records", "Records of the source, without the header"),
                integer(
                    "records_written",
                    "records",
                    "Records in the converted file, as its footer or a reader counts them",
                ),
                integer("records_rejected", "records", "Records that do not fit: read = written + rejected, always"),
                integer("values_nulled", "values", "Values that do not fit and are null, where that was asked for"),
                words("rejects", "The file of rejected records, as they stand, if there are any"),
                integer("columns", "columns", "Columns"),
                integer("row_groups", "row groups", "Row groups"),
                integer("readings", "readings", "2: a value was not of the type that the first ones had"),
                integer("files", "files", "Files it became: several where records are divided"),
            ),
        ),
        Table(
            name="columns",
            title="Columns of each file",
            columns=(
                *path_columns(),
                words("column", "The column"),
                integer("position", "columns", "Its place, from 1"),
                words("type", "integer, float, boolean, date, timestamp, time or text"),
                words("type_is", "found, asked for, or of other files"),
            ),
        ),
        Table(
            name="rejects",
            title="Rejected records",
            columns=(
                *record_columns(),
                words("column", "The column, when one value is to blame"),
                words("value", "That value, at most 256 bytes of it"),
                words("reason", "Why; the first 10,000 of each file are here, all in its file of rejects"),
            ),
        ),
        Table(
            name="outputs",
            title="Converted files",
            columns=(
                *path_columns(),
                words("written_as", "The converted file, below the destination"),
                integer("output_bytes", "bytes", "Its size"),
                integer("records", "records", "Its records, as its footer or a reader counts them"),
                integer("row_groups", "row groups", "Row groups"),
            ),
        ),
        made(),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        REUSED,
        Figure(key="files_written", title="Files written", unit="files"),
        Figure(key="other_files", title="Other files", unit="files"),
        Figure(key="bytes", title="Size before", unit="bytes"),
        Figure(key="output_bytes", title="Size after", unit="bytes"),
        Figure(key="packed_percent", title="Of its size", unit="%"),
        Figure(key="records_read", title="Records read"),
        Figure(key="records_written", title="Records written"),
        Figure(key="records_rejected", title="Records rejected"),
        Figure(key="values_nulled", title="Values nulled"),
        Figure(key="read_twice", title="Read twice for wider types", unit="files"),
        Figure(key="destination", title="Written to", optional=True),
    ),
    cost="O(bytes) reading, parsing and encoding; memory: chunks of 8 MiB in work and their encoded columns",
    kept=("made",),
    # A later job has a destination of its own.
    again=False,
    examples=(
        Example(
            title="A type that is not that of the first records, a record that does not fit",
            files={
                "a.csv": b"id,price\n1,2\n2,3.5\n3\n",
                "b.csv": b"id,price\n4,oops\n",
            },
            expect={"files": 2, "records_read": 4, "records_written": 3, "records_rejected": 1, "read_twice": 0},
        ),
        Example(
            title="Types that columns have to have",
            files={"a.csv": b"id,price\n1,2\n2,oops\n"},
            options={"column_types": ["price=float"]},
            expect={"records_read": 2, "records_written": 1, "records_rejected": 1},
        ),
        Example(
            title="JSON Lines",
            files={"a.csv": b"id;when\n1;2024-02-29\n"},
            options={"to": "jsonl"},
            expect={"files": 1, "records_read": 1, "records_written": 1},
        ),
        Example(
            title="JSON Lines with objects inside",
            files={"a.jsonl": b'{"id":1,"who":{"name":"x","tags":[1,2]}}\n{"id":2,"who":null}\nnone\n'},
            expect={"records_read": 3, "records_written": 2, "records_rejected": 1},
        ),
        Example(
            title="Divided by the values of a column, and sorted",
            files={"a.csv": b"id,day\n2,mon\n3,tue\n1,mon\n"},
            options={"partition_by": ["day"], "sort_by": ["id"]},
            expect={"files": 1, "records_read": 3, "records_written": 3},
        ),
        Example(
            title="One schema for files that differ",
            files={"a.csv": b"id,price\n1,2\n", "b.csv": b"id,note\nx,y\n"},
            options={"columns": "union"},
            expect={"files": 2, "records_read": 2, "records_written": 2, "read_twice": 2},
        ),
    ),
)
