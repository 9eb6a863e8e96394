"""profile: what is in files of records, and whether they agree. The engine's side is ``ops/profile.rs``."""

from __future__ import annotations

from services.operations._spec import Column, Example, Figure, Operation, Table, path_columns
from services.operations.records import ReadOptions


class ProfileOptions(ReadOptions):
    """Options of profile: how the files are read."""


def _integer(name: str, unit: str, meaning: str) -> Column:
    return Column(name=name, dtype="integer", unit=unit, meaning=meaning)


def _number(name: str, unit: str, meaning: str) -> Column:
    return Column(name=name, dtype="number", unit=unit, meaning=meaning)


def _text(name: str, meaning: str) -> Column:
    return Column(name=name, dtype="text", meaning=meaning)


_COLUMN = _text("column", "The column's name in the header, or column_1 and so on")
_POSITION = _integer("position", "columns", "Its place in the file, from 1; over all files the least of them")
_TYPE = _text("type", "The narrowest type that holds every value: integer, float, boolean, date, timestamp, time, text")
_VALUES = _integer("values", "values", "Fields that hold a value")
_NULLS = _integer(
    "nulls", "fields", "Fields that hold none: empty ones, null values, and those that short records lack"
)
_DISTINCT = _integer("distinct", "values", "Distinct values")
_LEAST = _text(
    "least", "The least value, exact; of texts in the order of their bytes; with texts among numbers that of the texts"
)
_GREATEST = _text("greatest", "The greatest value, exact")
_MEAN = _number("mean", "values", "Mean of numbers, exact")
_SCHEMA = _text("schema", "Identifier of the columns' names, order and types")
_FILES = _integer("files", "files", "Files that have it")

_RESULT = (
    _COLUMN,
    _POSITION,
    _TYPE,
    _text("evidence", "How many values are of each type, and where the first of the rarer ones is"),
    _text(
        "nature", "constant, empty, key: every record has a value of its own; likely key: as far as an estimate tells"
    ),
    _VALUES,
    _NULLS,
    _number("null_share", "%", "Share of the fields that hold no value"),
    _integer("empties", "values", "Empty texts: quotes with nothing between"),
    _integer("missing", "fields", "Fields that short records lack; they are among the nulls"),
    _DISTINCT,
    _text("distinct_is", "exact; estimate: standard error 1.6 %"),
    _LEAST,
    _GREATEST,
    _MEAN,
    _number("deviation", "values", "Standard deviation of numbers, as of a sample"),
    _text("p05", "The value that 5 % of the values do not exceed; ranks of all quantiles are within 1 %"),
    _text("p25", "The value that 25 % do not exceed"),
    _text("median", "The value that half of them do not exceed"),
    _text("p75", "The value that 75 % do not exceed"),
    _text("p95", "The value that 95 % do not exceed"),
    _integer("shortest", "bytes", "Length of the shortest value"),
    _integer("longest", "bytes", "Length of the longest value"),
    _number("mean_length", "bytes", "Mean length"),
    _integer("spaced", "values", "Texts that begin or end with white space"),
    _integer("leading_zeros", "values", "Texts that are digits behind a zero"),
    _text("pattern", "What nine of ten texts look like: e-mail, uuid, url, ipv4, currency, a form of dates, and so on"),
    _text("suspicious", "Values that may stand for no value, with their counts"),
    _FILES,
    _text("first_file", "The first file by name that has it"),
)
_FILE_COLUMNS = (
    *path_columns(),
    _integer("size_bytes", "bytes", "Size, compressed where it is"),
    _text("encoding", "utf-8, utf-16le, utf-16be, as asked, or not utf-8"),
    _text("packed", "How it is compressed"),
    _text("delimiter", "What ends a field"),
    _number("confidence", "%", "How sure the delimiter is"),
    _text("delimiter_reason", "What was counted to find it"),
    _text("header", "yes or no: the first record holds names"),
    _text("header_reason", "Why"),
    _integer("columns", "columns", "Columns"),
    _integer("records", "records", "Records without the header"),
    _integer("ragged", "records", "Records of another number of fields"),
    _integer("first_ragged", "records", "Number of the first of them, from 1"),
    _text("read", "whole; open quote: it ends in a quoted field; cut: up to a record that is too long"),
    _SCHEMA,
)

OPERATION = Operation(
    name="profile",
    title="Profile",
    summary="What is in CSV files: types with their evidence, nulls, ranges, quantiles, frequent values, schema drift.",
    icon="query_stats",
    options=ProfileOptions,
    tables=(
        Table(name="result", title="Columns", columns=_RESULT),
        Table(
            name="types",
            title="Types met",
            columns=(
                _COLUMN,
                _text("type", "A type that some of its values have"),
                _integer("values", "values", "How many"),
                *path_columns(),
                _integer("record", "records", "The first record of that file with one, from 1"),
                _text("value", "That value, at most 128 bytes of it"),
            ),
        ),
        Table(
            name="top_values",
            title="Frequent values",
            columns=(
                _COLUMN,
                _integer("rank", "values", "1 for the most frequent"),
                _text("value", "The value, at most 128 bytes of it"),
                _integer("count", "values", "How often; an estimate where distinct is one"),
                _number("share", "%", "Share of the column's values"),
            ),
        ),
        Table(
            name="histogram",
            title="Distribution",
            columns=(
                _COLUMN,
                _integer("bin", "values", "Number of the range, from 1"),
                _text("low", "Where it begins"),
                _text("high", "Where it ends"),
                _integer("values", "values", "Values in it, within 1 % of all"),
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
                _integer("columns", "columns", "Columns"),
                *path_columns(),
                _integer("changes", "changes", "Differences from the schema of most files"),
                _text("names", "Names of the first 50 columns"),
            ),
        ),
        Table(
            name="schema_columns",
            title="Columns of each schema",
            columns=(_SCHEMA, _COLUMN, _POSITION, _text("type", "Its type; none: no file has a value")),
        ),
        Table(
            name="changes",
            title="Drift",
            columns=(
                _SCHEMA,
                _COLUMN,
                _text("change", "appeared, vanished, renamed, moved or type, against the schema of most files"),
                _text("before", "Type, name or place in that schema"),
                _text("after", "Type, name or place in this one"),
                _FILES,
                *path_columns(),
            ),
        ),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
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
