"""What is odd about the files of a profile: each problem with its file and place."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.base import text
from pages.components import grid, table_link
from services import bootstrap
from services.models.jobs import JobView
from services.results.table_schema import CommonSchema

_LIST, _TALL, _ROW_PIXELS = 500, 40, 32
_COLUMNS = (
    {"name": "file", "dtype": "text", "unit": None, "meaning": "The file"},
    {
        "name": "record",
        "dtype": "integer",
        "unit": "records",
        "meaning": "The first record with the problem, counted from 1",
    },
    {"name": "problem", "dtype": "text", "unit": None, "meaning": "What is odd about the file, or about a column"},
)


def show(services: bootstrap.Services, job: JobView, schemas: Mapping[str, CommonSchema]) -> None:
    """Show the problems by file: whoever reads the list need not open a file to find them."""
    rows, total = services.results.profile_problems(job.id, _LIST, schemas)
    if not rows:
        return
    st.subheader("Files to check", anchor=False)
    files = len({row["path"] for row in rows})
    st.caption(
        f"{text.count(total, 'problem', 'problems')} in {text.count(files, 'file', 'files')}. Columns and types are "
        "compared with what most files of a dataset have in common."
        + (f" The first {len(rows):,} are shown." if total > len(rows) else "")
    )
    shown = [{**row, "file": row["path"]} for row in rows]
    height = _ROW_PIXELS * (1 + min(len(rows), _TALL)) + 3
    grid.show(shown, list(_COLUMNS), key="profile_problems", height=height)
    table_link.button("All issues", "issues", sort="path", key="to_problem_issues")
