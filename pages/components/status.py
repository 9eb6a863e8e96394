"""A job's state, in words, colour and icon; never by colour alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from pages.base import text
from services.base import units
from services.models import findings
from services.models.jobs import JobView, Status


@dataclass(frozen=True)
class Look:
    """How a state is shown."""

    label: str
    icon: str
    color: str


LOOKS = {
    Status.PENDING: Look("Queued", ":material/schedule:", "gray"),
    Status.RUNNING: Look("Running", ":material/progress_activity:", "blue"),
    Status.COMPLETED: Look("Completed", ":material/check_circle:", "green"),
    Status.FAILED: Look("Failed", ":material/error:", "red"),
    Status.CANCELLED: Look("Cancelled", ":material/block:", "gray"),
    Status.INTERRUPTED: Look("Interrupted", ":material/power_off:", "orange"),
    Status.PAUSED: Look("Paused", ":material/pause_circle:", "orange"),
}


VERDICTS = {
    "failed": Look("Failed", ":material/gpp_bad:", "red"),
    "invalid": Look("Invalid", ":material/cancel:", "red"),
    "damaged": Look("Damaged", ":material/gpp_bad:", "red"),
    "unsafe": Look("Not safe to wipe", ":material/gpp_bad:", "red"),
    "incomplete": Look("Incomplete", ":material/gpp_maybe:", "orange"),
    "unknown": Look("Safe to wipe: unknown", ":material/gpp_maybe:", "orange"),
    "partial": Look("Partial", ":material/content_cut:", "orange"),
    "safe": Look("Safe to wipe", ":material/verified_user:", "green"),
    "valid": Look("Valid", ":material/verified:", "green"),
    "verified": Look("Verified", ":material/verified:", "green"),
    "whole": Look("Whole", ":material/verified:", "green"),
}


_SIGNS = {"red": "✗", "orange": "⚠", "green": "✓", "blue": "▶", "gray": "…"}


def verdict_word(job: JobView) -> str | None:
    """Return a job's verdict in words that stand beside its name, or nothing."""
    return VERDICTS[job.verdict].label.lower() if job.verdict in VERDICTS else None


def sign(job: JobView) -> str:
    """Return a mark for a title of a tab, where there are no colours: the verdict's, else the state's."""
    if job.verdict in VERDICTS:
        return _SIGNS[VERDICTS[job.verdict].color]
    return _SIGNS[LOOKS[job.status].color]


def show(job: JobView, width: int | Literal["stretch"] = "stretch") -> None:
    """Show a job's state as a badge, and beside it what it says of its source, which is another matter.

    Args:
        width: in pixels.
    """
    with st.container(horizontal=True, gap="small", width=width):
        _state(job)
        if job.verdict in VERDICTS:
            look = VERDICTS[job.verdict]
            st.badge(look.label, icon=look.icon, color=look.color)  # type: ignore[arg-type]


def _state(job: JobView) -> None:
    look = LOOKS[job.status]
    label, color = look.label, look.color
    if job.cancel_requested and not job.is_final:
        label = "Cancelling"
    elif job.pause_requested and job.status == Status.RUNNING:
        label = "Pausing"
    elif job.queue_position is not None:
        label = f"{label}, place {units.format_count(job.queue_position)}"
    elif job.status == Status.COMPLETED and (job.issues_count or findings.verdicts(job.outcome)):
        color = "orange"
        if job.issues_count:
            label = f"Completed, {text.count(job.issues_count, 'issue', 'issues')}"
    st.badge(label, icon=look.icon, color=color)  # type: ignore[arg-type]
