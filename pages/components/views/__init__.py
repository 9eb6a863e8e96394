"""What each operation's result looks like: the one place where pages know an operation by name."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.components.views import (
    archive,
    checksum,
    compress,
    convert,
    decompress,
    duplicates,
    generic,
    inventory,
    profile,
    search,
    text_statistics,
    validate,
    verify,
)
from services import bootstrap, operations
from services.models.jobs import JobView

View = Callable[[bootstrap.Services, JobView], None]

OF = "of"
VIEWS: dict[str, View] = {
    "inventory": inventory.show,
    "checksum": checksum.show,
    "duplicates": duplicates.show,
    "search": search.show,
    "text_statistics": text_statistics.show,
    "profile": profile.show,
    "validate": validate.show,
    "convert": convert.show,
    "verify": verify.show,
    "compress": compress.show,
    "archive": archive.show,
    "decompress": decompress.show,
}
"""An operation that is not here is shown by `generic`: nothing has to be done for a new one."""


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show a completed job's result as its operation wants it seen; of several, the one that is chosen."""
    name = job.names[0]
    if len(job.names) > 1:
        name = st.segmented_control(
            "Result of",
            job.names,
            default=name,
            required=True,
            format_func=lambda one: operations.get(one).title,
            key=OF,
            bind="query-params",
            label_visibility="collapsed",
        )
    VIEWS[name](services, job) if name in VIEWS else generic.show(job, name)
