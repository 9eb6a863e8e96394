"""Settings: health, retention, logins, settings and versions."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

import pandas as pd
import streamlit as st

from pages.base import text
from pages.components import health, logins, page_head, retention
from services import bootstrap
from services.base import settings as settings_module
from services.base import units

_PACKAGES = ("pravah", "streamlit", "fastapi", "duckdb", "pyarrow")


def show(services: bootstrap.Services) -> None:
    """Draw the page."""
    with page_head.show("Settings"):
        st.link_button("API reference", "api/docs", icon=":material/api:")
        if not services.settings.insecure:
            st.link_button("Log out", "logout", icon=":material/logout:")
    st.subheader("Health", anchor=False)
    health.table(services)
    health.space(services)
    st.subheader("Retention", anchor=False)
    retention.show(services)
    if not services.settings.insecure:
        st.subheader("Logins", anchor=False)
        logins.show(services)
    st.subheader("Settings", anchor=False)
    st.caption("Each setting is an environment variable. Pravah reads it at start. Secrets are masked.")
    _effective(services)
    st.subheader("Versions", anchor=False)
    _versions()


def _effective(services: bootstrap.Services) -> None:
    values = settings_module.effective(services.settings)
    fields = settings_module.Settings.model_fields
    rows = {
        "Setting": [text.code(f"PRAVAH_{name.upper()}") for name in fields],
        "Value": [_value(name, values[name]) for name in fields],
        "Meaning": [field.description or "" for field in fields.values()],
    }
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True)


def _value(name: str, value: Any) -> str:
    if value is None:
        return ":gray[unset]"
    if isinstance(value, list):
        return ", ".join(text.code(str(one)) for one in value) or ":gray[none]"
    if name.endswith("_bytes"):
        return text.plain(units.format_bytes(value))
    if name.endswith("_seconds"):
        return text.plain(units.format_duration(value))
    return units.format_count(value) if name.endswith("_rows") else text.code(str(value))


def _versions() -> None:
    found = {name: importlib.metadata.version(name) for name in _PACKAGES if _is_installed(name)}
    found |= {"Python": platform.python_version(), "system": platform.platform(terse=True)}
    with st.grid(4, min_column_width=180):
        for name, version in found.items():
            st.markdown(f"{text.plain(name)}  \n**{text.plain(version)}**")


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


show(bootstrap.shared_services())
