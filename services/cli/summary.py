"""A job in words: figures of its declaration, issues, where the result is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from services import operations
from services.base import units
from services.cli import broken, output
from services.cli.foreground import short
from services.models import findings
from services.models.jobs import IssueView, JobView, Status

if TYPE_CHECKING:
    from services.cli.parts import Services

_TOP_ISSUES = 5


def show(services: Services, view: JobView) -> None:
    """Print figures, the first issues and where the result is; nothing of a job without result."""
    if view.status != Status.COMPLETED:
        return
    head(view)
    figures(view)
    extent(view)
    broken.show(services, view)
    if view.issues_count:
        output.line()
        issues(services.results.issues(view.id, 0, _TOP_ISSUES), view.issues_count, view.id)
    output.line()
    where(view.id)


def head(view: JobView) -> None:
    """Print which job it is and how it ended."""
    outcome = view.outcome or {}
    took = units.format_duration(outcome.get("elapsed_seconds"))
    output.styled(output.plain(f"{operations.titles(view.names)} of {view.source.label}, done in {took}"), "bold")


def extent(view: JobView) -> None:
    """Print what the job did not look at: paths that it could not read, and entries that its filters left out."""
    if count := findings.incomplete(view.outcome):
        output.styled(f"Incomplete: {findings.not_read(count)}", "bold red")
    if count := findings.filtered(view.outcome):
        output.line(findings.left_out(count))


def figures(view: JobView) -> None:
    """Print the figures of a job's results, one a line; of several below their operations' titles."""
    found = (view.outcome or {}).get("results", [])
    for result in found:
        operation = operations.get(result["operation"])
        if len(found) > 1:
            output.styled(output.plain(operation.title), "bold")
        _figures(operation, result["summary"])


def _figures(operation: operations.Operation, summary: dict[str, Any]) -> None:
    found = [(one, _at(summary, one.key)) for one in operation.figures]
    rows = [(one.title, *_value(value, one.unit)) for one, value in found if value is not None]
    wide = max((len(title) for title, _, _ in rows), default=0)
    wide_value = max((len(value) for _, value, exact in rows if value[:1].isdigit()), default=0)
    for title, value, exact in rows:
        shown = value.rjust(wide_value) if value[:1].isdigit() else value
        output.line(output.plain(f"  {title:<{wide}}  {shown}{exact}"))


def _at(summary: dict[str, Any], key: str) -> Any:
    value: Any = summary
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _value(value: Any, unit: str | None) -> tuple[str, str]:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value), ""
    if unit == "bytes":
        return units.format_bytes(value), f"  ({value:,} bytes)" if value >= 1024 else ""
    if unit == "bytes/s":
        return units.format_rate(value), ""
    if unit == "seconds":
        return units.format_duration(value), ""
    if unit == "%":
        return units.format_percent(value), ""
    if isinstance(value, bool):
        return "yes" if value else "no", ""
    if isinstance(value, int):
        return units.format_count(value), ""
    return str(value), ""


def issues(found: list[IssueView], count: int, job_id: UUID) -> None:
    """Print the first issues and how to see the others."""
    output.styled(f"{count:,} issue{'' if count == 1 else 's'}", "bold yellow")
    for issue in found:
        output.line(output.plain(f"  {issue.kind}: {issue.path}: {issue.message}"))
    if count > len(found):
        output.line(f"  … `pravah jobs issues {short(job_id)}` lists all")


def where(job_id: UUID) -> None:
    """Print how to come to the result."""
    name = short(job_id)
    output.line(f"Result: pravah jobs results {name} · pravah jobs download {name}")
