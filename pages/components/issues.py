"""Paths with trouble, and why."""

from __future__ import annotations

import streamlit as st

from pages.base import text
from pages.components import grid, table_link
from services import bootstrap
from services.base import units
from services.models import findings
from services.models.jobs import JobView

_SHOWN = 100
_COLUMNS = tuple({"name": name, "dtype": "text", "meaning": ""} for name in ("path", "kind", "message", "stage"))


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show the first issues; the table "Issues" of a completed job has all of them."""
    if not job.issues_count:
        return
    with st.expander(_counted(job), icon=":material/warning:", expanded=True, key="issues"):
        found = services.results.issues(job.id, limit=_SHOWN)
        rows = (
            [issue.model_dump() for issue in reversed(found)] if not job.is_final else [i.model_dump() for i in found]
        )
        grid.show(rows, _COLUMNS, key="issue_rows", height=min(300, 40 + 32 * max(1, len(rows))))
        if job.issues_count > len(found):
            st.caption(f"The first {units.format_count(len(found))} issues are shown.")


def banner(job: JobView) -> None:
    """Say what a completed job did not look at, and that it has issues; lead to all of them."""
    if left_out := findings.filtered(job.outcome):
        st.caption(f"{findings.left_out(left_out)}.")
    if not job.issues_count:
        return
    if incomplete := findings.incomplete(job.outcome):
        words = f"**Incomplete.** {findings.not_read(incomplete)}."
    else:
        words = f"**{_counted(job)}.** Each says what is wrong and where."
    table_link.warning(words, "Show issues", "issues")


def _counted(job: JobView) -> str:
    # A path may have several.
    return text.count(job.issues_count, "issue", "issues")
