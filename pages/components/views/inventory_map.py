"""The treemap of an inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import streamlit as st

from pages.components import folder_map, table_link
from services import bootstrap
from services.base import errors
from services.models import results

_INNER = 60


def show(services: bootstrap.Services, job_id: UUID, measure: str) -> None:
    """Show the folder that the URL names, at first the source itself."""
    by = "size_bytes" if measure == "files" else measure

    def nodes(path: str) -> Sequence[Mapping[str, Any]]:
        return services.results.treemap(job_id, path, by=by, inner_limit=_INNER)  # type: ignore[arg-type]

    folder_map.show(lambda path: _total(services, job_id, path), nodes, measure, _find, name="map")
    st.caption("Click a folder to open it, or a file to find it in the table.")


def _total(services: bootstrap.Services, job_id: UUID, path: str) -> dict[str, Any] | None:
    question = results.ResultQuery(filters=(results.Filter(column="path", operator="eq", value=path),), limit=1)
    try:
        rows = services.results.query(job_id, "inventory.directories", question).rows
    except errors.InvalidOptionsError:
        return None
    return rows[0] if rows else None


def _find(path: str) -> None:
    found = results.Filter(column="path", operator="eq", value=path)
    table_link.open_table("inventory.result", [found])
