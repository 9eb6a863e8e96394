"""validate: files of records against a schema. The engine's side is ``ops/validate.rs``."""

from __future__ import annotations

from enum import StrEnum

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
    partials,
    path_columns,
    words,
)
from services.operations.records import ReadOptions, record_columns

_KEYS = (
    '{"fields": [{"name": "order", "type": "integer"}, {"name": "line", "type": "integer"}, {"name": "customer"}],'
    ' "primaryKey": ["order", "line"],'
    ' "foreignKeys": [{"fields": "customer", "reference": {"resource": "customers", "fields": "id"}}]}'
)
_SCHEMA = (
    '{"fields": [{"name": "id", "type": "integer", "constraints": {"required": true, "unique": true}},'
    ' {"name": "price", "type": "number", "constraints": {"minimum": 0}}]}'
)


class ExtraColumns(StrEnum):
    """What a column is that the schema does not have."""

    ERROR = "error"
    ALLOW = "allow"


class ValidateOptions(ReadOptions):
    """Options of validate."""

    schema_file: Text | None = field(
        None,
        title="Schema",
        description="Path of a Table Schema (Frictionless) or JSON Schema; none: what the first records promise.",
        widget="path",
        placeholder="what the first records promise",
    )
    schema_text: Text | None = field(
        None,
        title="Schema as text",
        description="The schema itself, as JSON; it goes before the file.",
        placeholder='{"fields": [{"name": "id", "type": "integer"}]}',
        max_length=1_000_000,
    )
    extra_columns: ExtraColumns = field(
        ExtraColumns.ERROR,
        title="Unknown columns",
        description="Whether a column that the schema does not have is an error of its file.",
    )
    destination: Text | None = destination(
        "New or empty directory for the good and the bad records of each file; without one they are not written.",
        "none: nothing is written",
    )
    min_records: int | None = field(
        None,
        title="Records at least",
        description="Fewer records are an error of their file.",
        category="advanced",
        unit="records",
        ge=0,
        le=1_000_000_000_000,
    )
    max_records: int | None = field(
        None,
        title="Records at most",
        description="More records are an error of their file.",
        category="advanced",
        unit="records",
        ge=0,
        le=1_000_000_000_000,
    )
    max_errors: int = field(
        1_000_000,
        title="Listed errors",
        description="List so many errors; all are counted, and a result that lists fewer says that it is partial.",
        category="advanced",
        unit="errors",
        ge=1,
        le=1_000_000_000,
    )


_RULE = words(
    "rule",
    "type, required, unique, foreign_key, minimum, maximum, min_length, max_length, pattern, enum, encoding; fields: "
    "the record has another number of them; missing_column, extra_column and records: the whole file",
)
_COLUMN = words("column", "The column, or those of a key; none: the whole record or file")

OPERATION = Operation(
    name="validate",
    title="Validate",
    summary="Every record of CSV, JSON Lines, Parquet or Arrow files against a schema; each error with its place.",
    icon="fact_check",
    options=ValidateOptions,
    tables=(
        Table(
            name="result",
            title="Files",
            columns=(
                *path_columns(),
                integer("size_bytes", "bytes", "Size"),
                words(
                    "verdict",
                    "valid; invalid; partial: no error, but a check could not be made; reference: a foreign key names "
                    "it, and it lacks columns of the schema",
                ),
                integer("records", "records", "Records without the header"),
                integer("good_records", "records", "Records without an error"),
                integer("bad_records", "records", "Records with one or more"),
                integer("errors", "errors", "Errors"),
                integer("listed_errors", "errors", "Errors that are in the table of errors"),
            ),
        ),
        Table(
            name="counts",
            title="Errors by rule",
            columns=(
                *path_columns(),
                _COLUMN,
                _RULE,
                integer("errors", "errors", "How many, listed or not"),
                integer("first_record", "records", "The first record with one, from 1"),
            ),
        ),
        Table(
            name="errors",
            title="Errors",
            columns=(
                *record_columns(),
                _COLUMN,
                _RULE,
                words("value", "The value, or those of a key, at most 256 bytes"),
                words("expected", "What it has to be"),
            ),
        ),
        Table(
            name="columns",
            title="Columns of each file",
            columns=(
                *path_columns(),
                words("column", "The column"),
                integer("position", "columns", "Its place, from 1"),
                words("type", "The type that its values have to have; any: none"),
                words("rules", "What else is asked of them"),
            ),
        ),
        partials("All that is told of the file"),
    ),
    figures=(
        Figure(key="verdict", title="Verdict"),
        Figure(key="schema", title="Schema"),
        Figure(key="files", title="Files", unit="files"),
        REUSED,
        Figure(key="invalid_files", title="Invalid files", unit="files"),
        Figure(key="other_files", title="Other files", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        Figure(key="records", title="Records"),
        Figure(key="good_records", title="Good records"),
        Figure(key="bad_records", title="Bad records"),
        Figure(key="errors", title="Errors"),
        Figure(key="listed_errors", title="Listed errors"),
        Figure(key="partial", title="Partial"),
        Figure(key="destination", title="Written to", optional=True),
    ),
    cost="O(bytes) reading and checking, twice for files that break a key; memory: some MiB per thread, and 16 MB for "
    "keys; more of them waits on the disk, 24 bytes a value",
    kept=("partials",),
    examples=(
        Example(
            title="Records against a Table Schema",
            files={
                "good.csv": b"id,price\n1,2.5\n2,3\n",
                "bad.csv": b"id,price\n1,-1\n1,oops\n,4\n5\n",
            },
            options={"schema_text": _SCHEMA},
            expect={
                "verdict": "invalid",
                "files": 2,
                "invalid_files": 1,
                "records": 6,
                "bad_records": 4,
                "errors": 5,
                "partial": False,
            },
        ),
        Example(
            title="A primary key of two columns, and a foreign key to another file",
            files={
                "customers.csv": b"id,name\nc1,Ada\nc2,Ben\n",
                "lines.csv": b"order,line,customer\n1,1,c1\n1,2,c2\n1,2,c1\n2,1,c9\n",
            },
            options={"schema_text": _KEYS},
            expect={
                "verdict": "invalid",
                "files": 2,
                "invalid_files": 1,
                "bad_records": 2,
                "errors": 2,
                "rules": {"unique": 1, "foreign_key": 1},
                "partial": False,
            },
        ),
        Example(
            title="A file that keeps what its beginning promises",
            files={"a.csv": b"id,day\n1,2024-02-29\n2,2024-03-01\n"},
            expect={"verdict": "valid", "schema": "of the first records", "errors": 0},
        ),
    ),
)
