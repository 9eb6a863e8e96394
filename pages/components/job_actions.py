"""The actions of a job: pause, cancel, re-run, pin, delete after a confirmation."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from pages.base import text
from pages.components import confirmation, draft, failure, notice, schedule_form
from services import bootstrap, operations
from services.base import errors
from services.models.jobs import JobView, Status

CANCEL, RERUN, FROM_SCRATCH, EDIT = "Cancel", "Re-run", "Re-run from scratch", "Edit"
SCHEDULE, DELETE = "Schedule", "Delete"
PAUSE, RESUME = "Pause", "Resume"
PIN, UNPIN = "Pin", "Unpin"
ICONS = {
    CANCEL: ":material/block:",
    PAUSE: ":material/pause:",
    RESUME: ":material/play_arrow:",
    RERUN: ":material/replay:",
    FROM_SCRATCH: ":material/restart_alt:",
    EDIT: ":material/edit:",
    SCHEDULE: ":material/more_time:",
    DELETE: ":material/delete:",
    PIN: ":material/keep:",
    UNPIN: ":material/keep_off:",
}


def available(job: JobView) -> list[str]:
    """Return the actions that the job's state allows."""
    if not job.is_final:
        if job.cancel_requested:
            return []
        return [RESUME if job.pause_requested or job.status == Status.PAUSED else PAUSE, CANCEL]
    reuses = job.status == Status.COMPLETED and any(operations.get(name).reuses for name in job.names)
    return [RERUN, *([FROM_SCRATCH] if reuses else []), EDIT, SCHEDULE, UNPIN if job.pinned else PIN, DELETE]


def run(services: bootstrap.Services, job: JobView, action: str, *, after_delete: str | None = None) -> None:
    """Do an action; pages change and dialogs open as it needs.

    Args:
        after_delete: the page to go to when the job is gone; None stays where one is.
    """
    try:
        if action == CANCEL:
            services.jobs.cancel(job.id)
            notice.later("Cancelling. The partial result will be deleted.", ":material/block:")
            st.rerun()
        elif action == PAUSE:
            services.jobs.pause(job.id)
            notice.later(f"Pausing. When the job is resumed, {resumed_from(job)}.", ":material/pause:")
            st.rerun()
        elif action == RESUME:
            services.jobs.resume(job.id)
            st.rerun()
        elif action in {RERUN, FROM_SCRATCH}:
            # Without the second, files that are unchanged are not read again.
            again = services.jobs.rerun(job.id, from_scratch=action == FROM_SCRATCH)
            st.switch_page("pages/job.py", query_params={"id": str(again.id)})
        elif action == EDIT:
            st.switch_page("pages/new_job.py", query_params=draft.encode(job.request))
        elif action == SCHEDULE:
            schedule_form.ask(services, job.request)
        elif action in {PIN, UNPIN}:
            _pin(services, job.id, pinned=action == PIN)
        elif action == DELETE:
            _delete(services, job.id, title(job), after_delete)
    except errors.PravahError as error:
        failure.show(error)


def _pin(services: bootstrap.Services, job_id: UUID, *, pinned: bool) -> None:
    services.jobs.pin(job_id, pinned=pinned)
    words = (
        "Pinned. This job is never deleted automatically."
        if pinned
        else "Unpinned. This job is deleted when it exceeds a retention limit."
    )
    notice.later(words, ICONS[PIN if pinned else UNPIN])
    st.rerun()


def resumed_from(job: JobView) -> str:
    """Return what another attempt keeps of those before it, in words."""
    going_on = [operations.get(name).title for name in job.names if operations.get(name).resumes]
    anew = [operations.get(name).title for name in job.names if not operations.get(name).resumes]
    words = [f"{', '.join(going_on)} continues from its finished parts" if going_on else ""]
    words.append(f"{', '.join(anew)} starts again from the beginning" if anew else "")
    return ", ".join(word for word in words if word)


def title(job: JobView) -> str:
    """Return what a job is called: its name, or its source."""
    return job.name or job.source.label


@st.dialog("Delete this job?", icon=":material/delete:")
def _delete(services: bootstrap.Services, job_id: UUID, name: str, after: str | None) -> None:
    st.markdown(f"{text.code(name, limit=120)}")
    st.markdown("The job, its result and its history are deleted. The source files are not changed.")
    if not confirmation.wanted("delete"):
        return
    try:
        services.jobs.delete(job_id)
    except errors.PravahError as error:
        failure.show(error)
        return
    notice.later(f"{text.code(name, limit=60)} was deleted.", ":material/delete:")
    if after is None:
        st.rerun()
    # Without `query_params` Streamlit refuses to leave a page whose widgets are bound to the address.
    st.switch_page(after, query_params={})


def is_running(job: JobView) -> bool:
    """Return whether there is progress to show."""
    return job.status == Status.RUNNING
