"""profile: what is in files of records, and whether they agree. The engine's side is ``ops/profile.rs``."""

from __future__ import annotations

from services.operations._spec import (
    REUSED,
    Example,
    Figure,
    Operation,
    Table,
    integer,
    number,
    partials,
    path_columns,
    words,
)
from services.operations.records import ReadOptions


class ProfileOptions(ReadOptions):
    """Options of profile: how the files are read."""


_COLUMN = words("column", "The column's name in the header, or column_1 and so on")
_POSITION = integer("position", "columns", "Its place in the file, from 1; over all files the least of them")
_TYPE = words("type", "The narrowest type that holds every value: integer, float, boolean, date, timestamp, time, text")
_VALUES = integer("values", "values", "Fields that hold a value")
_NULLS = integer("nulls", "fields", "Fields that hold none: empty ones, null values, and those that short records lack")
_DISTINCT = integer("distinct", "values", "Distinct values")
_LEAST = words(
    "least", "The least value, exact; of texts in the order of their bytes; with texts among numbers that of the texts"
)
_GREATEST = words("greatest", "The greatest value, exact")
_MEAN = number("mean", "values", "Mean of numbers, exact")
_SCHEMA = words("schema", "Identifier of the columns' names, order and types")
_FILES = integer("files", "files", "Files that have it")

_RESULT = (
    _COLUMN,
    _POSITION,
    _TYPE,
    words("evidence", "How many values are of each type, and where the first of the rarer ones is"),
    words(
        "nature", "constant, empty, key: every record has a value of its own; likely key: as far as an estimate tells"
    ),
    _VALUES,
    _NULLS,
    number("null_share", "%", "Share of the fields that hold no value"),
    integer("empties", "values", "Empty texts: quotes with nothing between"),
    integer("missing", "fields", "Fields that short records lack; they are among the nulls"),
    _DISTINCT,
    words("distinct_is", "exact; estimate: standard error 1.6 %"),
    _LEAST,
    _GREATEST,
    _MEAN,
    number("deviation", "values", "Standard deviation of numbers, as of a sample"),
    words("p05", "The value that 5 % of the values do not exceed; ranks of all quantiles are within 1 %"),
    words("p25", "The value that 25 % do not exceed"),
    words("median", "The value that half of them do not exceed"),
    words("p75", "The value that 75 % do not exceed"),
    words("p95", "The value that 95 % do not exceed"),
    integer("shortest", "bytes", "Length of the shortest value"),
    integer("longest", "bytes", "Length of the longest value"),
    number("mean_length", "bytes", "Mean length"),
    integer("spaced", "values", "Texts that begin or end with white space"),
    integer("leading_zeros", "values", "Texts that are digits behind a zero"),
    words("pattern", "What nine of ten texts look like: e-mail, uuid, url, ipv4, currency, a form of dates, and so on"),
    words("suspicious", "Values that may stand for no value, with their counts"),
    _FILES,
    words("first_file", "The first file by name that has it"),
)
_FILE_COLUMNS = (
    *path_columns(),
    integer("size_bytes", "bytes", "Size, compressed where it is"),
    words("encoding", "utf-8, utf-16le, utf-16be, as asked, or not utf-8"),
    words("packed", "How it is compressed"),
    words("delimiter", "What ends a field"),
    number("confidence", "%", "How sure the delimiter is"),
    words("delimiter_reason", "What was counted to find it"),
    words("header", "yes or no: the first record holds names"),
    words("header_reason", "Why"),
    integer("columns", "columns", "Columns"),
    integer("records", "records", "Records without the header"),
    integer("ragged", "records", "Records of another number of fields"),
    integer("first_ragged", "records", "Number of the first of them, from 1"),
    words("read", "whole; open quote: it ends in a quoted field; cut: up to a record that is too long"),
    _SCHEMA,
)

