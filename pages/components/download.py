"""Downloads: links to the API on the same address, so that no result passes through a page's memory."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Sequence
from uuid import UUID

import streamlit as st

from pages.components import text
from services import units
from services.jobs.models import Artifact

FORMATS = {"csv": "CSV", "parquet": "Parquet", "jsonl": "JSON Lines"}


def table_url(job_id: UUID, table: str, form: str, question: Iterable[tuple[str, str]] = ()) -> str:
    """Return the address of a table as a file; relative, so that it holds behind a proxy's prefix too."""
    query = urllib.parse.urlencode([("table", table), ("format", form), *question])
    return f"api/jobs/{job_id}/results?{query}"


def artifact_url(job_id: UUID, name: str) -> str:
    """Return the address of a file of a job."""
    return f"api/jobs/{job_id}/artifacts/{urllib.parse.quote(name)}"


def table(job_id: UUID, name: str, rows: int, question: Sequence[tuple[str, str]] = ()) -> None:
    """Offer the rows one sees, all pages of them, in each format."""
    with st.popover("Download", icon=":material/download:", key=f"download_{name}"):
        st.caption(f"{text.count(rows, 'row', 'rows')}{', filtered and sorted as shown' if question else ''}")
        for form, label in FORMATS.items():
            st.link_button(label, table_url(job_id, name, form, question), key=f"get_{name}_{form}", width="stretch")


def files(job_id: UUID, artifacts: Sequence[Artifact]) -> None:
    """List a job's files, those that people look for first."""
    for artifact in sorted(artifacts, key=_rank):
        with st.container(horizontal=True, vertical_alignment="center", key=f"file_{artifact.name}"):
            st.link_button(
                text.plain(artifact.name),
                artifact_url(job_id, artifact.name),
                icon=_icon(artifact.name),
                key=f"artifact_{artifact.name}",
                type="tertiary",
            )
            st.caption(units.format_bytes(artifact.size_bytes), width="content")


def _rank(artifact: Artifact) -> tuple[int, str]:
    first = ("manifest.", "outcome.", "issues.", "result/")
    place = next((place for place, start in enumerate(first) if artifact.name.startswith(start)), len(first))
    return place, artifact.name


def _icon(name: str) -> str:
    if name.startswith("manifest."):
        return ":material/fact_check:"
    return ":material/table:" if name.endswith(".parquet") else ":material/description:"
