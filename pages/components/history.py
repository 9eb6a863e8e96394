"""What happened to a job, when."""

from __future__ import annotations

import streamlit as st

from pages.base import text
from pages.components import moments, status
from services.base import units
from services.models.jobs import JobView


def show(job: JobView) -> None:
    """Show the changes of a job's state, oldest first."""
    lines = []
    for event in job.events:
        look = status.LOOKS[event.status]
        lines.append(
            f"<li><b>{look.label}</b> {moments.html(event.at)} "
            f'<span class="pravah-faint">{units.format_moment(event.at)}</span><br>{text.html(event.note)}</li>'
        )
    st.html(f'<ol class="pravah-history">{"".join(lines)}</ol>')