OPERATION = Operation(
    name="profile",
    title="Profile",
    summary="What is in tables (CSV, JSON Lines, Parquet, Arrow): types with evidence, ranges, quantiles, drift.",
    icon="query_stats",
    options=ProfileOptions,
    tables=(
        Table(name="result", title="Columns", columns=_RESULT),
        Table(
            name="types",
            title="Types met",
            columns=(
                _COLUMN,
                words("type", "A type that some of its values have"),
                integer("values", "values", "How many"),
                *path_columns(),
                integer("record", "records", "The first record of that file with one, from 1"),
                words("value", "That value, at most 128 bytes of it"),
            ),
        ),
        Table(
            name="top_values",
            title="Frequent values",
            columns=(
                _COLUMN,
                integer("rank", "values", "1 for the most frequent"),
                words("value", "The value, at most 128 bytes of it"),
                integer("count", "values", "How often; an estimate where distinct is one"),
                number("share", "%", "Share of the column's values"),
            ),
        ),
        Table(
            name="histogram",
            title="Distribution",
            columns=(
                _COLUMN,
                integer("bin", "values", "Number of the range, from 1"),
                words("low", "Where it begins"),
                words("high", "Where it ends"),
                integer("values", "values", "Values in it, within 1 % of all"),
            ),
        ),
        Table(
            name="lengths",
            title="Lengths of texts",
            columns=(
                _COLUMN,
                integer("from_bytes", "bytes", "The least length of the range"),
                integer("to_bytes", "bytes", "The greatest"),
                integer("values", "values", "Values that are so long; exact"),
            ),
        ),
        Table(name="files", title="Files", columns=_FILE_COLUMNS),
        Table(
            name="by_file",
            title="Columns of each file",
            columns=(
                *path_columns(),
                _COLUMN,
                _POSITION,
                _TYPE,
                _VALUES,
                _NULLS,
                _DISTINCT,
                _LEAST,
                _GREATEST,
                _MEAN,
            ),
        ),
        Table(
            name="schemas",
            title="Schemas",
            columns=(
                _SCHEMA,
                _FILES,
                integer("columns", "columns", "Columns"),
                *path_columns(),
                integer("changes", "changes", "Differences from the schema of most files"),
                words("names", "Names of the first 50 columns"),
            ),
        ),
        Table(
            name="schema_columns",
            title="Columns of each schema",
            columns=(_SCHEMA, _COLUMN, _POSITION, words("type", "Its type; none: no file has a value")),
        ),
        Table(
            name="changes",
            title="Drift",
            columns=(
                _SCHEMA,
                _COLUMN,
                words("change", "appeared, vanished, renamed, moved or type, against the schema of most files"),
                words("before", "Type, name or place in that schema"),
                words("after", "Type, name or place in this one"),
                _FILES,
                *path_columns(),
            ),
        ),
        partials("All that is merged of the file"),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        REUSED,
        Figure(key="other_files", title="Other files", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        Figure(key="records", title="Records"),
        Figure(key="columns", title="Columns"),
        Figure(key="null_share", title="Fields without a value", unit="%"),
        Figure(key="schemas", title="Schemas"),
        Figure(key="changes", title="Changes between schemas"),
        Figure(key="mixed_columns", title="Columns of several types"),
        Figure(key="constant_columns", title="Constant columns"),
        Figure(key="empty_columns", title="Empty columns"),
        Figure(key="key_columns", title="Possible keys"),
        Figure(key="ragged_records", title="Records of another width"),
        Figure(key="broken_files", title="Broken files", unit="files"),
        Figure(key="files_not_utf8", title="Not UTF-8", unit="files"),
        Figure(key="files_without_header", title="Without header", unit="files"),
        Figure(key="empty_files", title="Without a record", unit="files"),
    ),
    kept=("partials",),
    splits=True,
    cost="O(bytes) reading and parsing; memory: some MiB per thread, and per column up to a MiB that does not grow",
    examples=(
        Example(
            title="Three files that do not quite agree",
            files={
                "jan.csv": b"id,price,note\n1,9.5,ok\n2,NA,\n",
                "feb.csv": b"id,price,note\n3,10,ok\n4,n/a,x\n",
                "mar.csv": b"id;price;comment\n5;11.25;ok\n6;12\n",
            },
            expect={
                "files": 3,
                "records": 6,
                "columns": 4,
                "schemas": 3,
                "ragged_records": 1,
                "mixed_columns": 1,
                "key_columns": 1,
                "files_without_header": 0,
            },
        ),
    ),
)
