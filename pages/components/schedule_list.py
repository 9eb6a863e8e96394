"""Schedules as a list that one can act on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import streamlit as st

from pages.base import text
from pages.components import chosen, confirmation, failure, moments, notice, operation_cards, status
from services import bootstrap, operations
from services.base import errors, units
from services.models.schedules import LastRun, ScheduleChange, ScheduleView

RUN, PAUSE, RESUME, DELETE = "Run now", "Pause", "Resume", "Delete"


def show(schedules: Sequence[ScheduleView]) -> None:
    """Show a row for each schedule: what, when, next, how the last run went, what can be done; `act` does it."""
    for schedule in schedules:
        with st.container(border=True, key=f"schedule_{schedule.id}", gap="xxsmall"):
            _row(schedule)


def act(services: bootstrap.Services) -> None:
    """Do what was chosen in the list, if anything was."""
    chosen.now(lambda schedule_id, action: _act(services, services.schedules.get(schedule_id), action))


def _row(schedule: ScheduleView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        icon = operation_cards.icon_of(schedule.job.names) if schedule.job else ":material/help:"
        st.markdown(f"{icon} **{text.plain(schedule.name, limit=80)}**", width="stretch")
        _badge(schedule)
        actions = [RUN, PAUSE if schedule.enabled else RESUME, DELETE]
        picked = st.menu_button("Actions", actions, key=f"menu_{schedule.id}", type="tertiary")
    st.html(f'<div class="pravah-line">{" · ".join(_facts(schedule))}</div>')
    if schedule.last_run is not None:
        _last_run(schedule.last_run)
    if picked:
        chosen.later(schedule.id, picked)


def _badge(schedule: ScheduleView) -> None:
    if not schedule.enabled:
        st.badge("Paused", icon=":material/pause_circle:", color="gray")
    elif schedule.next_run_at is None:
        st.badge("Stopped", icon=":material/error:", color="red")
    else:
        st.badge("Waiting", icon=":material/schedule:", color="blue")


def _facts(schedule: ScheduleView) -> Iterable[str]:
    if schedule.job is None:
        yield "made by an older version: delete it and create it again"
    else:
        yield text.html(operations.titles(schedule.job.names))
        yield f"<code>{text.html(text.visible(schedule.job.source.label, 80))}</code>"
    yield text.html(schedule.words)
    if schedule.next_run_at is not None:
        yield f"next run {moments.ahead_html(schedule.next_run_at)}"
    told = [one for one in (schedule.webhook, schedule.email) if one]
    if told and schedule.notify_on:
        yield f"notifies {text.html(', '.join(told))}"
    if schedule.note is not None:
        said = text.html(text.visible(schedule.note, 160))
        yield f'<span class="pravah-bad">{said}</span> {moments.html(schedule.noted_at)}'


def _last_run(run: LastRun) -> None:
    look = status.LOOKS[run.status]
    words = [f"Last run: {look.label}"]
    if run.issues_count:
        words.append(text.count(run.issues_count, "issue", "issues"))
    words += [text.plain(finding, limit=80) for finding in run.findings]
    moment = run.finished_at or run.created_at
    label = f"{', '.join(words)} · {units.format_ago(moment)}"
    help_ = units.format_moment(moment)
    icon = ":material/warning:" if run.findings else look.icon
    st.page_link("pages/job.py", label=label, icon=icon, query_params={"id": str(run.job_id)}, help=help_)


def _act(services: bootstrap.Services, schedule: ScheduleView, action: str) -> None:
    if action == RUN:
        job = services.schedules.run(schedule.id)
        st.switch_page("pages/job.py", query_params={"id": str(job.id)})
    elif action == DELETE:
        _delete(services, schedule.id, schedule.name)
    else:
        services.schedules.change(schedule.id, ScheduleChange(enabled=action == RESUME))
        done = "resumed" if action == RESUME else "paused"
        notice.later(f"{text.code(schedule.name, limit=60)} is {done}.", ":material/schedule:")
        st.rerun()


@st.dialog("Delete this schedule?", icon=":material/delete:")
def _delete(services: bootstrap.Services, schedule_id: UUID, name: str) -> None:
    st.markdown(text.code(name, limit=120))
    st.markdown("It starts no more jobs. Existing jobs and their results stay, also a running one.")
    if not confirmation.wanted("delete_schedule"):
        return
    try:
        services.schedules.delete(schedule_id)
    except errors.PravahError as error:
        failure.show(error)
        return
    notice.later(f"{text.code(name, limit=60)} was deleted.", ":material/delete:")
    st.rerun()
