"""validate: check table files against a schema. The engine's side is ``ops/validate.rs``."""

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
from services.operations.records import ColumnFormat, ReadOptions, formats, outside_figures, record_columns

_KEYS = (
    '{"fields": [{"name": "order", "type": "integer"}, {"name": "line", "type": "integer"}, {"name": "customer"}],'
    ' "primaryKey": ["order", "line"],'
    ' "foreignKeys": [{"fields": "customer", "reference": {"resource": "customers", "fields": "id"}}]}'
)
_SCHEMA = (
    '{"fields": [{"name": "id", "type": "integer", "constraints": {"required": true, "unique": true}},'
    ' {"name": "price", "type": "number", "constraints": {"minimum": 0}}]}'
)

_PACKAGE = (
    '{"resources": [{"name": "orders", "schema": {"fields": [{"name": "id", "type": "integer"}, '
    '{"name": "amount", "type": "number"}]}}, {"name": "customers", "schema": {"fields": [{"name": "id"}, '
    '{"name": "name"}]}}]}'
)


class ExtraColumns(StrEnum):
    """What to do with columns that are not in the schema."""

    ERROR = "error"
    ALLOW = "allow"


class ValidateOptions(ReadOptions):
    """Options of validate."""

    schema_file: Text | None = field(
        None,
        title="Schema",
        description="Path of a Table Schema (Frictionless) or JSON Schema file, or job:ID for what the files of an "
        "earlier profile have in common. Without one, the schema is inferred from the first records of each file.",
        widget="path",
        result_of="profile",
        result_as="schema",
        placeholder="inferred from the first records",
    )
    schema_text: Text | None = field(
        None,
        title="Schema as text",
        description="The schema as JSON text. It takes precedence over the file. A Data Package (Frictionless) has a "
        "schema for each dataset: a file is checked against the schema whose columns are the most similar.",
        widget="document",
        placeholder='{"fields": [{"name": "id", "type": "integer"}]}',
        max_length=1_000_000,
    )
    formats: list[ColumnFormat] = formats("A value that is not in the format is an error.")
    extra_columns: ExtraColumns = field(
        ExtraColumns.ERROR,
        title="Extra columns",
        description="Whether a column that is not in the schema is an error.",
    )
    destination: Text | None = destination(
        "New or empty directory for the good and the bad records (quarantine) of each file. Without one, nothing is "
        "written.",
        "none: nothing is written",
    )
    min_records: int | None = field(
        None,
        title="Minimum records",
        description="A file with fewer records has an error.",
        category="advanced",
        unit="records",
        ge=0,
        le=1_000_000_000_000,
    )
    max_records: int | None = field(
        None,
        title="Maximum records",
        description="A file with more records has an error.",
        category="advanced",
        unit="records",
        ge=0,
        le=1_000_000_000_000,
    )
    max_errors: int = field(
        1_000_000,
        title="Maximum listed errors",
        description="Number of errors to list. All errors are counted; if there are more, the result is partial.",
        category="advanced",
        unit="errors",
        ge=1,
        le=1_000_000_000,
    )


_RULE = words(
    "rule",
    "type, required, unique, foreign_key, minimum, maximum, min_length, max_length, pattern, enum, encoding; fields: "
    "too many or too few fields; missing_column, extra_column and records: the whole file; quotes: a "
    "quote that is not around the whole value",
)
_COLUMN = words("column", "The column, or the columns of a key; null: the whole record or file")

OPERATION = Operation(
    name="validate",
    title="Validate",
    summary="Checks every record of CSV, JSON, XML, Excel, Parquet, Arrow and Avro files against a schema and lists "
    "each error with its place.",
    icon="fact_check",
    options=ValidateOptions,
    tables=(
        Table(
            name="result",
            title="Files",
            columns=(
                *path_columns(),
                words(
                    "dataset",
                    "Resource of the Data Package whose schema the file was checked against; null for a single schema",
                ),
                integer("size_bytes", "bytes", "Size"),
                words(
                    "verdict",
                    "valid; invalid; partial: no error, but a check was not possible; reference: read only because a "
                    "foreign key refers to it",
                ),
                integer("records", "records", "Number of records, without the header row"),
                integer("good_records", "records", "Records without an error"),
                integer("bad_records", "records", "Records with at least one error"),
                integer("errors", "errors", "Number of errors"),
                integer("listed_errors", "errors", "Errors that are in the table `validate.errors`"),
            ),
        ),
        Table(
            name="counts",
            title="Errors by rule",
            columns=(
                *path_columns(),
                _COLUMN,
                _RULE,
                integer("errors", "errors", "Number of errors, listed or not"),
                integer("first_record", "records", "The first record with such an error, counted from 1"),
            ),
        ),
        Table(
            name="errors",
            title="Errors",
            columns=(
                *record_columns(),
                _COLUMN,
                _RULE,
                words("value", "The value, or the values of a key, at most 256 bytes"),
                words("expected", "What the rule requires"),
            ),
        ),
        Table(
            name="columns",
            title="Columns of each file",
            columns=(
                *path_columns(),
                words("column", "The column"),
                integer("position", "columns", "Position in the file, counted from 1"),
                words("type", "Required type of the values; any: no required type"),
                words("rules", "Other rules for the values"),
            ),
        ),
        partials("Results of the file, in a private format"),
    ),
    figures=(
        Figure(key="verdict", title="Verdict"),
        Figure(key="schema", title="Schema"),
        Figure(key="files", title="Files", unit="files"),
        REUSED,
        Figure(key="invalid_files", title="Invalid files", unit="files"),
        Figure(key="unread_files", title="Not read", unit="files"),
        Figure(key="other_files", title="Skipped: not a table", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        Figure(key="records", title="Records"),
        *outside_figures(),
        Figure(key="good_records", title="Good records"),
        Figure(key="bad_records", title="Bad records"),
        Figure(key="errors", title="Errors"),
        Figure(key="listed_errors", title="Listed errors"),
        Figure(key="partial", title="Partial"),
        Figure(key="destination", title="Written to", optional=True),
    ),
    cost="O(bytes) reading and checking; files that violate a key are read twice. Memory: a few MiB for each thread "
    "and 16 MiB for keys; more keys are stored on disk, 24 bytes a value",
    baseline_tables=("partials",),
    examples=(
        Example(
            title="Check records against a Table Schema",
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
            title="A schema for each dataset",
            files={
                "orders-1.csv": b"id,amount\n1,2.5\n2,3\n",
                "orders-2.csv": b"amount,id\n2,x\n",
                "customers.csv": b"id,name\nc1,Ada\n",
            },
            options={"schema_text": _PACKAGE},
            expect={"verdict": "invalid", "files": 3, "invalid_files": 1, "errors": 1, "rules": {"type": 1}},
        ),
        Example(
            title="Dates and numbers as people write them",
            files={"a.csv": b"day;price\n31.12.2024;1.234,50\n2025-02-01;7,25\n"},
            options={"delimiter": "semicolon", "formats": ["day=date:%d.%m.%Y", "price=number:1.234,56"]},
            expect={"verdict": "invalid", "errors": 1, "rules": {"type": 1}},
        ),
        Example(
            title="A file that matches the schema inferred from its first records",
            files={"a.csv": b"id,day\n1,2024-02-29\n2,2024-03-01\n"},
            expect={"verdict": "valid", "schema": "of the first records", "errors": 0},
        ),
    ),
)
