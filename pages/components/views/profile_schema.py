"""The schema that the files of a profile have in common, and jobs that use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import draft
from services import operations
from services.models.jobs import JobView, OperationRequest
from services.results import table_schema
from services.results.table_schema import CommonSchema

# What a URL holds without trouble; a longer schema is named by its job instead.
_URL_CHARACTERS, _NOTES = 20_000, 12


def show(job: JobView, schemas: Mapping[str, CommonSchema]) -> None:
    """Show what most files have in common, what deviates, and links to jobs with it as their editable schema."""
    st.subheader("Schema", anchor=False)
    fields = [one for schema in schemas.values() for one in schema.fields]
    required = sum(one.is_required for one in fields)
    st.caption(
        f"What most files and nearly all values {'' if len(schemas) == 1 else 'of each dataset '}have in common: "
        f"{text.count(len(fields), 'column', 'columns')}, {required:,} of them without a missing value. You can "
        "edit the schema before you start a job with it."
    )
    notes = [f"**{text.plain(one.name)}**: {text.plain(note)}" for one in fields for note in one.exceptions]
    for note in notes[:_NOTES]:
        st.markdown(f":material/rule: {note}")
    if len(notes) > _NOTES:
        st.caption(f"{len(notes) - _NOTES:,} more are in the descriptions of the schema.")
    for schema in schemas.values():
        if schema.left_out:
            st.caption(text.plain(schema.omission))
    whole = json.dumps(table_schema.document(schemas), ensure_ascii=False, indent=1)
    fits = len(whole) <= _URL_CHARACTERS
    with st.container(horizontal=True, key="profile_use_schema"):
        given = {"schema_text": whole} if fits else {"schema_file": f"job:{job.id}"}
        _link(job, "validate", "Use as schema to validate", given)
        _link(job, "convert", "Use as schema to convert", given)
        st.download_button(
            "Download schema",
            whole,
            "schema.json",
            "application/json",
            icon=":material/download:",
            key="download_schema",
        )


def _link(job: JobView, operation: str, label: str, options: Mapping[str, Any]) -> None:
    """Show a link to a new job on the same source, with these options and those that say how files are read."""
    read = next(one for one in job.request.operations if one.operation == "profile").options
    chosen = OperationRequest(operation=operation, options={**read, **options})
    request = job.request.model_copy(update={"operations": (chosen,), "name": None})
    icon = f":material/{operations.get(operation).icon}:"
    st.page_link("pages/new_job.py", label=label, icon=icon, query_params=draft.encode(request))
