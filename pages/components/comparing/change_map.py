"""Two inventories as one treemap: each folder as large as the larger of the two, coloured by its change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.components import folder_map
from pages.components.charts import style, treemap
from pages.components.comparing import differences
from services import bootstrap
from services.base import errors, units
from services.models import results
from services.models.comparisons import Comparison

_INNER = 60
_MEASURE = "size_bytes"


def show(services: bootstrap.Services, found: Comparison) -> None:
    """Show the folder that the URL names, at first the source itself."""
    ids = found.after.id, found.before.id

    def nodes(path: str) -> Sequence[Mapping[str, Any]]:
        return services.comparisons.treemap(*ids, path, inner_limit=_INNER)

    st.subheader("Growth by folder", anchor=False)
    folder_map.show(
        lambda path: _total(services, found, path),
        nodes,
        _MEASURE,
        lambda path: _find(found, path),
        name="change_map",
        look=_look,
    )
    st.caption(
        "Orange: grew. Blue: shrank. Grey: unchanged. A stronger colour means a larger relative change. The area is "
        "the larger of the two sizes. Click a folder to open it, or a file to find it in the table below."
    )


def _total(services: bootstrap.Services, found: Comparison, path: str) -> dict[str, Any] | None:
    question = results.ResultQuery(filters=(results.Filter(column="path", operator="eq", value=path),), limit=1)
    sizes = []
    for job in (found.before, found.after):
        try:
            rows = services.results.query(job.id, "inventory.directories", question).rows
        except errors.InvalidOptionsError:
            rows = []
        sizes += [row[_MEASURE] for row in rows]
    return {"path": path, _MEASURE: max(sizes)} if sizes else None


def _look(node: Mapping[str, Any]) -> treemap.Look:
    before, after = node["before_bytes"], node["after_bytes"]
    change = after - before
    if not change:
        return treemap.Look(units.format_bytes(after), style.quiet())
    share = abs(change) / max(before, after)
    front = style.growth() if change > 0 else style.shrinkage()
    words = f"{units.format_bytes(after)} ({'+' if change > 0 else '-'}{units.format_bytes(abs(change))})"
    return treemap.Look(words, treemap.blend(front, style.quiet(), 0.25 + 0.75 * share**0.5))


def _find(found: Comparison, path: str) -> None:
    st.session_state[differences.kind_key(found, "changes")] = None
    st.session_state[differences.TABLE] = "changes"
    st.session_state[differences.SEARCH] = path
    st.query_params.pop(differences.KIND, None)
