"""A question to a result table, and its SQL. Values are bound, names are checked against the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pydantic
from pydantic import Field

from services import errors
from services.jobs.models import Model

Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "contains", "starts_with", "in", "is_null", "not_null"]
_COMPARE = {"eq": "=", "ne": "IS DISTINCT FROM", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class Filter(Model):
    """One condition; several are joined by AND."""

    column: str
    operator: Operator
    value: str = ""


class ResultQuery(Model):
    """What of a table is wanted.

    Attributes:
        search: text that any text column contains, in any case.
        sort: columns, a leading ``-`` for descending.
    """

    columns: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sort: tuple[str, ...] = ()
    search: str = Field(default="", max_length=500)
    offset: int = Field(default=0, ge=0, le=2**62)
    limit: int = Field(default=100, ge=0)


class TableInfo(Model):
    """A table of a job's result."""

    name: str
    title: str
    rows: int
    size_bytes: int
    columns: list[dict[str, Any]]


class ResultPage(Model):
    """Some rows of a table.

    Attributes:
        rows: JSON values; bytes as escaped text, times as ISO 8601.
        total_rows: that match, on all pages.
    """

    columns: list[str]
    rows: list[dict[str, Any]]
    total_rows: int
    elapsed_seconds: float


def parse_filter(text: str) -> Filter:
    """Read ``column:operator:value``.

    Raises:
        InvalidOptionsError: it has another form.
    """
    column, _, rest = text.partition(":")
    operator, _, value = rest.partition(":")
    try:
        return Filter(column=column, operator=operator, value=value)
    except pydantic.ValidationError:
        known = ", ".join([*_COMPARE, "contains", "starts_with", "in", "is_null", "not_null"])
        message = f"filter {text!r} is not column:operator:value with an operator of {known}"
        raise errors.InvalidOptionsError(message, field="filter") from None


def parse_sort(text: str) -> tuple[str, ...]:
    """Read ``-size_bytes,path``."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class Schema:
    """A table's columns with DuckDB's types, and the file list to read."""

    types: dict[str, str]
    files: tuple[str, ...]

    @property
    def source(self) -> str:
        """The FROM clause; the paths are ours, quoted all the same."""
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in self.files)
        return f"read_parquet([{listed}])"

    def quoted(self, column: str) -> str:
        """Return a column's quoted name.

        Raises:
            InvalidOptionsError: the table has no such column.
        """
        if column not in self.types:
            known = ", ".join(self.types)
            raise errors.InvalidOptionsError(f"there is no column {column!r}; there are {known}", field="column")
        return '"' + column.replace('"', '""') + '"'


def where(schema: Schema, query: ResultQuery) -> tuple[str, list[Any]]:
    """Return the WHERE clause, empty for none, and its values."""
    clauses: list[str] = []
    values: list[Any] = []
    for condition in query.filters:
        clause, bound = _condition(schema, condition)
        clauses.append(clause)
        values.extend(bound)
    if query.search:
        texts = [schema.quoted(name) for name, kind in schema.types.items() if kind == "VARCHAR"]
        clauses.append("(" + " OR ".join(f"contains(lower({text}), ?)" for text in texts) + ")" if texts else "false")
        values.extend([query.search.lower()] * len(texts))
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), values


def _condition(schema: Schema, condition: Filter) -> tuple[str, list[Any]]:
    name = schema.quoted(condition.column)
    kind = schema.types[condition.column]
    if condition.operator == "is_null":
        return f"{name} IS NULL", []
    if condition.operator == "not_null":
        return f"{name} IS NOT NULL", []
    if condition.operator == "contains":
        return f"contains(lower({name}::VARCHAR), ?)", [condition.value.lower()]
    if condition.operator == "starts_with":
        return f"starts_with({name}::VARCHAR, ?)", [condition.value]
    if condition.operator == "in":
        wanted = condition.value.split(",")
        return f"{name} IN ({', '.join('?' for _ in wanted)})", [_typed(condition.column, kind, one) for one in wanted]
    return f"{name} {_COMPARE[condition.operator]} {_cast(kind)}", [_typed(condition.column, kind, condition.value)]


def _cast(kind: str) -> str:
    return "?::TIMESTAMPTZ" if kind.startswith("TIMESTAMP") else "?"


def _typed(column: str, kind: str, value: str) -> Any:
    if kind in {"BIGINT", "UBIGINT"}:
        try:
            return int(value)
        except ValueError:
            raise errors.InvalidOptionsError(f"{value!r} is no whole number, as {column} holds", field=column) from None
    return value


def order(schema: Schema, query: ResultQuery) -> str:
    """Return the ORDER BY clause, empty for none."""
    parts = []
    for term in query.sort:
        descending = term.startswith("-")
        parts.append(f"{schema.quoted(term.removeprefix('-'))} {'DESC' if descending else 'ASC'} NULLS LAST")
    return f"ORDER BY {', '.join(parts)}" if parts else ""
