"""How table files are read, shared by profile, validate and convert; the engine's ``records/options.rs``."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

import pydantic

from services.operations._spec import (
    ENCODING_NAMES,
    Column,
    Encoding,
    Figure,
    Options,
    Text,
    field,
    integer,
    path_columns,
)


class Files(StrEnum):
    """Which files are read as table files."""

    BY_NAME = "by_name"
    ALL = "all"


class InitialSpace(StrEnum):
    """Whether spaces before a field are left out."""

    AUTO = "auto"
    YES = "yes"
    NO = "no"


DELIMITERS = ("auto", "comma", "tab", "semicolon", "pipe", "colon", "space", "caret", "tilde", "soh", "us")
"""Names that the delimiter option has for characters that are hard to type."""
QUOTES = ("auto", "double", "single", "none")
ESCAPES = ("auto", "none", "backslash")

# The engine counts bytes, which a pattern cannot: one to eight, of characters that have one, or four at most.
_ASCII = r"[\u0001-\u0009\u000b\u000c\u000e-\u007f]"
_ANY = r"[^\u0000\r\n]"
_NO_QUOTE = r"[^\u0000\r\n\"']"
_OF_DELIMITERS = f"^({'|'.join(DELIMITERS)}|{_ASCII}{{1,8}}|{_ANY}{{1,2}})$"
_OF_QUOTES = f"^({'|'.join(QUOTES)}|{_ASCII})$"
_OF_ESCAPES = f"^({'|'.join(ESCAPES)}|{_ASCII})$"
_OF_COMMENTS = rf"^([!#-&(-\u007e]{_ASCII}{{0,15}}|{_NO_QUOTE}{_ANY}{{0,3}})$"


def _of(pattern: str, words: str) -> tuple[Any, Any]:
    """Demand a pattern, which the schema shows, and say in words what it demands."""

    def check(value: Any) -> Any:
        if isinstance(value, str) and not re.fullmatch(pattern, value):
            raise ValueError(f"must be {words}")
        return value

    # Not as Pydantic's own pattern: that of `Text` would be shown in its place.
    return pydantic.BeforeValidator(check), pydantic.Field(min_length=1, json_schema_extra={"pattern": pattern})


_ONE_OF = "one ASCII character or one of "
Delimiter = Annotated[
    Text, *_of(_OF_DELIMITERS, "at most eight bytes without a line ending, or one of " + ", ".join(DELIMITERS))
]
Quote = Annotated[Text, *_of(_OF_QUOTES, _ONE_OF + ", ".join(QUOTES))]
Escape = Annotated[Text, *_of(_OF_ESCAPES, _ONE_OF + ", ".join(ESCAPES))]
Comment = Annotated[Text, *_of(_OF_COMMENTS, "at most 16 bytes without a line ending, and not begin with a quote")]
NullValue = Annotated[Text, pydantic.Field(min_length=1, max_length=100)]


RecordPath = Annotated[str, pydantic.Field(max_length=1000, pattern=r"^(/[^/@\s\u0000][^/\s\u0000]*)+$")]
ColumnWidth = Annotated[
    str,
    pydantic.Field(max_length=500, pattern=r"^([^\u0000]*[^\u0000=]=)?\s*[1-9][0-9]{0,6}(\s*-\s*[1-9][0-9]{0,6})?\s*$"),
]
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
        description="By name: csv, tsv, tab, psv, ssv, txt, fwf, prn, json, jsonl, ndjson and xml, also compressed "
        "(gz, zst, bz2, xz, lz4); parquet, arrow, arrows, feather, avro; xlsx, xlsm, xlsb, xls and ods, where each "
        "sheet is a table called book.xlsx#Sheet1. All: every file; its format is detected from its first bytes.",
    )
    delimiter: Delimiter = field(
        "auto",
        title="Delimiter",
        description="Characters between two fields: at most eight bytes such as ; or ||, or one of the names. Auto: "
        "those that split most records into the same number of fields; values such as times and URLs are not split. "
        "soh = 0x01, us = 0x1f.",
        widget="verbatim",
        suggestions=DELIMITERS,
    )
    header_rows: int | None = field(
        None,
        title="Header rows",
        description="Number of records with the column names, from 0 to 10. Names in several rows are joined with a "
        "space. Without a number: one, if the first record differs from those after it, or if all its values are texts "
        "and different; more, if rows of units or names follow.",
        placeholder="detected",
        ge=0,
        le=10,
    )
    skip_lines: int | None = field(
        None,
        title="Lines before the table",
        description="Number of lines to skip before the header row; they are counted and reported. Without a number: "
        "the start of the table is detected.",
        placeholder="detected",
        ge=0,
        le=10_000,
    )
    footer: int | None = field(
        None,
        title="Lines after the table",
        description="Number of lines at the end of the file that are not records, such as totals and notes; empty "
        "lines do not count. They are counted and reported. Without a number: notes are detected, and a total if it is "
        "the sum of the records.",
        placeholder="detected",
        ge=0,
        le=1000,
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
    widths: list[ColumnWidth] = field(
        [],
        title="Column widths",
        description="Columns of text with fixed widths, each as its number of characters (8) or as its first and last "
        "one, counted from 1 (1-8), also with a name (id=8 or id=1-8). Spaces around values are left out. Without any: "
        "detected, if only spaces stand between the columns of all lines or a line of dashes follows the names.",
        category="advanced",
        widget="verbatim",
        placeholder="detected",
        max_length=10_000,
    )
    widths_file: Text | None = field(
        None,
        title="Layout file",
        description="Path of a file with the columns of text with fixed widths, instead of Column widths. It is CSV or "
        "JSON with name and width, or name, start and end or width. Positions count from 1.",
        category="advanced",
        widget="path",
        placeholder="none",
    )
    widths_text: Text | None = field(
        None,
        title="Layout as text",
        description="The columns as CSV or JSON text, as in a layout file. It takes precedence over the file.",
        category="advanced",
        widget="document",
        placeholder="name,start,end",
        max_length=1_000_000,
    )
    record_length: int | None = field(
        None,
        title="Record length",
        description="Number of characters of a record in text with fixed widths and without line endings between the "
        "records. Needs the columns. What remains at the end of a file is a bad record, and is reported.",
        category="advanced",
        unit="characters",
        placeholder="a line is a record",
        ge=1,
        le=1 << 20,
    )
    record_path: RecordPath | None = field(
        None,
        title="Path of the records",
        description="The XML elements that are records, as a path from the root such as /catalog/book. Without a path: "
        "the highest element that appears several times in one parent and holds most of the values.",
        category="advanced",
        widget="verbatim",
        placeholder="detected",
    )
    quote: Quote = field(
        "auto",
        title="Quotes",
        description="Quote character around fields that contain delimiters or line endings: a character or one of the "
        "names. Auto: double quotes, or single quotes if the fields show them. None: quotes are ordinary characters.",
        category="advanced",
        widget="verbatim",
        suggestions=QUOTES,
    )
    escape: Escape = field(
        "auto",
        title="Escapes",
        description="Character before a quote inside quotes; without quotes, before a delimiter or line ending. "
        "None: a quote is doubled. Auto: the one with which the first records are well-formed, also outside quotes if "
        "they show that.",
        category="advanced",
        widget="verbatim",
        suggestions=ESCAPES,
    )
    comment: Comment | None = field(
        None,
        title="Comment lines",
        description="Skip records that begin with these characters, such as # or //. They are counted.",
        category="advanced",
        widget="verbatim",
        placeholder="none",
    )
    skip_initial_space: InitialSpace = field(
        InitialSpace.AUTO,
        title="Spaces before fields",
        description="Whether spaces before a field are left out. Auto: yes, if quotes follow them and all records have "
        'them, as in: 1, "a, b".',
        category="advanced",
    )


class SchemaOptions(ReadOptions):
    """How table files are read, and the schema of their columns: one declaration for validate and convert."""

    schema_file: Text | None = field(
        None,
        title="Schema",
        description="Path of a Table Schema (Frictionless) or JSON Schema file, or job:ID for what the files of an "
        "earlier profile have in common. Validate checks the records against it. Values of JSON, Parquet, Arrow and "
        "Avro must themselves have the types of a JSON Schema: 1 is not a string, and null only has the type null in "
        "JSON. Otherwise text that reads as a type has it. Bounds are compared by all digits. Convert gives the "
        "columns its types: a value of another type is a bad record; other rules of the schema are not checked. "
        "Without a schema, types are those of the records.",
        widget="path",
        result_of="profile",
        result_as="schema",
        placeholder="inferred from the records",
    )
    schema_text: Text | None = field(
        None,
        title="Schema as text",
        description="The schema as JSON text. It takes precedence over the file. A Data Package (Frictionless) has a "
        "schema for each dataset: a file belongs to the schema whose columns are the most similar.",
        widget="document",
        placeholder='{"fields": [{"name": "id", "type": "integer"}]}',
        max_length=1_000_000,
    )


def outside_columns() -> tuple[Column, ...]:
    """Return the columns that count the lines of a file that are not records."""
    return (
        integer("preamble_lines", "lines", "Lines before the table"),
        integer("comment_lines", "lines", "Comment lines"),
        integer("footer_lines", "lines", "Lines after the table that are not records"),
    )


def outside_figures() -> tuple[Figure, ...]:
    """Return the figures that count the lines of all files that are not records."""
    return (
        Figure(key="preamble_lines", title="Lines before tables"),
        Figure(key="comment_lines", title="Comment lines"),
        Figure(key="footer_lines", title="Lines after tables"),
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
