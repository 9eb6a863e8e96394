"""profile: what is in table files, and whether they have the same schema. The engine's side is ``ops/profile.rs``."""

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
from services.operations.records import ReadOptions, outside_columns, outside_figures


class ProfileOptions(ReadOptions):
    """Options of profile: how the files are read."""


_DATASET = words(
    "dataset",
    "The dataset: files of one table, found by their columns. At least two of three columns have the same name; files "
    "without column names have as many columns of the same types. It is called after the common part of the names of "
    "its files or their folder, else after its first columns",
)
_COLUMN = words("column", "Name of the column in the header row; without one column_1, column_2, …")
_POSITION = integer("position", "columns", "Position in the file, counted from 1; over all files the lowest one")
_TYPE = words(
    "type",
    "The narrowest type that holds nearly all values: integer, float, boolean, date, timestamp, time; otherwise text. "
    "At least 99 % of the values have to conform to it. An exception that looks like a code, such as 00123 or 12A, "
    "makes a column text",
)
_EXCEPTIONS = integer("exceptions", "values", "Values that the type does not hold")
_VALUES = integer("values", "values", "Fields with a value")
_NULLS = integer(
    "nulls", "fields", "Fields without a value: empty fields, null values, and fields missing from short records"
)
_NULL_WORDS = words("null_words", "Words that mean null in this column, and how often, such as `NA: 3`")
_DISTINCT = integer("distinct", "values", "Number of distinct values, without exceptions")
_LEAST = words(
    "least",
    "The smallest value without exceptions, exact. Texts are compared byte by byte; if the type is text but most "
    "values are of another type, the smallest of those",
)
_GREATEST = words("greatest", "The largest value without exceptions, exact")
_MEAN = number("mean", "values", "Mean of the numbers without exceptions, exact")
_SCHEMA = words("schema", "Identifier of the schema: names, order and types of the columns")
_FILES = integer("files", "files", "Number of files with it")

_RESULT = (
    _DATASET,
    _COLUMN,
    _POSITION,
    _TYPE,
    number("conformity", "%", "Percentage of the values that the type holds"),
    _EXCEPTIONS,
    words("lossless_type", "The narrowest type that holds every value, exceptions included"),
    words("evidence", "Number of values of each type, and the place of the first value of each rare type"),
    words(
        "nature",
        "constant: one value; empty: no value; key: all values are different; likely key: different according to an "
        "estimate",
    ),
    _VALUES,
    _NULLS,
    _NULL_WORDS,
    number("null_share", "%", "Percentage of fields without a value"),
    integer("empties", "values", "Empty texts: quotes with nothing between them"),
    integer("missing", "fields", "Fields missing from short records; included in the nulls"),
    _DISTINCT,
    words("distinct_is", "exact, or estimate (standard error 1.6 %)"),
    _LEAST,
    _GREATEST,
    _MEAN,
    number("deviation", "values", "Sample standard deviation of the numbers without exceptions"),
    words("p05", "5th percentile of the values without exceptions; the rank of every quantile is accurate to 1 %"),
    words("p25", "25th percentile"),
    words("median", "50th percentile"),
    words("p75", "75th percentile"),
    words("p95", "95th percentile"),
    integer("shortest", "bytes", "Length of the shortest value"),
    integer("longest", "bytes", "Length of the longest value"),
    number("mean_length", "bytes", "Mean length of the values"),
    integer("spaced", "values", "Texts with leading or trailing white space"),
    integer("leading_zeros", "values", "Numbers with leading zeros, such as 007"),
    words(
        "pattern", "What at least 90 % of the texts are: e-mail, uuid, url, ipv4, …; or the format, see table formats"
    ),
    words("suspicious", "Values that probably mean null, with their counts"),
    _FILES,
    words("first_file", "The first file with it, in the order of names"),
)
_FILE_COLUMNS = (
    *path_columns(),
    integer("size_bytes", "bytes", "Size of the file, as stored"),
    words(
        "encoding",
        "Encoding in which the file was read; not utf-8, not shift_jis, …: some bytes are not valid",
    ),
    words("packed", "Compression of the file"),
    words("delimiter", "Character between two fields"),
    number("confidence", "%", "Confidence that the delimiter is right"),
    words("delimiter_reason", "How the delimiter was detected"),
    words("header", "yes or no: the first record is a header row"),
    words("header_reason", "How the header row was detected"),
    integer("columns", "columns", "Number of columns"),
    integer("records", "records", "Number of records, without the header row"),
    integer("ragged", "records", "Records with too many or too few fields"),
    integer("first_ragged", "records", "Number of the first ragged record, counted from 1"),
    integer("odd_quotes", "values", "Values with a quote that is not around the whole value, or not doubled in it"),
    *outside_columns(),
    words(
        "read",
        "whole; open quote: the file ends inside a quoted field; odd quotes: text follows a closing quote, or a quoted "
        "field has lines that look like records; cut: reading stopped at a record that is too long; broken off: the "
        "file ends too early, or what follows could not be read",
    ),
    _SCHEMA,
)

