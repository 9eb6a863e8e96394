"""How files of records are read, shared by the operations on tables; the engine's ``records/options.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pydantic

from services.operations._spec import Column, Encoding, Options, Text, field, integer, path_columns


class Files(StrEnum):
    """Which files hold records."""

    BY_NAME = "by_name"
    ALL = "all"


class Delimiter(StrEnum):
    """What ends a field."""

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
    """What the first record is."""

    AUTO = "auto"
    YES = "yes"
    NO = "no"


class Quote(StrEnum):
    """What encloses fields."""

    DOUBLE = "double"
    SINGLE = "single"
    NONE = "none"


class Escape(StrEnum):
    """What takes the meaning from the next character, inside quotes."""

    NONE = "none"
    BACKSLASH = "backslash"


class Comment(StrEnum):
    """What begins a record that is none."""

    NONE = "none"
    HASH = "hash"
    SEMICOLON = "semicolon"
    PERCENT = "percent"


NullValue = Annotated[Text, pydantic.Field(min_length=1, max_length=100)]


class ReadOptions(Options):
    """How files of records are read."""

    files: Files = field(
        Files.BY_NAME,
        title="Which files",
        description="By name: csv, tsv, tab, psv, ssv, txt, jsonl, ndjson, also compressed (gz, zst, bz2, xz, lz4); "
        "parquet, arrow, arrows, feather. All: every file, told by how it begins.",
    )
    delimiter: Delimiter = field(
        Delimiter.AUTO,
        title="Fields end with",
        description="Auto: what divides most of a file's records alike, with its reason. soh: 0x01, us: 0x1f.",
    )
    header: Header = field(
        Header.AUTO,
        title="Header line",
        description="Whether the first record holds names. Auto: when each of its values is a text of its own.",
    )
    null_values: list[NullValue] = field(
        ["NA", "N/A", "NULL", "null", "\\N"],
        title="Null values",
        description="Texts that stand for no value, as an empty field does. In quotes they are texts.",
        widget="verbatim",
        max_length=100,
    )
    encoding: Encoding = field(
        Encoding.AUTO,
        title="Text encoding",
        description="Encoding of files without a byte order mark; auto is UTF-8; the job tells which are not.",
        category="advanced",
    )
    quote: Quote = field(
        Quote.DOUBLE,
        title="Quotes",
        description="What encloses fields that hold delimiters or line ends; none: quotes are text.",
        category="advanced",
    )
    escape: Escape = field(
        Escape.NONE,
        title="Escapes",
        description="Backslash: in quotes it takes the meaning from the next character. None: a quote is doubled.",
        category="advanced",
    )
    comment: Comment = field(
        Comment.NONE,
        title="Comment lines",
        description="Leave out records that begin with this character.",
        category="advanced",
    )


def record_columns() -> tuple[Column, ...]:
    """Return the columns that say where a record is."""
    return (
        *path_columns(),
        integer("record", "records", "Number of the record, from 1"),
        integer("line", "lines", "Line that it begins in, from 1, the header counted; none in Parquet and Arrow"),
        integer("byte_offset", "bytes", "Where it begins in the file; none where bytes were decoded first"),
    )
