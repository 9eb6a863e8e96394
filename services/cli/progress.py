"""The line that a person sees while a job runs."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import Any

from services.base import units
from services.cli import output
from services.models.jobs import JobView, Progress, Status


class Bar:
    """Stage, bar, files, bytes, rate and remaining time on stderr; nothing where no terminal is."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Make it; `__enter__` shows it."""
        self._bar: Any = None
        if not quiet and output.is_terminal(sys.stderr):
            from rich.progress import BarColumn, Progress as RichProgress, SpinnerColumn, TextColumn  # noqa: I001

            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[figures]}", markup=False),
                TextColumn("   "),  # room for the "^C" that a terminal prints, which would wrap the line
            )
            self._bar = RichProgress(*columns, console=output.console(error=True), transient=True, expand=True)
            self._task = self._bar.add_task("submitting", total=None, figures="")

    def __enter__(self) -> Bar:
        """Show the line."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        if self._bar is not None:
            with contextlib.suppress(BrokenPipeError):
                self._bar.stop()

    def show(self, view: JobView) -> None:
        """Show how a job stands."""
        if self._bar is None:
            return
        progress = view.progress
        total, done = (1.0, progress.fraction) if progress and progress.fraction is not None else (None, 0)
        self._bar.update(
            self._task,
            description=describe(view),
            total=total,
            completed=done,
            figures=figures(progress) if progress else "",
        )


def describe(view: JobView) -> str:
    """Return what a job does at this moment in a few words."""
    if view.cancel_requested and not view.is_final:
        return "cancelling"
    if view.status == Status.PAUSED:
        return "paused; pravah jobs resume continues it"
    if view.pause_requested:
        return "pausing"
    if view.status == Status.PENDING:
        place = f", place {view.queue_position:,} in the queue" if view.queue_position else ""
        return f"waiting{place}"
    if view.status == Status.INTERRUPTED:
        return "interrupted, waiting for a worker"
    if view.progress is None:
        return "starting"
    progress = view.progress
    place = f" {progress.stage_index + 1}/{progress.stage_count}" if progress.stage_count > 1 else ""
    return f"{progress.stage}{place}"


def figures(progress: Progress) -> str:
    """Return files, bytes, rate, issues and remaining time of a running job."""
    total = f" of {units.format_count(progress.files_total)}" if progress.files_total is not None else ""
    parts = [f"{units.format_count(progress.files_done)}{total} files"]
    if progress.bytes_done or progress.bytes_total:
        total = f" of {units.format_bytes(progress.bytes_total)}" if progress.bytes_total is not None else ""
        parts.append(f"{units.format_bytes(progress.bytes_done)}{total}")
    if progress.bytes_per_second:
        parts.append(units.format_rate(progress.bytes_per_second))
    elif progress.elapsed_seconds > 0.5 and progress.files_done:
        parts.append(f"{progress.files_done / progress.elapsed_seconds:,.0f} files/s")
    if progress.issues:
        parts.append(f"{progress.issues:,} issue{'s' if progress.issues > 1 else ''}")
    if progress.remaining_seconds is not None:
        parts.append(f"{units.format_duration(progress.remaining_seconds)} left")
    return " · ".join(parts)
