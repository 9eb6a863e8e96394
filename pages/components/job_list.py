"""Jobs as a list that one can act on."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from pages.base import text
from pages.components import chosen, job_actions, moments, operation_cards, status
from services import bootstrap, operations
from services.base import units
from services.models.jobs import JobView

# Pixels. What stands below each other is compared.
_FACTS, _STATE = 420, 270


def show(jobs: Iterable[JobView]) -> None:
    """Show a line for each job: what, how much and when, its state, and what can be done; `act` does it."""
    with st.container(gap=None, key="job_list"):
        for job in jobs:
            _row(job)


def act(services: bootstrap.Services) -> None:
    """Do what was chosen in the list, if anything was."""
    chosen.now(lambda job_id, action: job_actions.run(services, services.jobs.get(job_id), action))


def _row(job: JobView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"job_{job.id}"):
        st.page_link(
            "pages/job.py",
            label=f"**{text.plain(job_actions.title(job), limit=80)}**",
            icon=operation_cards.icon_of(job.names),
            query_params={"id": str(job.id)},
            width="stretch",
        )
        st.html(f'<div class="pravah-line">{" · ".join(_facts(job))}</div>', width=_FACTS)
        status.show(job, width=_STATE)
        actions = job_actions.available(job)
        picked = st.menu_button("Actions", actions, key=f"menu_{job.id}", type="tertiary", disabled=not actions)
    if job_actions.is_running(job) and job.progress is not None and job.progress.fraction is not None:
        st.progress(job.progress.fraction)
    if picked:
        chosen.later(job.id, picked)


def _facts(job: JobView) -> Iterable[str]:
    yield text.html(operations.titles(job.names))
    if job.name:
        yield f"<code>{text.html(text.visible(job.source.label, 80))}</code>"
    if job.schedule_name:
        yield f"by schedule {text.html(text.visible(job.schedule_name, 60))}"
    yield moments.html(job.finished_at or job.started_at or job.created_at)
    yield from _amounts(job)
    if job.started_at and job.finished_at:
        yield f"took {units.format_duration((job.finished_at - job.started_at).total_seconds())}"
    if job.pinned:
        yield "pinned"
    if job.error is not None:
        yield f'<span class="pravah-bad">{text.html(text.visible(job.error.message, 160))}</span>'


def _amounts(job: JobView) -> Iterable[str]:
    if job.amounts is None:
        return
    files, size = job.amounts
    yield text.count(files, "file", "files")
    yield units.format_bytes(size)
