"""An unfinished job: its progress, rate and remaining time."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.base import text
from pages.components import job_actions, moments
from pages.components.charts import rate
from services import bootstrap
from services.base import units
from services.models.jobs import JobView, Progress, Status

_NOTHING = "The job has just started."


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show queue place or progress, as it is now."""
    if job.status == Status.PAUSED:
        _paused(job)
        return
    if job.status != Status.RUNNING:
        _waiting(services, job)
        return
    if job.progress is None:
        st.progress(0.0, text=_NOTHING)
        return
    _bar(job.progress)
    _figures(job.progress)
    rate.show(job.samples, key="rate_live")
    if waiting := services.jobs.counts()[Status.PENDING]:
        st.caption(f"{text.count(waiting, 'job waits', 'jobs wait')} in the queue.")


def _paused(job: JobView) -> None:
    st.info(f"This job is paused. When it is resumed, {job_actions.resumed_from(job)}.", icon=":material/pause_circle:")
    if job.progress is not None:
        _bar(job.progress)


def _waiting(services: bootstrap.Services, job: JobView) -> None:
    running = services.jobs.counts()[Status.RUNNING]
    limit = services.settings.concurrency_limit
    place = units.format_count(job.queue_position or 1)
    st.info(
        f"Place **{place}** in the queue. {text.count(running, 'job runs', 'jobs run')} now, "
        f"at most {limit} at once; this job starts automatically.",
        icon=":material/schedule:",
    )
    worker = next(line for line in services.health() if line.part == "worker")
    if running == 0 and not worker.detail.startswith("running here"):
        st.caption("No worker is running in this process. Start one with `pravah serve worker`.")
    st.html(f'<div class="pravah-line">Submitted {moments.html(job.created_at)}</div>')


def _bar(progress: Progress) -> None:
    stage = f"{progress.stage.capitalize()}, stage {progress.stage_index + 1} of {progress.stage_count}"
    done = progress.fraction
    if done is None:
        found = f"{units.format_count(progress.files_done)} files so far"
        st.progress(0.0, text=f":shimmer[{text.plain(stage)}] · {found}")
        return
    st.progress(done, text=f"**{done:.0%}** · {text.plain(stage)}")


def _figures(progress: Progress) -> None:
    left = progress.remaining_seconds
    with st.grid(4, min_column_width=150):
        _of_total("Files", progress.files_done, progress.files_total, units.format_count)
        _of_total("Data", progress.bytes_done, progress.bytes_total, units.format_bytes)
        st.metric("Rate", units.format_rate(progress.bytes_per_second))
        st.metric("Time left", "–" if left is None else _about(left))


def _about(seconds: float) -> str:
    return f"about {max(1, round(seconds))} s" if seconds < 60 else f"about {units.format_duration(seconds)}"


def _of_total(label: str, done: int, total: int | None, words: Callable[[int], str]) -> None:
    more = None if total is None else f"of {words(total)}"
    st.metric(label, words(done), more, delta_color="off", delta_arrow="off")
