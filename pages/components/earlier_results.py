"""A path field that also takes the result of an earlier job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import streamlit as st

from pages.base import text
from services import bootstrap
from services.base import errors, units
from services.models.jobs import JobFilter, JobView, Status

REFERENCE = "job:"
_LISTED = 30


def show(services: bootstrap.Services, name: str, schema: Mapping[str, Any], value: Any, key: str) -> str | None:
    """Draw a box to type a path in or to pick an earlier job from.

    Returns:
        The path, or ``job:<id>``; ``None`` when it is empty.
    """
    wanted = JobFilter(operation=schema["result_of"], status=Status.COMPLETED)
    known = {f"{REFERENCE}{job.id}": job for job in services.jobs.list(wanted, limit=_LISTED).items}
    options = list(known)
    if value and value not in known:
        options.insert(0, value)
        job = _find(services, value)
        if job is not None:
            known[value] = job
    picked = st.selectbox(
        schema.get("title") or name,
        options,
        index=options.index(value) if value else None,
        key=key,
        accept_new_options=True,
        format_func=lambda option: _label(option, known),
        placeholder="Type a path and press Enter, or choose an earlier result",
        help=text.plain(schema.get("description", "")),
    )
    return picked.strip() if picked else None


def _label(option: str, known: Mapping[str, JobView]) -> str:
    job = known.get(option)
    if job is None:
        return text.visible(option)
    title = job.name or job.source.label
    return f"{text.visible(title, 60)} ({', '.join(job.names)}, {units.format_ago(job.finished_at)})"


def _find(services: bootstrap.Services, value: str) -> JobView | None:
    try:
        return services.jobs.get(UUID(value.removeprefix(REFERENCE))) if value.startswith(REFERENCE) else None
    except (ValueError, errors.PravahError):
        return None
