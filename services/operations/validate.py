"""validate: check table files against a schema. The engine's side is ``ops/validate.rs``."""

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
    partials,
    path_columns,
    words,
)
from services.operations.records import ColumnFormat, SchemaOptions, formats, outside_figures, record_columns

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


RuleText = Annotated[str, pydantic.Field(min_length=1, max_length=2000, pattern=r"^[^\u0000]+$")]
"""A rule across columns; the engine reads its expression."""


class ExtraColumns(StrEnum):
    """What to do with columns that are not in the schema."""

    ERROR = "error"
    ALLOW = "allow"


class ValidateOptions(SchemaOptions):
    """Options of validate."""

    formats: list[ColumnFormat] = formats("A value that is not in the format is an error.")
    extra_columns: ExtraColumns = field(
        ExtraColumns.ERROR,
        title="Extra columns",
        description="Whether a column that is not in the schema is an error.",
    )
    rules: list[RuleText] = field(
        [],
        title="Rules",
        description="Rules across columns, one a line, each as name: expression or name: expression when condition. "
        "The language of expressions is CEL: ends >= starts, price * count == total, status in ['open', 'done']. A "
        "record that breaks a rule is a bad record. A record that lacks a value is not decided, and counted. "
        "Aggregates are about all records of a dataset: sum(amount) > 0, max(created) > now - duration('24h'), "
        "count() >= 0.5 * last_result.records, now - last_result.time < duration('25h'), where the last result is the "
        "baseline of the job.",
        widget="verbatim",
        placeholder="order: ends >= starts",
        max_length=100,
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
    "quote that is not around the whole value; or the name of a rule across columns",
)
_COLUMN = words("column", "The column, or the columns of a key or rule; null: the whole record or file")

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
                words("value", "The value, or the values of a key or rule, at most 256 bytes"),
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
        Table(
            name="rules",
            title="Rules across columns",
            columns=(
                *path_columns(),
                words("rule", "Name of the rule"),
                words("expression", "What each record has to meet"),
                integer("records", "records", "Number of records"),
                integer("broken_records", "records", "Records for which the expression is false"),
                integer(
                    "undecided_records",
                    "records",
                    "Records that were not decided: a value is missing, or the reason is given",
                ),
                integer("first_broken", "records", "The first broken record, counted from 1"),
                integer("first_undecided", "records", "The first record that was not decided, counted from 1"),
                words("reason", "Why it was not decided; null: a value is missing"),
            ),
        ),
        Table(
            name="dataset_rules",
            title="Rules about all records",
            columns=(
                words("dataset", "The dataset: the files of a schema, or files with similar columns"),
                integer("files", "files", "Number of files"),
                integer("records", "records", "Number of records"),
                words("rule", "Name of the rule"),
                words("expression", "What all records together have to meet"),
                words("verdict", "kept, broken or undecided"),
                words("values", "Values of the aggregates"),
                words("reason", "Why it was not decided; null: a value is missing"),
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
        Figure(key="undecided", title="Not decided by rules"),
        Figure(key="dataset_rules.broken", title="Broken rules about all records"),
        Figure(key="partial", title="Partial"),
        Figure(key="destination", title="Written to", optional=True),
    ),
    cost="O(bytes) reading and checking; files that violate a key are read twice. Memory: a few MiB for each thread "
    "and 16 MiB for keys; more keys are stored on disk, 24 bytes a value",
    baseline_tables=("partials", "dataset_rules"),
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
            title="Rules across columns",
            files={
                "stays.csv": b"guest,starts,ends,nights,price\n"
                b"Ada,2024-03-01,2024-03-03,2,80.10\nBen,2024-03-09,2024-03-02,1,75\nEve,2024-03-05,,1,0\n"
            },
            options={"rules": ["order: ends >= starts", "paid: price > 0 when nights > 0"]},
            expect={
                "verdict": "invalid",
                "bad_records": 2,
                "errors": 2,
                "rules": {"order": 1, "paid": 1},
                "undecided": 1,
            },
        ),
        Example(
            title="Rules about all records",
            files={"sales_1.csv": b"id,amount\n1,0.1\n2,0.2\n", "sales_2.csv": b"id,amount\n3,-0.3\n"},
            options={"rules": ["turnover: sum(amount) > 0", "three: count() == 3 && max(id) == 3"]},
            expect={
                "verdict": "invalid",
                "errors": 0,
                "dataset_rules": {"kept": 1, "broken": 1, "undecided": 0},
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
