"""``pravah clean``: delete expired jobs and orphaned files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import arguments, output, session

if TYPE_CHECKING:
    from services.models.retention import Sweep

_TROUBLE = 5
_REASONS = {"age": "too old", "number": "too many jobs", "bytes": "results too large"}
_KINDS = {
    "deleted": "belongs to a deleted job",
    "stored": "belongs to no job",
    "work": "left behind by a crashed worker",
    "cache": "cached copy without a job",
}


def clean(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Delete nothing; only show what would be deleted.")
    ] = False,
    json: arguments.Json = False,
) -> int:
    """Delete jobs beyond PRAVAH_KEEP_DAYS, _JOBS and _BYTES, and orphaned files.

    Pinned jobs, and those that unfinished jobs or presets name, stay. Exits 5 when something could not be removed.
    """
    with session.opened_here() as services, session.waiting("Checking jobs and files …"):
        sweep = services.retention.sweep(dry_run=dry_run)
    if json:
        output.data(sweep.model_dump(mode="json"))
    else:
        _show(sweep)
    return _TROUBLE if sweep.troubles else 0


def _show(sweep: Sweep) -> None:
    from services.base import units
    from services.cli.foreground import short

    rows = [
        (short(job.id), job.label, _REASONS[job.reason], units.format_ago(job.finished_at), job.size_bytes)
        for job in sweep.jobs
    ]
    rows += [("", one.name, _KINDS[one.kind], "", one.size_bytes) for one in sweep.orphans]
    if rows:
        headers = ("JOB", "WHAT", "WHY", "ENDED", "SIZE")
        output.table(headers, [(*row[:4], units.format_bytes(row[4])) for row in rows], frozenset({4}))
    freed = units.format_bytes(sweep.freed_bytes)
    jobs, orphans = _count(len(sweep.jobs), "job"), _count(len(sweep.orphans), "orphan")
    verb = "Would delete" if sweep.dry_run else "Deleted"
    output.line(f"{verb} {jobs} and {orphans}, {freed}." if rows else "Nothing to delete.")
    held = sweep.held
    pinned = f", {held.pinned} of them pinned" if held.pinned else ""
    output.line(f"{_count(held.jobs, 'finished job')}{pinned}: {units.format_bytes(held.size_bytes)} of results.")
    if sweep.foreign:
        output.line(output.plain(sweep.foreign), error=True)
    for trouble in sweep.troubles:
        output.styled(output.plain(f"{trouble.name} was not deleted: {trouble.message}"), "bold red", error=True)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
