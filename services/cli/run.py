"""``pravah run`` and ``pravah submit``: a sub-command for each declaration, and for each list of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
import typer.core

from services.base import errors
from services.cli import output, session

if TYPE_CHECKING:
    from services.cli import declared
    from services.cli.parts import Services
    from services.models.jobs import JobRequest, JobView

RESULT = "Result and output"
Directory: TypeAlias = Annotated[
    str, typer.Argument(metavar="DIR", help="Source: a directory or s3://bucket/prefix.", show_default=False)
]
Output: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="DIR", help="Download the result to this directory.", rich_help_panel=RESULT
    ),
]
Force: TypeAlias = Annotated[
    bool, typer.Option("--force", "-f", help="Overwrite files in --output.", rich_help_panel=RESULT)
]
Strict: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--strict", help="Exit 1 also if there are other issues, or the result is partial.", rich_help_panel=RESULT
    ),
]
Quiet: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="Do not print progress and summary.", rich_help_panel=RESULT)
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the job as one JSON document.", rich_help_panel=RESULT)
]
Name: TypeAlias = Annotated[
    str | None,
    typer.Option("--name", metavar="TEXT", help="Name of the job.", rich_help_panel=RESULT),
]
Key: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="TEXT",
        help="A second job with the same key is not started; the first one is used.",
        rich_help_panel=RESULT,
    ),
]

Baseline: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="JOB",
        help="Reuse the results of this job for unchanged files.",
        rich_help_panel=RESULT,
    ),
]


Look: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Start nothing: show how many files would be read, and the first records of the first table.",
        rich_help_panel=RESULT,
    ),
]


def run_arguments(  # noqa: PLR0913 - its options
    directory: Directory,
    output: Output = None,
    force: Force = False,
    strict: Strict = False,
    quiet: Quiet = False,
    json: Json = False,
    name: Name = None,
    baseline: Baseline = None,
    idempotency_key: Key = None,
    preview: Look = False,
) -> None:
    """Declare what every ``run`` takes beside an operation's own options."""


def submit_arguments(
    directory: Directory,
    json: Json = False,
    name: Name = None,
    baseline: Baseline = None,
    idempotency_key: Key = None,
) -> None:
    """Declare what every ``submit`` takes beside an operation's own options."""


