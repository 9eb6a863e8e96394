"""convert: table files to Parquet, CSV or JSON Lines, no record lost. The engine's side is ``ops/convert.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pydantic

from services.operations import records
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


class To(StrEnum):
    """The format of the converted files."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


class ColumnsOf(StrEnum):
    """Which columns a converted file has."""

    OWN = "own"
    UNION = "union"
    STRICT = "strict"


class BadRecords(StrEnum):
    """How a record is handled that does not have the required types."""

    REJECT = "reject"
    NULL = "null"
    FAIL = "fail"


class Compression(StrEnum):
    """How pages are compressed."""

    ZSTD = "zstd"
    SNAPPY = "snappy"
    NONE = "none"


class Statistics(StrEnum):
    """Which statistics of values are written."""

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


class ConvertOptions(records.SchemaOptions):
    """Options of convert."""

    to: To = field(
        To.PARQUET,
        title="Convert to",
        description="Format of the converted files: Parquet, CSV (RFC 4180) or JSON Lines (one object a line). No "
        "value is changed: CSV has the text of the fields, and each Parquet column a type that holds all its values. "
        "From JSON Lines, Parquet, Arrow and Avro files, types and nesting are kept where the new format has them. "
        "What Parquet lacks becomes the nearest type that it has, or text, and the note of the column says so.",
    )
    destination: Text | None = destination(
        "New or empty directory for the converted files. Without one, they are part of the result, to download.",
        "none: files to download",
    )
    columns: ColumnsOf = field(
        ColumnsOf.OWN,
        title="Columns",
        description="Own: each file keeps its columns and types. Union: all files get the columns of all files. "
        "Strict: files with other columns are an error.",
    )
    bad_records: BadRecords = field(
        BadRecords.REJECT,
        title="Bad records",
        description="What to do with a record that does not have the column types. Reject: write it to a rejects "
        "file. Null: replace the bad value with null. Fail: do not convert its file.",
    )
    column_types: list[ColumnType] = field(
        [],
        title="Types",
        description="Types of columns, each as name=type, instead of those of the schema. Types of other columns are "
        "detected. Numbers that a float does not hold are rounded and counted only if you set float.",
        widget="verbatim",
        placeholder="all detected",
        max_length=10_000,
    )
    formats: list[records.ColumnFormat] = records.formats("A value that is not in the format is a bad record.")
    compression: Compression = field(
        Compression.ZSTD,
        title="Compression",
        description="Compression of the Parquet files.",
        category="advanced",
    )
    level: int = field(
        1,
        title="zstd level",
        description="Higher is smaller and slower.",
        category="advanced",
        ge=1,
        le=22,
    )
    row_group_bytes: int = field(
        8 << 20,
        title="Row group size",
        description="Size of the source text in one row group. Readers skip whole row groups; each thread holds one "
        "in memory.",
        category="advanced",
        unit="bytes",
        ge=1 << 20,
        le=64 << 20,
    )
    partition_by: list[ColumnName] = field(
        [],
        title="Partition by",
        description="Write one folder for each value of these columns, named column=value as in Hive.",
        widget="verbatim",
        placeholder="one file for each source file",
        max_length=100,
    )
    sort_by: list[ColumnName] = field(
        [],
        title="Sort by",
        description="Columns by which to sort the records of each file; name=desc sorts in descending order.",
        widget="verbatim",
        placeholder="order of the source",
        max_length=100,
    )
    file_bytes: int | None = field(
        None,
        title="Maximum file size",
        description="Approximate size at which the next file starts: a-00001, a-00002 and so on.",
        category="advanced",
        unit="bytes",
        placeholder="no limit",
        ge=1 << 20,
        le=1 << 40,
    )
    bloom_filters: list[ColumnName] = field(
        [],
        title="Bloom filters",
        description="Columns that get a Bloom filter. It lets readers that search for one value skip row groups.",
        widget="verbatim",
        category="advanced",
        placeholder="none",
        max_length=100,
    )
    statistics: Statistics = field(
        Statistics.CHUNK,
        title="Statistics",
        description="Write the smallest and largest value of each row group (chunk), also of each page, or none.",
        category="advanced",
    )
    dictionary: Dictionaries = field(
        Dictionaries.AUTO,
        title="Dictionary encoding",
        description="Auto: for columns with repeated values. Always: for all columns with few enough values. Never.",
        category="advanced",
    )
    prove_values: bool = field(
        False,
        title="Prove values",
        description="Read each converted file back with an independent reader and compare the fingerprints of all "
        "values, column by column, with those of the source. Takes up to a third longer.",
        category="advanced",
    )