OPERATION = Operation(
    name="profile",
    title="Profile",
    summary="Describes CSV, JSON, XML, Excel, Parquet, Arrow and Avro files: types, nulls, ranges, quantiles, "
    "differences between files.",
    icon="query_stats",
    options=ProfileOptions,
    tables=(
        Table(name="result", title="Columns", columns=_RESULT),
        Table(
            name="datasets",
            title="Datasets",
            columns=(
                _DATASET,
                _FILES,
                integer("records", "records", "Number of records in its files"),
                integer("columns", "columns", "Number of different column names in its files"),
                integer("schemas", "schemas", "Number of different schemas of its files"),
                integer("changes", "changes", "Differences of its schemas from the most common one"),
                *path_columns(),
                words("names", "Names of the first 50 columns"),
            ),
        ),
        Table(
            name="exceptions",
            title="Exceptions",
            columns=(
                _DATASET,
                _COLUMN,
                words("type", "Type of the column"),
                integer("exceptions", "values", "Number of values in the column that the type does not hold"),
                words("value", "One of the first five different exceptions, at most 128 bytes"),
                *path_columns(),
                integer("record", "records", "The first record with this value, counted from 1"),
            ),
        ),
        Table(
            name="types",
            title="Types of values",
            columns=(
                _DATASET,
                _COLUMN,
                words("type", "A type that some values have"),
                integer("values", "values", "Number of values with this type"),
                *path_columns(),
                integer("record", "records", "The first record with such a value, counted from 1"),
                words("value", "The first such value, at most 128 bytes"),
            ),
        ),
        Table(
            name="formats",
            title="Formats",
            columns=(
                _DATASET,
                _COLUMN,
                words(
                    "format",
                    "Format of at least 95 % of the values, if it is not the one of a type: a date, timestamp or time "
                    "with its strptime pattern, a number as 1234.56 is written, or the words for true and false. "
                    "Convert and validate take it in their option formats",
                ),
                words(
                    "verdict",
                    "proven; ambiguous: the column does not tell whether it is day/month or month/day, a decimal comma "
                    "or a thousands comma, or which century",
                ),
                integer("values", "values", "Fields with a value, without words such as NA"),
                integer("conforming", "values", "Values in the format"),
                number("share", "%", "Percentage of the values in the format"),
                words("example", "The first value in the format, at most 128 bytes"),
                integer("exceptions", "values", "Values that are not in the format"),
                words("first_exception", "The first value that is not in the format, at most 128 bytes"),
                *path_columns(),
                integer("record", "records", "The record with the first exception, counted from 1"),
                words("other_format", "The other format that the values may have, if the verdict is ambiguous"),
                integer("other_conforming", "values", "Values in the other format"),
                words("note", "What else to know before you use the format"),
            ),
        ),
        Table(
            name="top_values",
            title="Frequent values",
            columns=(
                _DATASET,
                _COLUMN,
                integer("rank", "values", "1 for the most frequent"),
                words("value", "The value, at most 128 bytes"),
                integer("count", "values", "Number of fields with this value; an estimate if distinct is one"),
                number("share", "%", "Percentage of the column's values"),
            ),
        ),
        Table(
            name="histogram",
            title="Distribution",
            columns=(
                _DATASET,
                _COLUMN,
                integer("bin", "values", "Number of the range, counted from 1"),
                words("low", "Lower limit of the range"),
                words("high", "Upper limit of the range"),
                integer("values", "values", "Values in the range, without exceptions; accurate to 1 % of all values"),
            ),
        ),
        Table(
            name="lengths",
            title="Lengths of texts",
            columns=(
                _DATASET,
                _COLUMN,
                integer("from_bytes", "bytes", "Smallest length in the range"),
                integer("to_bytes", "bytes", "Largest length in the range"),
                integer("values", "values", "Number of values with such a length; exact"),
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
                _EXCEPTIONS,
                _NULLS,
                _NULL_WORDS,
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
                _DATASET,
                _FILES,
                integer("columns", "columns", "Number of columns"),
                *path_columns(),
                integer("changes", "changes", "Number of differences from the most common schema of the dataset"),
                words("names", "Names of the first 50 columns"),
            ),
        ),
        Table(
            name="schema_columns",
            title="Columns of each schema",
            columns=(_SCHEMA, _COLUMN, _POSITION, words("type", "Type of the column; null if no file has a value")),
        ),
        Table(
            name="changes",
            title="Drift",
            columns=(
                _DATASET,
                _SCHEMA,
                _COLUMN,
                words(
                    "change",
                    "appeared, vanished, renamed, moved or type, compared with the most common schema of the dataset",
                ),
                words("before", "Type, name or position in the most common schema"),
                words("after", "Type, name or position in this schema"),
                _FILES,
                *path_columns(),
            ),
        ),
        partials("Partial statistics of the file, in a private format"),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        REUSED,
        Figure(key="other_files", title="Skipped: not a table", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        Figure(key="records", title="Records"),
        *outside_figures(),
        Figure(key="columns", title="Columns"),
        Figure(key="null_share", title="Fields without a value", unit="%"),
        Figure(key="datasets", title="Datasets"),
        Figure(key="left_out_files", title="Files of too many kinds", unit="files"),
        Figure(key="schemas", title="Schemas"),
        Figure(key="changes", title="Changes between schemas"),
        Figure(key="columns_with_exceptions", title="Columns with exceptions"),
        Figure(key="exceptions", title="Exceptions", unit="values"),
        Figure(key="mixed_columns", title="Columns with several types"),
        Figure(key="constant_columns", title="Constant columns"),
        Figure(key="empty_columns", title="Empty columns"),
        Figure(key="key_columns", title="Possible keys"),
        Figure(key="ambiguous_formats", title="Ambiguous formats", unit="columns"),
        Figure(key="ragged_records", title="Ragged records"),
        Figure(key="broken_files", title="Broken files", unit="files"),
        Figure(key="files_malformed", title="Not valid in encoding", unit="files"),
        Figure(key="files_without_header", title="Without header row", unit="files"),
        Figure(key="empty_files", title="Without records", unit="files"),
    ),
    baseline_tables=("partials",),
    splits=True,
    cost="O(bytes) reading and parsing. Memory: a few MiB for each thread and at most 1 MiB for each column",
    examples=(
        Example(
            title="Three files with different schemas",
            files={
                "jan.csv": b"id,price,note\n1,9.5,ok\n2,NA,\n",
                "feb.csv": b"id,price,note\n3,10,ok\n4,n/a,x\n",
                "mar.csv": b"id;price;comment\n5;11.25;ok\n6;12\n",
            },
            expect={
                "files": 3,
                "records": 6,
                "columns": 4,
                "datasets": 1,
                "schemas": 3,
                "ragged_records": 1,
                "mixed_columns": 1,
                "key_columns": 1,
                "files_without_header": 0,
            },
        ),
        Example(
            title="Dates, numbers and words as people write them",
            files={
                "a.csv": (
                    "day;due;price;paid\n31.12.2024;1/2/2025;1.234,50 €;ja\n01.02.2025;3/4/2025;7,25 €;nein\n"
                ).encode()
            },
            expect={
                "formats": ["day=date:%d.%m.%Y", "price=number:1.234,56 €", "paid=boolean:ja/nein"],
                "ambiguous_formats": 1,
            },
        ),
    ),
)
