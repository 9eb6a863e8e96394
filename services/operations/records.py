"""How table files are read, shared by profile, validate and convert; the engine's ``records/options.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import pydantic

from services.operations._spec import ENCODING_NAMES, Column, Encoding, Options, Text, field, integer, path_columns


class Files(StrEnum):
    """Which files are read as table files."""

    BY_NAME = "by_name"
    ALL = "all"


class Delimiter(StrEnum):
    """The character between two fields."""

    AUTO = "auto"
    COMMA = "comma"
    TAB = "tab"
    SEMICOLON = "semicolon"
    PIPE = "pipe"
    COLON = "colon"
    SPACE = "space"
    CARET = "caret"
    TILDE = "tilde"
    SOH = "soh"
    US = "us"


class Header(StrEnum):
    """Whether the first record is a header row."""

    AUTO = "auto"
    YES = "yes"
    NO = "no"


class Quote(StrEnum):
    """The character around quoted fields."""

    AUTO = "auto"
    DOUBLE = "double"
    SINGLE = "single"
    NONE = "none"


class Escape(StrEnum):
    """The escape character inside quotes."""

    AUTO = "auto"
    NONE = "none"
    BACKSLASH = "backslash"


class Comment(StrEnum):
    """The first character of a comment line."""

    NONE = "none"
    HASH = "hash"
    SEMICOLON = "semicolon"
    PERCENT = "percent"


NullValue = Annotated[Text, pydantic.Field(min_length=1, max_length=100)]


ColumnFormat = Annotated[
    str,
    pydantic.Field(max_length=2000, pattern=r"^[^\u0000]+=(date|timestamp|time|number|boolean):[^\u0000]+$"),
]


def formats(effect: str) -> Any:
    """Return the option ``formats``; ``effect`` says what happens to a value that does not conform."""
    return field(
        [],
        title="Formats",
        description="How the values of columns are written, each as name=format: a date, timestamp or time with a "
        "strptime pattern (day=date:%d.%m.%Y), a number as you write 1234.56 (price=number:1.234,56 €), or the words "
        f"for true and false (paid=boolean:yes,y/no,n). {effect}",
        widget="verbatim",
        placeholder="as the types have them, such as 2024-12-31 and 1234.56",
        max_length=10_000,
    )


class ReadOptions(Options):
    """How table files are read."""

    files: Files = field(
        Files.BY_NAME,
        title="Files",
        description="By name: csv, tsv, tab, psv, ssv, txt, json, jsonl and ndjson, also compressed (gz, zst, bz2, "
        "xz, lz4); parquet, arrow, arrows, feather, avro; xlsx, xlsm and ods, where each sheet is a table called "
        "book.xlsx#Sheet1. All: every file; its format is detected from its first bytes.",
    )
    delimiter: Delimiter = field(
        Delimiter.AUTO,
        title="Delimiter",
        description="Characters between two fields. Auto: those that split most records into the same number of "
        "fields, also several such as ||; values such as times and URLs are not split. soh = 0x01, us = 0x1f.",
    )
    header: Header = field(
        Header.AUTO,
        title="Header row",
        description="Whether the first record has the column names. Auto: yes, if it differs from the records after "
        "it, or if all its values are texts and different. Lines before the header row are reported as an issue.",
    )
    null_values: list[NullValue] = field(
        ["NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "NaN", "nan", "\\N"],
        title="Null values",
        description="Texts that mean null, like an empty field. In quotes they are ordinary texts. The default ones "
        "mean null only in columns whose other values are all of one type, such as numbers or dates, but not text. A "
        "list of your own applies to every column.",
        widget="verbatim",
        max_length=100,
    )
    encoding: Encoding = field(
        Encoding.AUTO,
        title="Encoding",
        description="Encoding of files without a byte order mark. Auto: UTF-8; for a file that is not UTF-8, the "
        f"encoding that its letters suggest, which is reported. {ENCODING_NAMES}",
        category="advanced",
    )
    quote: Quote = field(
        Quote.AUTO,
        title="Quotes",
        description="Quote character around fields that contain delimiters or line endings. Auto: double quotes, or "
        "single quotes if the fields show them. None: quotes are ordinary characters.",
        category="advanced",
    )
    escape: Escape = field(
        Escape.AUTO,
        title="Escapes",
        description="How a quote inside quotes is written. Backslash: after a backslash. None: doubled. Auto: the one "
        "with which the first records are well-formed.",
        category="advanced",
    )
    comment: Comment = field(
        Comment.NONE,
        title="Comment lines",
        description="Skip records that begin with this character.",
        category="advanced",
    )


def record_columns() -> tuple[Column, ...]:
    """Return the columns that say where a record is."""
    return (
        *path_columns(),
        integer("record", "records", "Number of the record, counted from 1"),
        integer(
            "line",
            "lines",
            "First line of the record, counted from 1 and including the header row; null for all but text",
        ),
        integer(
            "byte_offset",
            "offset",
            "Start of the record in the file; null if the file is compressed, or not UTF-8 text",
        ),
    )
