"""``pravah jobs``: list, pause, cancel, re-run and delete jobs, and download results."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.base import errors
from services.cli import arguments, output, session

if TYPE_CHECKING:
    from uuid import UUID

    from services.cli.parts import Jobs, Services
    from services.models.findings import Verdict
    from services.models.jobs import JobView, Status

app = typer.Typer(
    help="List, pause, cancel, re-run and delete jobs, and download results.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list", cls=arguments.Sectioned)
def list_jobs(
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only jobs with this status, e.g. running.")
    ] = None,
    operation: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs with this operation.")] = None,
    verdict: Annotated[
        str | None, typer.Option(metavar="VERDICT", help="Only jobs with this verdict, e.g. failed.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only jobs with this text in name or source.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of jobs.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Continue after a previous page.")] = None,
    json: arguments.Json = False,
) -> int:
    """List jobs, newest first."""
    from services.models.jobs import JobFilter

    wanted = JobFilter(status=_status(status), operation=operation, verdict=_verdict(verdict), text=search)
    with session.opened() as services:
        page = services.jobs.list(wanted, cursor, limit)
    if json:
        output.data(page.model_dump(mode="json"))
        return 0
    if not page.items:
        filtered = status or operation or verdict or search
        output.line("No matching jobs." if filtered else "No jobs yet. Start one: pravah run inventory ~", error=True)
        return 0
    _table(page.items)
    if page.next_cursor:
        output.line("… and older jobs: use --limit, or --json with --cursor", error=True)
    return 0


def _status(text: str | None) -> Status | None:
    from services.models.jobs import Status as States

    if text is None:
        return None
    try:
        return States(text.upper())
    except ValueError:
        known = ", ".join(one.value.lower() for one in States)
        message = f"{text!r} is not a job status; use one of: {known}"
        raise errors.InvalidOptionsError(message, field="status") from None


def _verdict(text: str | None) -> Verdict | None:
    from services.models import findings

    if text is None or text in findings.VERDICTS:
        return text
    known = ", ".join(findings.VERDICTS)
    raise errors.InvalidOptionsError(f"{text!r} is not a verdict; use one of: {known}", field="verdict")


def _table(views: list[JobView]) -> None:
    from services.base import units
    from services.cli.foreground import short

    headers = ("ID", "OPERATION", "STATE", "FILES", "ISSUES", "STARTED", "TOOK", "SOURCE")
    rows = []
    for view in views:
        files, _ = view.amounts or (None, None)
        took = (view.finished_at - view.started_at).total_seconds() if view.finished_at and view.started_at else None
        state = view.status.lower() + (f" ({view.queue_position} in queue)" if view.queue_position else "")
        state += f", {view.verdict}" if view.verdict else ""
        name = f"{view.name}: " if view.name else ""
        cells = (
            short(view.id),
            ",".join(view.names),
            state,
            units.format_count(files),
            units.format_count(view.issues_count),
        )
        rows.append((*cells, units.format_ago(view.created_at), units.format_duration(took), name + view.source.label))
    # A narrow terminal has no room for all of them and a source that can be recognised.
    shown = (0, 1, 2, 5, 7) if output.is_narrow() else tuple(range(len(headers)))
    right = frozenset(place for place, column in enumerate(shown) if column in {3, 4, 6})
    output.table([headers[one] for one in shown], [[row[one] for one in shown] for row in rows], right)


@app.command(cls=arguments.Sectioned)
def show(job: arguments.JobId, json: arguments.Json = False) -> int:
    """Show one job: status, progress, history, figures and files."""
    from services.cli import details, run

    with session.opened() as services:
        view = services.jobs.get(services.jobs.find(job))
        if json:
            output.data(run.document(services, view))
        else:
            details.show(services, view)
    return 0


@app.command(cls=arguments.Sectioned)
def wait(
    job: arguments.JobId,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if there are issues.")] = False,
    quiet: arguments.Quiet = False,
    json: arguments.Json = False,
) -> int:
    """Wait for a job to end; exit like `pravah run`. Ctrl-C stops waiting, not the job."""
    from services.cli import foreground, run, summary

    with session.opened() as services:
        view = foreground.wait(services, services.jobs.find(job), quiet=quiet or json)
        if json:
            output.data(run.document(services, view))
        elif not quiet:
            summary.show(services, view)
    foreground.report_end(view, as_json=json)
    return foreground.exit_status(view, strict=strict)


@app.command(cls=arguments.Sectioned)
def cancel(jobs: arguments.JobIds, json: arguments.Json = False) -> int:
    """Cancel jobs. Finished jobs are not changed."""
    return _change(jobs, lambda service, job_id: service.cancel(job_id), json=json, verb="cancel requested")


@app.command(cls=arguments.Sectioned)
def pause(jobs: arguments.JobIds, json: arguments.Json = False) -> int:
    """Pause jobs. They keep their finished parts."""
    return _change(jobs, lambda service, job_id: service.pause(job_id), json=json, verb="pause requested")


@app.command(cls=arguments.Sectioned)
def resume(jobs: arguments.JobIds, json: arguments.Json = False) -> int:
    """Resume paused jobs. They continue from their finished parts, if the operation supports it."""
    return _change(jobs, lambda service, job_id: service.resume(job_id), json=json, verb="resumed")


@app.command(cls=arguments.Sectioned)
def rerun(
    jobs: arguments.JobIds,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Read all files again, also unchanged ones.")
    ] = False,
    json: arguments.Json = False,
) -> int:
    """Start new jobs with the same requests and print their IDs.

    Files that are unchanged since a completed job are not read again.
    """
    with session.opened() as services:
        views = [services.jobs.rerun(job_id, from_scratch=from_scratch) for job_id in _found(services, jobs)]
    if json:
        output.data([view.model_dump(mode="json") for view in views])
    else:
        for view in views:
            output.line(str(view.id))
    return 0


@app.command(cls=arguments.Sectioned)
def pin(jobs: arguments.JobIds, json: arguments.Json = False) -> int:
    """Pin jobs: they are never deleted automatically."""
    return _pin(jobs, pinned=True, json=json)


@app.command(cls=arguments.Sectioned)
def unpin(jobs: arguments.JobIds, json: arguments.Json = False) -> int:
    """Unpin jobs: they are deleted when they exceed a retention limit."""
    return _pin(jobs, pinned=False, json=json)


def _pin(jobs: list[str], *, pinned: bool, json: bool) -> int:
    with session.opened() as services:
        views = [services.jobs.pin(job_id, pinned=pinned) for job_id in _found(services, jobs)]
    if json:
        output.data([view.model_dump(mode="json") for view in views])
    else:
        for view in views:
            output.line(f"{view.id} {'pinned' if view.pinned else 'not pinned'}")
    return 0


@app.command(cls=arguments.Sectioned)
def delete(
    jobs: arguments.JobIds,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without confirmation.")] = False,
    json: arguments.Json = False,
) -> int:
    """Delete jobs and their results."""
    with session.opened() as services:
        ids = _found(services, jobs)
        if not yes:
            _confirm(ids)
        for job_id in ids:
            services.jobs.delete(job_id)
    if json:
        output.data({"deleted": [str(job_id) for job_id in ids]})
    else:
        output.line(f"Deleted {len(ids)} job{'s' if len(ids) > 1 else ''}.")
    return 0


def _confirm(ids: list[UUID]) -> None:
    if not output.is_terminal(sys.stdin):
        message = "deleting jobs requires a confirmation"
        raise errors.InvalidOptionsError(message, remedy="Add --yes to delete without a confirmation.", field="yes")
    for job_id in ids:
        output.line(f"  {job_id}", error=True)
    what = "this job and its result" if len(ids) == 1 else f"these {len(ids)} jobs and their results"
    if not typer.confirm(f"Delete {what}?", err=True):
        raise typer.Exit(1)


@app.command(cls=arguments.Sectioned)
def download(
    job: arguments.JobId,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Files to download; default: all.", show_default=False)
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Directory to write to; for one file also a file path, or - for stdout.",
        ),
    ] = None,
    force: arguments.Force = False,
    json: arguments.Json = False,
) -> int:
    """Download files of a completed job.

    Without --output, files go to ./pravah-<operations>-<id>, a single file to the current directory.
    """
    from services.cli import download as downloads

    with session.opened() as services:
        job_id = services.jobs.find(job)
        wanted = _names(services, job_id, names or [])
        if out == downloads.STDOUT:
            _only_one(wanted)
            stream = services.artifacts.open(job_id, wanted[0])
            downloads.to_stdout(stream.chunks, stream.artifact.media_type)
            return 0
        saved = _save(services, job_id, wanted, Path(out) if out else None, force=force, single=bool(names))
    if json:
        output.data({"saved": [str(path) for path in saved]})
    else:
        for path in saved:
            output.line(output.plain(str(path)))
    return 0


def _save(
    services: Services, job_id: UUID, wanted: list[str], place: Path | None, *, force: bool, single: bool
) -> list[Path]:
    from services.cli import download as downloads
    from services.cli.foreground import short

    if len(wanted) == 1 and single:
        target = place or Path(Path(wanted[0]).name)
        if target.is_dir():
            target /= Path(wanted[0]).name
        downloads.to_file(services.artifacts.open(job_id, wanted[0]).chunks, target, force=force)
        return [target]
    folder = place or Path(f"pravah-{'-'.join(services.jobs.get(job_id).names)}-{short(job_id)}")
    return downloads.to_folder(services.artifacts, job_id, wanted, folder, force=force)


def _names(services: Services, job_id: UUID, names: list[str]) -> list[str]:
    known = [artifact.name for artifact in services.artifacts.list(job_id)]
    if not known:
        status = services.jobs.get(job_id).status
        raise errors.ArtifactNotFoundError(f"job {job_id} has no files; it is {status.lower()}")
    for name in names:
        if name not in known:
            remedy = f"Use one of: {', '.join(known)}."
            raise errors.ArtifactNotFoundError(f"job {job_id} has no file {output.plain(name)!r}", remedy=remedy)
    return names or known


def _only_one(wanted: list[str]) -> None:
    if len(wanted) != 1:
        remedy = f"Use one of: {', '.join(wanted)}."
        raise errors.InvalidOptionsError("only one file can go to stdout", remedy=remedy, field="output")


def _found(services: Services, jobs: list[str]) -> list[UUID]:
    """Return the ids that are meant, each once: all of them are looked up before anything is done."""
    return list(dict.fromkeys(services.jobs.find(job) for job in jobs))


def _change(jobs: list[str], change: Callable[[Jobs, UUID], JobView], *, json: bool, verb: str) -> int:
    """Do the same to some jobs, and tell what each is now; `verb` for one that goes on."""
    with session.opened() as services:
        views = [change(services.jobs, job_id) for job_id in _found(services, jobs)]
    if json:
        output.data([view.model_dump(mode="json") for view in views])
        return 0
    for view in views:
        state = view.status.lower() if view.is_final else verb
        output.line(f"{view.id} {state}")
    return 0
