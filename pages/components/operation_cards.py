"""The operations as cards, or as lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import streamlit as st

from pages.base import text
from services import operations


def show(action: Callable[[operations.Operation], None], *, selected: Collection[str] = (), width: int = 240) -> None:
    """Show a card for each operation.

    Args:
        action: draws what can be pressed at the end of a card.
        selected: names of the operations that are chosen already.
        width: the least width of a card in pixels.
    """
    with st.grid(3, min_column_width=width):
        for operation in operations.OPERATIONS:
            kind = "chosen" if operation.name in selected else "card"
            with st.container(border=True, key=f"{kind}_{operation.name}", height="stretch"):
                st.markdown(f"**{icon(operation)} {text.plain(operation.title)}**")
                st.markdown(f":gray[:small[{text.plain(operation.summary)}]]")
                st.space("stretch")
                action(operation)


def lines() -> None:
    """Show a line for each operation, which leads to a new job."""
    with st.container(gap=None, key="operation_lines"):
        for operation in operations.OPERATIONS:
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"line_{operation.name}"):
                st.page_link(
                    "pages/new_job.py",
                    label=text.plain(operation.title),
                    icon=icon(operation),
                    query_params={"operations": operation.name},
                    width=180,
                )
                st.html(f'<div class="pravah-line">{text.html(operation.summary)}</div>', width="stretch")


def icon(operation: operations.Operation) -> str:
    """Return an operation's icon as Markdown."""
    return f":material/{operation.icon}:"


def icon_of(names: Sequence[str]) -> str:
    """Return the icon of a job's operations; a job may be older than this version and know another one."""
    if len(names) > 1:
        return ":material/stacks:"
    try:
        return icon(operations.get(names[0]))
    except KeyError:
        return ":material/help:"
