"""The operations as cards."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.components import text
from services import operations


def show(action: Callable[[operations.Operation], None], *, selected: str | None = None, width: int = 240) -> None:
    """Show a card for each operation.

    Args:
        action: draws what can be pressed at the end of a card.
        selected: name of the operation that is chosen already.
        width: the least width of a card in pixels.
    """
    with st.grid(3, min_column_width=width):
        for operation in operations.OPERATIONS:
            kind = "chosen" if operation.name == selected else "card"
            with st.container(border=True, key=f"{kind}_{operation.name}", height="stretch"):
                st.markdown(f"**{icon(operation)} {text.plain(operation.title)}**")
                st.markdown(f":gray[:small[{text.plain(operation.summary)}]]")
                st.space("stretch")
                action(operation)


def icon(operation: operations.Operation) -> str:
    """Return an operation's icon as Markdown."""
    return f":material/{operation.icon}:"


def look(name: str) -> tuple[str, str]:
    """Return title and icon of an operation; a job may be older than this version and know another one."""
    try:
        operation = operations.get(name)
    except KeyError:
        return name, ":material/help:"
    return operation.title, icon(operation)
