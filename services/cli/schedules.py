"""``pravah schedules``: start jobs automatically, while ``pravah serve`` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from services.base import errors
from services.cli import arguments, output, session

if TYPE_CHECKING:
    from services.bootstrap import Services
    from services.models.jobs import JobRequest
    from services.models.schedules import LastRun, ScheduleView

app = typer.Typer(
    help="Start jobs automatically, while `pravah serve` or a worker runs.", no_args_is_help=True, rich_markup_mode=None
)

Schedule: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="SCHEDULE", help="Name of the schedule, its ID, or at least the first four digits.", show_default=False
    ),
]


@app.command("list", cls=arguments.Sectioned)
def list_schedules(json: arguments.Json = False) -> int:
    """List schedules with their next and last run."""
    with session.opened_here() as services:
        views = services.schedules.list()
    if json:
        output.data([view.model_dump(mode="json") for view in views])
    elif not views:
        output.line(
            "No schedules yet. Create one from a job: pravah schedules add NAME 'every 6h' --job latest", error=True
        )
    else:
        _table(views)
    return 0


def _table(views: list[ScheduleView]) -> None:
    from services.base import units

    headers = ("ID", "NAME", "OPERATION", "WHEN", "NEXT", "LAST", "SOURCE")
    rows = []
    for view in views:
        what = ",".join(view.job.names) if view.job else "made by an older version"
        source = view.job.source.label if view.job else ""
        next_run = units.format_ahead(view.next_run_at) if view.enabled else "paused"
        rows.append((str(view.id)[:8], view.name, what, view.words, next_run, _last(view.last_run), source))
    # A narrow terminal has no room for all of them.
    shown = (1, 3, 4, 5) if output.is_narrow() else tuple(range(len(headers)))
    output.table([headers[one] for one in shown], [[row[one] for one in shown] for row in rows])
    for view in views:
        if view.note:
            output.line(output.plain(f"{view.name}: {view.note} ({units.format_ago(view.noted_at)})"), error=True)


def _last(run: LastRun | None) -> str:
    from services.base import units

    if run is None:
        return "never"
    found = f": {'; '.join(run.findings)}" if run.findings else ""
    return f"{run.status.lower()} {units.format_ago(run.finished_at or run.created_at)}{found}"


@app.command(cls=arguments.Sectioned)
def add(  # noqa: PLR0913 - its options
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule.", show_default=False)],
    when: Annotated[
        str,
        typer.Argument(
            metavar="WHEN",
            help="Interval 'every 6h' or cron expression '30 2 * * MON-FRI', in quotes.",
            show_default=False,
        ),
    ],
    job: Annotated[str | None, typer.Option(metavar="ID", help="Run the request of this job; an ID or latest.")] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="Run this preset.")] = None,
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Time zone of the cron expression, e.g. Europe/Berlin.")
    ] = "UTC",
    webhook: Annotated[str, typer.Option(metavar="URL", help="Send notifications to this webhook.")] = "",
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="Send notifications to this e-mail address.")] = "",
    on: Annotated[
        str, typer.Option(metavar="EVENTS", help="Events to notify of: failure, finding.")
    ] = "failure,finding",
    paused: Annotated[bool, typer.Option("--paused", help="Create the schedule paused.")] = False,
    json: arguments.Json = False,
) -> int:
    """Add a schedule that runs the request of a job or a preset."""
    with session.opened_here() as services:
        asked: dict[str, Any] = {"name": name, "job": _job(services, job, preset), "when": when, "zone": zone}
        told = {"notify_on": _events(on), "webhook_url": webhook, "email": email}
        view = services.schedules.create(_request({**asked, **told, "enabled": not paused}))
    _tell(view, json=json)
    return 0


def _job(services: Services, job: str | None, preset: str | None) -> JobRequest:
    if (job is None) == (preset is None):
        message = "a schedule needs either --job or --preset"
        raise errors.InvalidOptionsError(message, remedy="Give either --job or --preset.", field="job")
    if job is not None:
        return services.jobs.get(services.jobs.find(job)).request
    presets = services.presets.list()
    if preset not in presets:
        known = ", ".join(presets) or "none"
        raise errors.InvalidOptionsError(f"there is no preset {preset!r}; there are: {known}", field="preset")
    return presets[preset]


def _events(text: str) -> list[str]:
    from services.models.schedules import Occasion

    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    known = [one.value for one in Occasion]
    unknown = [word for word in words if word not in known]
    if unknown:
        message = f"{unknown[0]!r} is not a valid event; use one of: {', '.join(known)}"
        raise errors.InvalidOptionsError(message, field="on")
    return words


def _request(values: dict[str, Any]) -> Any:
    import pydantic

    from services.models.schedules import ScheduleRequest

    try:
        return ScheduleRequest.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = str(first["loc"][0])
        message = f"{field}: {first['msg'].removeprefix('Value error, ')}"
        raise errors.InvalidOptionsError(message, field=field) from None


@app.command(cls=arguments.Sectioned)
def remove(schedule: Schedule, json: arguments.Json = False) -> int:
    """Delete a schedule. Its jobs stay, also a running one."""
    with session.opened_here() as services:
        schedule_id = services.schedules.find(schedule)
        services.schedules.delete(schedule_id)
    if json:
        output.data({"deleted": str(schedule_id)})
    else:
        output.line("Deleted the schedule. Its jobs stay.")
    return 0


@app.command(cls=arguments.Sectioned)
def pause(schedule: Schedule, json: arguments.Json = False) -> int:
    """Pause a schedule: it starts no jobs until it is resumed."""
    return _enable(schedule, enabled=False, json=json)


@app.command(cls=arguments.Sectioned)
def resume(schedule: Schedule, json: arguments.Json = False) -> int:
    """Resume a schedule. Runs missed during the pause are not caught up."""
    return _enable(schedule, enabled=True, json=json)


def _enable(schedule: str, *, enabled: bool, json: bool) -> int:
    from services.models.schedules import ScheduleChange

    with session.opened_here() as services:
        change = ScheduleChange(enabled=enabled)
        view = services.schedules.change(services.schedules.find(schedule), change)
    _tell(view, json=json)
    return 0


@app.command(cls=arguments.Sectioned)
def run(schedule: Schedule, json: arguments.Json = False) -> int:
    """Queue a job of the schedule now and print its ID."""
    with session.opened_here() as services:
        view = services.schedules.run(services.schedules.find(schedule))
    if json:
        output.data(view.model_dump(mode="json"))
    else:
        output.line(str(view.id))
    return 0


def _tell(view: ScheduleView, *, json: bool) -> None:
    from services.base import units

    if json:
        output.data(view.model_dump(mode="json"))
        return
    next_run = f"next run {units.format_moment(view.next_run_at)}" if view.enabled else "paused"
    output.line(output.plain(f"{view.name}: {view.words}; {next_run}"))
