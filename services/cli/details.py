"""``pravah jobs show``: everything about one job in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services import operations
from services.base import units
from services.cli import broken, output, progress, summary
from services.cli.foreground import short
from services.models.jobs import JobView, Status

if TYPE_CHECKING:
    from services.cli.parts import Services

_TOP_ISSUES = 5


def show(services: Services, view: JobView) -> None:
    """Print the request, status, history and result of a job."""
    output.styled(f"Job {view.id}", "bold")
    _fields(view)
    if view.error is not None:
        output.line()
        output.styled(output.plain(view.error.message), "bold red")
        output.line(f"  {output.plain(view.error.remedy)}")
    if view.status == Status.COMPLETED:
        output.line()
        summary.figures(view)
        summary.extent(view)
        broken.show(services, view)
    if view.issues_count:
        output.line()
        summary.issues(services.results.issues(view.id, 0, _TOP_ISSUES), view.issues_count, view.id)
    output.line()
    output.styled("History", "bold")
    for event in view.events:
        output.line(output.plain(f"  {units.format_moment(event.at)}  {event.status.lower():<11}  {event.note}"))
    files = services.artifacts.list(view.id)
    if files:
        output.line()
        output.styled(f"Files (pravah jobs download {short(view.id)} NAME)", "bold")
        wide = max(len(file.name) for file in files)
        for file in files:
            output.line(output.plain(f"  {file.name:<{wide}}  {units.format_bytes(file.size_bytes):>9}"))


def _fields(view: JobView) -> None:
    rows = [
        ("Operation", ", ".join(view.names)),
        ("Source", view.source.label),
        ("Name", view.name or ""),
        ("Options", _changed(view)),
        ("State", _state(view)),
        ("Submitted", f"{units.format_moment(view.created_at)}, {units.format_ago(view.created_at)}"),
        ("Attempt", f"{view.attempt}" if view.attempt > 1 else ""),
        ("Schedule", view.schedule_name or ""),
        ("Re-run of", str(view.rerun_of) if view.rerun_of else ""),
        ("Baseline", str(view.baseline) if view.baseline else ""),
        ("Pinned", "yes: never deleted automatically" if view.pinned else ""),
    ]
    for title, value in rows:
        if value:
            output.line(output.plain(f"  {title:<10}{value}"))


def _state(view: JobView) -> str:
    if view.status == Status.RUNNING:
        figures = f" · {progress.figures(view.progress)}" if view.progress else ""
        return f"running: {progress.describe(view)}{figures}"
    if view.status == Status.PENDING:
        return progress.describe(view)
    if view.finished_at and view.started_at:
        took = units.format_duration((view.finished_at - view.started_at).total_seconds())
        return f"{view.status.lower()} in {took}"
    return view.status.lower()


def _changed(view: JobView) -> str:
    """Return the options that differ from the defaults, as they are typed."""
    chosen = tuple(operations.get(name) for name in view.names)
    names = operations.option_names(chosen)
    given: dict[str, Any] = {}
    for operation, asked in zip(chosen, view.operations, strict=True):
        # Not validated: an option without default may be missing.
        defaults = operation.options.model_construct().model_dump(mode="json", warnings=False)
        for name, value in asked.options.items():
            if name not in defaults or value != defaults[name]:
                given[names.get((operation.name, name), name)] = value
    given |= view.walk.model_dump(mode="json", exclude_defaults=True)
    return "  ".join(_option(name.replace("_", "-"), value) for name, value in given.items())


def _option(flag: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    shown = ",".join(str(one) for one in value) if isinstance(value, list) else str(value)
    return f"--{flag} {shown}"