class OperationGroup(typer.core.TyperGroup):
    """A group whose commands are made from the declarations when one is needed.

    Names with commas between them are one command: the operations share one walk and one read of each file.
    """

    common: Callable[..., None] = staticmethod(run_arguments)
    verb = "run"

    def _made(self, chosen: declared.Chosen) -> Any:
        from services.cli import declared

        names = ",".join(map(declared.command_name, chosen))
        call = run if self.verb == "run" else submit
        common = declared.of_function(self.common)
        return declared.command(chosen, call, common, epilog=f"Example: pravah {self.verb} {names} ~/data")

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the operations' names."""
        from services import operations
        from services.cli import declared

        return [declared.command_name(operation) for operation in operations.OPERATIONS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of one or several operations; an underscore is as good as a dash."""
        from services import operations

        names = [name.strip().replace("-", "_") for name in cmd_name.split(",")]
        known = {operation.name: operation for operation in operations.OPERATIONS}
        unknown = [name for name in names if name not in known]
        if unknown and len(names) == 1:
            # What is close to the typed name is looked for here.
            self.commands.update({name: self._made((one,)) for name, one in known.items()})
            return None
        if unknown:
            message = f"unknown operation {output.plain(unknown[0])!r}; use one of: {', '.join(known)}"
            raise errors.InvalidOptionsError(message, field="operations")
        if len(set(names)) < len(names):
            raise errors.InvalidOptionsError(f"{cmd_name} lists an operation twice", field="operations")
        return self._made(tuple(known[name] for name in names))


class SubmitGroup(OperationGroup):
    """As `OperationGroup`, for jobs that run elsewhere."""

    common = staticmethod(submit_arguments)
    verb = "submit"


def run(chosen: declared.Chosen, values: dict[str, Any]) -> int:
    """Run a job in the foreground; return the exit status."""
    from services.cli import declared

    request = declared.request(chosen, values["directory"], values)
    with session.opened() as services:
        request = with_job_ids(services, request, values["baseline"])
        if values["preview"]:
            from services.cli import preview

            preview.show(services, request, as_json=values["json"])
            return 0
        return in_foreground(services, request, values)


def in_foreground(services: Services, request: JobRequest, values: dict[str, Any], show: Any = None) -> int:
    """Run a request and print what came out.

    Args:
        show: prints a result in words, instead of the usual summary.
    """
    from services.cli import download, foreground, summary

    folder = check_output(values["output"], force=values["force"])
    view = foreground.run(services, request, quiet=values["quiet"] or values["json"])
    files = []
    if folder is not None and view.outcome is not None:
        names = [artifact.name for artifact in services.artifacts.list(view.id)]
        files = download.to_folder(services.artifacts, view.id, names, folder, force=values["force"])
    if values["json"]:
        output.data(document(services, view))
    elif not values["quiet"]:
        (show or summary.show)(services, view)
        if files:
            output.line(f"Saved:  {output.plain(str(folder))}, {len(files)} files")
    foreground.report_end(view, as_json=values["json"])
    return foreground.exit_status(view, strict=values["strict"])


def check_output(folder: str | None, *, force: bool) -> Path | None:
    """Return the folder of ``--output``, made and looked at before a job takes its time.

    Raises:
        InvalidOptionsError: it is ``-``; a result has several files.
        OutputError: it cannot be used.
    """
    from services.cli import download

    if folder is None:
        return None
    if folder in {download.STDOUT, ""}:
        remedy = "Name a directory, or run the job first and then use: pravah jobs download latest NAME -o -"
        raise errors.InvalidOptionsError(
            "--output must be a directory, because a result has several files", remedy=remedy
        )
    download.check_folder(Path(folder), force=force)
    return Path(folder)


def with_job_ids(services: Services, request: JobRequest, baseline: str | None = None) -> JobRequest:
    """Return the request with ``job:latest`` and abbreviated ids in its path options written out, and its baseline.

    Raises:
        JobNotFoundError, InvalidOptionsError: as `JobService.find`.
    """
    from services.models import request_paths

    def written_out(option: request_paths.PathOption) -> str:
        if option.result_of is None or not option.value.startswith(request_paths.JOB_REFERENCE):
            return option.value
        return (
            f"{request_paths.JOB_REFERENCE}{services.jobs.find(option.value.removeprefix(request_paths.JOB_REFERENCE))}"
        )

    if baseline is not None:
        request = request.model_copy(update={"baseline": services.jobs.find(baseline)})
    return request_paths.with_paths(request, written_out)


def submit(chosen: declared.Chosen, values: dict[str, Any]) -> int:
    """Queue a job and print its id; return the exit status."""
    from services.cli import declared

    request = declared.request(chosen, values["directory"], values)
    with session.opened() as services:
        view, _ = services.jobs.submit(with_job_ids(services, request, values["baseline"]))
        if values["json"]:
            output.data(view.model_dump(mode="json"))
        else:
            output.line(str(view.id))
    return 0


def document(services: Services, view: JobView) -> dict[str, Any]:
    """Return a job as JSON values, with its files."""
    files = [artifact.model_dump(mode="json") for artifact in services.artifacts.list(view.id)]
    return {**view.model_dump(mode="json"), "artifacts": files}


def group(cls: type[OperationGroup], summary: str) -> typer.Typer:
    """Return a Typer application whose commands `cls` makes."""
    app = typer.Typer(cls=cls, help=summary, no_args_is_help=True, rich_markup_mode=None)

    @app.callback()
    def _callback() -> None:
        pass

    return app
