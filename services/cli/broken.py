"""The rules that files break, as the page lists them: how many errors, and the first places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services import operations
from services.cli import output
from services.cli.foreground import short
from services.models.jobs import JobView
from services.models.results import Filter, ResultQuery

if TYPE_CHECKING:
    from services.cli.parts import Services

_RULES = 20
_COUNTS, _OF_DATASETS = "counts", "dataset_rules"


def show(services: Services, view: JobView) -> None:
    """Print the broken rules that the results of a job count; nothing if there are none."""
    for result in (view.outcome or {}).get("results", []):
        name = result["operation"]
        if not {table.name for table in operations.get(name).tables} >= {_COUNTS, _OF_DATASETS}:
            continue
        if result["summary"]["errors"]:
            _of_records(services, view, f"{name}.{_COUNTS}")
        if result["summary"][_OF_DATASETS]["broken"]:
            _of_datasets(services, view, f"{name}.{_OF_DATASETS}")


def _of_records(services: Services, view: JobView, table: str) -> None:
    rows, total = services.results.broken_rules(view.id, _RULES)
    output.line()
    output.styled("Broken rules", "bold yellow")
    cells = [
        (one["rule"], one["column"] or "", f"{one['errors']:,}", f"{one['files']:,}", _places(one)) for one in rows
    ]
    output.table(("RULE", "COLUMN", "ERRORS", "FILES", "FIRST"), cells, frozenset({2, 3}))
    _more(total - len(rows), f"pravah jobs results {short(view.id)} {table}")


def _places(row: dict[str, Any]) -> str:
    more = "; …" if row["files"] > len(row["places"]) else ""
    return "; ".join(row["places"]) + more


def _of_datasets(services: Services, view: JobView, table: str) -> None:
    broken = Filter(column="verdict", operator="eq", value="broken")
    query = ResultQuery(filters=(broken,), sort=("dataset", "rule"), limit=_RULES)
    page = services.results.query(view.id, table, query)
    output.line()
    output.styled("Broken rules about all records", "bold yellow")
    names = ("rule", "dataset", "records", "values")
    rows = page.rows
    cells = [[f"{row[name]:,}" if name == "records" else row[name] or "" for name in names] for row in rows]
    output.table([name.upper() for name in names], cells, frozenset({2}))
    _more(page.total_rows - len(rows), f"pravah jobs results {short(view.id)} {table}")


def _more(count: int, command: str) -> None:
    if count:
        output.line(f"  … {count:,} more: `{command}`")
