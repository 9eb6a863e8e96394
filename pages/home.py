"""Home: what one can do, and what was done lately."""

from __future__ import annotations

import streamlit as st

from pages.components import operation_cards, text
from services import bootstrap, operations


def show(services: bootstrap.Services) -> None:
    """Draw the page."""
    st.title("Pravah")
    operation_cards.show(_begin)


def _begin(operation: operations.Operation) -> None:
    st.page_link(
        "pages/new_job.py",
        label=f"Start {text.plain(operation.title.lower())}",
        icon=":material/arrow_forward:",
        query_params={"operation": operation.name},
    )


show(bootstrap.shared_services())
