"""Parts of a result that lead to the rows behind them: the first rows of a table, a click on a bar."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from pages.components import grid, table_link
from services import bootstrap, operations
from services.models import results

Rows = list[dict[str, Any]]
_ENCODINGS = 12


def rows(
    services: bootstrap.Services,
    job_id: UUID,
    table: str,
    sort: str,
    limit: int,
    filters: Sequence[results.Filter] = (),
) -> Rows:
    """Return the first rows of a table, given as ``<operation>.<table>``."""
    question = results.ResultQuery(sort=tuple(sort.split(",")), limit=limit, filters=tuple(filters))
    return services.results.query(job_id, table, question).rows


def top(
    services: bootstrap.Services,
    job_id: UUID,
    table: str,
    columns: Collection[str],
    *,
    sort: str,
    limit: int,
    filters: Sequence[results.Filter] = (),
) -> None:
    """Show the first rows of a table, and a button that opens all of it."""
    operation, _, name = table.partition(".")
    declared = next(one for one in operations.get(operation).tables if one.name == name)
    shown = [column.model_dump() for column in declared.columns if column.name in columns]
    grid.show(rows(services, job_id, table, sort, limit, filters), shown, key=f"top_{name}")
    table_link.button("Show all", table, filters, sort=sort, key=f"to_{name}")


def encodings(services: bootstrap.Services, job_id: UUID, operation: str) -> None:
    """Show the encodings of a job's files, each with the file that is the least sure to have it."""
    columns = ("encoding", "files", "size_bytes", "invalid_files", "confidence", "path", "decided_at")
    top(services, job_id, f"{operation}.by_encoding", columns, sort="-files", limit=_ENCODINGS)


def opens(found: Rows, column: str, table: str, sort: str) -> Callable[[int], None]:
    """Return what a click on the bar of one of these rows does: list the rows of a table that have its value."""

    def pick(place: int) -> None:
        value = results.Filter(column=column, operator="eq", value=found[place][column] or "")
        table_link.open_table(table, [value], sort=sort)

    return pick
