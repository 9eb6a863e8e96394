"""A job's state, in words, colour and icon; never by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pages.base import text
from services.base import units
from services.models.jobs import JobView, Status


@dataclass(frozen=True)
class Look:
    """How a state is shown."""

    label: str
    icon: str
    color: str


LOOKS = {
    Status.PENDING: Look("Waiting", ":material/schedule:", "gray"),
    Status.RUNNING: Look("Running", ":material/progress_activity:", "blue"),
    Status.COMPLETED: Look("Completed", ":material/check_circle:", "green"),
    Status.FAILED: Look("Failed", ":material/error:", "red"),
    Status.CANCELLED: Look("Cancelled", ":material/block:", "gray"),
    Status.INTERRUPTED: Look("Interrupted", ":material/power_off:", "orange"),
    Status.PAUSED: Look("Paused", ":material/pause_circle:", "orange"),
}


def show(job: JobView) -> None:
    """Show a job's state as a badge."""
    look = LOOKS[job.status]
    label, color = look.label, look.color
    if job.cancel_requested and not job.is_final:
        label = "Cancelling"
    elif job.pause_requested and job.status == Status.RUNNING:
        label = "Pausing"
    elif job.queue_position is not None:
        label = f"{label}, place {units.format_count(job.queue_position)}"
    elif job.status == Status.COMPLETED and job.issues_count:
        label, color = f"Completed, {text.count(job.issues_count, 'issue', 'issues')}", "orange"
    st.badge(label, icon=look.icon, color=color)  # type: ignore[arg-type]
