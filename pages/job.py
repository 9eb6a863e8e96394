"""Job: its progress while it runs, then its result."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from pages.base import text
from pages.components import (
    comparing,
    details,
    download,
    failure,
    history,
    issues,
    job_actions,
    moments,
    page_head,
    progress,
    result_table,
    status,
    views,
)
from services import bootstrap, operations
from services.base import errors, units
from services.models.jobs import JobView, Status

_REFRESH_SECONDS = 1.0


def show(services: bootstrap.Services) -> None:
    """Draw the page of the job that the URL names."""
    try:
        job = services.jobs.get(UUID(st.query_params.get("id", "")))
    except (ValueError, errors.JobNotFoundError):
        _unknown()
        return
    _head(services, job)
    (_ended if job.is_final else _live)(services, job)


def _unknown() -> None:
    st.title("Job not found")
    st.markdown("This job does not exist. It may have been deleted.")
    st.page_link("pages/jobs.py", label="All jobs", icon=":material/list_alt:")


def _head(services: bootstrap.Services, job: JobView) -> None:
    name, verdict = job.name or operations.titles(job.names), status.verdict_word(job)
    st.set_page_config(page_title=f"{status.sign(job)} {name} – Pravah")
    with page_head.show(text.plain(f"{name}: {verdict}" if verdict else name)):
        if job.status == Status.COMPLETED:
            download.whole(job.id)
        for action in job_actions.available(job):
            if st.button(action, icon=job_actions.ICONS[action], key=f"action_{action}"):
                job_actions.run(services, job, action, after_delete="pages/jobs.py")
    if job.is_final:
        status.show(job)
    facts = [
        f"{text.html(operations.titles(job.names))} of <code>{text.html(job.source.label)}</code>",
        f"submitted {moments.html(job.created_at)}",
    ]
    if job.schedule_name:
        facts.append(f"started by schedule {text.html(job.schedule_name)}")
    if job.started_at and job.finished_at:
        facts.append(f"took {units.format_duration((job.finished_at - job.started_at).total_seconds())}")
    if job.pinned:
        facts.append("pinned: never deleted automatically")
    st.html(f'<div class="pravah-line">{" · ".join(facts)}</div>')
    if job.attempt > 1:
        st.caption(f"Attempt {job.attempt}: the job was paused or interrupted before. {job_actions.resumed_from(job)}.")


@st.fragment(run_every=_REFRESH_SECONDS)
def _live(services: bootstrap.Services, drawn: JobView) -> None:
    job = services.jobs.get(drawn.id)
    # The head above shows these too. Another tab, a command or a restarted server may have changed them.
    if (job.attempt, job_actions.available(job)) != (drawn.attempt, job_actions.available(drawn)):
        st.rerun()
    status.show(job)
    progress.show(services, job)
    issues.show(services, job)
    with st.expander("History", icon=":material/history:", key="history"):
        history.show(job)


def _ended(services: bootstrap.Services, job: JobView) -> None:
    if job.status != Status.COMPLETED:
        _without_result(job)
        return
    issues.banner(job)
    labels = ["Overview", "Table", "Compare", "Files", "Details"]
    overview, table, compared, files, more = st.tabs(labels, key="tab", bind="query-params")
    if overview.open:
        with overview:
            views.show(services, job)
    if table.open:
        with table:
            result_table.show(services, job.id, services.results.tables(job.id))
    if compared.open:
        with compared:
            comparing.show(services, job)
    if files.open:
        with files:
            download.everything(job.id, services.results.tables(job.id), services.artifacts.list(job.id))
    if more.open:
        with more:
            details.show(job)


def _without_result(job: JobView) -> None:
    if job.error is not None:
        failure.show(errors.of_code(job.error.code, job.error.message, job.error.remedy))
    else:
        st.info("This job was cancelled. Its partial result was deleted.", icon=":material/block:")
    details.show(job)


show(bootstrap.shared_services())