OPERATION = Operation(
    name="convert",
    title="Convert",
    summary="Converts CSV, JSON, XML, Excel, Parquet, Arrow and Avro files to Parquet, CSV or JSON Lines. Records "
    "read = written + rejected.",
    icon="transform",
    options=ConvertOptions,
    tables=(
        Table(
            name="result",
            title="Files",
            columns=(
                *path_columns(),
                integer("size_bytes", "bytes", "Size of the source file"),
                words(
                    "verdict",
                    "whole; partial: records were rejected, values replaced with null, or the end is missing; failed: "
                    "no record was written, or the converted file has other values than the source",
                ),
                words(
                    "written_as",
                    "Path of the converted file below the destination; the first one, if there are several. Its name "
                    "contains `.partial` if the end of the source is missing",
                ),
                integer("output_bytes", "bytes", "Size of the converted files"),
                integer("records_read", "records", "Records in the source file, without the header row"),
                integer(
                    "records_written",
                    "records",
                    "Records in the converted files, counted from their footers or by reading them back",
                ),
                integer(
                    "records_rejected",
                    "records",
                    "Records that could not be converted; read = written + rejected, always",
                ),
                integer("values_nulled", "values", "Bad values that were replaced with null (Bad records: null)"),
                *records.outside_columns(),
                words("rejects", "File with the rejected records, byte for byte (from another encoding: as UTF-8)"),
                integer("columns", "columns", "Number of columns"),
                integer("row_groups", "row groups", "Number of row groups"),
                integer(
                    "readings",
                    "readings",
                    "How often the file was read; more than once if a later value widened a type",
                ),
                integer(
                    "files",
                    "files",
                    "Number of converted files: several if records are partitioned or files are split by size",
                ),
                words(
                    "proof",
                    "Value proof (Prove values): `equal`; `different`: do not use the file; `not proven`: an "
                    "independent reader cannot read the values; `not covered`: copied in a way that has no proof. "
                    "Empty if it was not selected",
                ),
                integer("proven_values", "values", "Values in the converted files that are proven to be unchanged"),
            ),
        ),
        Table(
            name="columns",
            title="Columns of each file",
            columns=(
                *path_columns(),
                words("column", "The column"),
                integer("position", "columns", "Position in the file, counted from 1"),
                words(
                    "type",
                    "integer, float, decimal(digits,scale), boolean, date, timestamp, time or text; ns for "
                    "nanoseconds, UTC for values with a zone. From typed tables also binary, list, map, structure",
                ),
                words(
                    "type_is",
                    "`found`: detected; `asked for`: from the schema or the option Types; `of other files`: from "
                    "the union; "
                    "`copied`: the text is copied as it is; `of the source`: the type in the Parquet or Arrow file",
                ),
                words("null_words", "Words that mean null in this column, and how often, such as `NA: 3`"),
                words("note", "Why the column has this type, if it is an unusual one; a new name; rounded values"),
                integer("values", "values", "Values that were read, without nulls (Prove values)"),
                words("fingerprint", "Sum of the XXH3-64 hashes of these values, in hexadecimal (Prove values)"),
            ),
        ),
        Table(
            name="rejects",
            title="Rejected records",
            columns=(
                *records.record_columns(),
                words("column", "The column, if one value is the cause"),
                words("value", "The bad value, at most 256 bytes"),
                words(
                    "reason",
                    "Why the record was rejected. The table has the first 10,000 records of each file; the rejects "
                    "file has all",
                ),
            ),
        ),
        Table(
            name="outputs",
            title="Converted files",
            columns=(
                *path_columns(),
                words("written_as", "Path of the converted file below the destination"),
                integer("output_bytes", "bytes", "Size of the converted file"),
                integer("records", "records", "Records in the file, counted from its footer or by reading it back"),
                integer("row_groups", "row groups", "Number of row groups"),
            ),
        ),
        made(),
    ),
    figures=(
        Figure(key="verdict", title="Verdict"),
        Figure(key="files", title="Files", unit="files"),
        Figure(key="failed_files", title="Not converted", unit="files"),
        Figure(key="partial_files", title="Partial", unit="files"),
        REUSED,
        Figure(key="files_written", title="Files written", unit="files"),
        Figure(key="other_files", title="Skipped: not a table", unit="files"),
        Figure(key="bytes", title="Size of the source file", unit="bytes"),
        Figure(key="output_bytes", title="Size after", unit="bytes"),
        Figure(key="packed_percent", title="Compressed to", unit="%"),
        Figure(key="records_read", title="Records read"),
        Figure(key="records_written", title="Records written"),
        Figure(key="records_rejected", title="Records rejected"),
        Figure(key="values_nulled", title="Values replaced with null"),
        *records.outside_figures(),
        Figure(key="value_proof", title="Value proof", optional=True),
        Figure(key="read_twice", title="Files read again (a later value widened a type)", unit="files"),
        Figure(key="full_names", title="Files that kept their full name (a.csv beside a.tsv)", unit="files"),
        Figure(key="destination", title="Written to", optional=True),
    ),
    cost="O(bytes) reading, parsing and encoding. Memory: a few chunks of 8 MiB and their encoded columns",
    baseline_tables=("made",),
    # A later job has a destination of its own.
    again=False,
    examples=(
        Example(
            title="A value that widens a type, and a record with too few fields",
            files={
                "a.csv": b"id,price\n1,2\n2,3.5\n3\n",
                "b.csv": b"id,price\n4,oops\n",
            },
            expect={
                "verdict": "partial",
                "files": 2,
                "records_read": 4,
                "records_written": 3,
                "records_rejected": 1,
                "read_twice": 0,
            },
        ),
        Example(
            title="Fixed types of columns",
            files={"a.csv": b"id,price\n1,2\n2,oops\n"},
            options={"column_types": ["price=float"]},
            expect={"records_read": 2, "records_written": 1, "records_rejected": 1},
        ),
        Example(
            title="Dates, numbers and words as people write them, with a value proof",
            files={"a.csv": "day;price;paid\n31.12.2024;1.234,50 €;ja\n01.02.2025;7,25 €;nein\n1/2/25;3;x\n".encode()},
            options={
                "delimiter": "semicolon",
                "formats": ["day=date:%d.%m.%Y", "price=number:1.234,56 €", "paid=boolean:ja/nein"],
                "prove_values": True,
            },
            expect={
                "records_written": 2,
                "records_rejected": 1,
                "value_proof": "2 records, 6 values, fingerprints equal",
            },
        ),
        Example(
            title="Digits, labels and null words",
            files={"a.csv": b"iso,version,id,n\nNA,1.1,9007199254740993,1\nDE,1.10,0.5,NA\n"},
            expect={"verdict": "whole", "records_read": 2, "records_written": 2, "values_nulled": 0},
        ),
        Example(
            title="JSON Lines",
            files={"a.csv": b"id;when\n1;2024-02-29\n"},
            options={"to": "jsonl"},
            expect={"files": 1, "records_read": 1, "records_written": 1},
        ),
        Example(
            title="JSON Lines with nested objects",
            files={"a.jsonl": b'{"id":1,"who":{"name":"x","tags":[1,2]}}\n{"id":2,"who":null}\nnone\n'},
            expect={"records_read": 3, "records_written": 2, "records_rejected": 1},
        ),
        Example(
            title="Partition by the values of a column, and sort",
            files={"a.csv": b"id,day\n2,mon\n3,tue\n1,mon\n"},
            options={"partition_by": ["day"], "sort_by": ["id"]},
            expect={"files": 1, "records_read": 3, "records_written": 3},
        ),
        Example(
            title="One schema for different files",
            files={"a.csv": b"id,price\n1,2\n", "b.csv": b"id,note\nx,y\n"},
            options={"columns": "union"},
            expect={"files": 2, "records_read": 2, "records_written": 2, "read_twice": 2},
        ),
    ),
)
