"""The operations of the job one is about to start: one, or several over one read."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.components import draft, operation_cards
from services import operations


def show() -> tuple[operations.Operation, ...]:
    """Show the cards and return the chosen operations; what is chosen is in the URL."""
    chosen = draft.operations_of_url()
    names = [operation.name for operation in chosen]

    def choose(operation: operations.Operation) -> None:
        mine = operation.name in names
        others = [name for name in names if name != operation.name]
        st.button(
            "Chosen" if mine else "Choose",
            key=f"choose_{operation.name}",
            type="primary" if mine else "secondary",
            icon=":material/check:" if mine else None,
            width="stretch",
            on_click=_choose,
            args=([operation.name],),
        )
        label = "Remove" if mine else "Add"
        wanted = others if mine else [*names, operation.name]
        st.button(
            label, key=f"add_{operation.name}", type="tertiary", disabled=not wanted, on_click=_choose, args=(wanted,)
        )

    operation_cards.show(choose, selected=names, width=180)
    if len(chosen) > 1:
        st.caption(f":material/stacks: {operations.titles(names)}: one job. Each file is read only once.")
    return chosen


def _choose(names: Sequence[str]) -> None:
    st.query_params["operations"] = ",".join(names)
