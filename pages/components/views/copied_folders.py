"""Folders that are copies of each other as a whole: which one stays, and a removal plan for the others."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import linked, table_link
from pages.components.views import keep_rule
from services import bootstrap
from services.base import units
from services.models.jobs import JobView
from services.results import removal

_GROUPS, _ROWS = 5, 200
_TABLE, _SORT = "duplicates.folders", "-size_bytes,group,path"
_LONGEST_PATH = 90

Folder = Mapping[str, Any]


def show(services: bootstrap.Services, job: JobView, summary: Mapping[str, Any]) -> None:
    """Show the largest groups of copied folders; nothing where there are none."""
    count = summary["folder_groups"]
    if not count:
        return
    st.subheader("Copied folders", anchor=False)
    st.caption(
        "These folders have exactly the same content, including subfolders. Choose which folder stays, then plan the "
        "removal of another."
    )
    rows = linked.rows(services, job.id, _TABLE, _SORT, _ROWS)
    groups = [list(group) for _, group in itertools.groupby(rows, key=lambda row: row["group"])]
    for folders in groups[:_GROUPS]:
        _group(folders)
    if count > len(groups[:_GROUPS]):
        table_link.button(f"Show all {units.format_count(count)} groups", _TABLE, sort=_SORT, key="to_folders")


def _group(folders: Sequence[Folder]) -> None:
    """Show one group; its first row stands for all in files and size."""
    number = folders[0]["group"]
    files = text.count(folders[0]["files"], "file", "files")
    size = units.format_bytes(folders[0]["size_bytes"])
    removable = [folder for folder in folders if folder["role"] == "candidate"]
    with st.container(border=True, key=f"folders_{number}"):
        st.markdown(f"**{len(folders)} folders** with the same {files}, {size} each")
        if len(removable) < len(folders):
            names = ", ".join(text.code(_place(one), _LONGEST_PATH) for one in folders if one not in removable)
            st.markdown(f"In a reference, so it stays: {names}")
        if not removable:
            return
        choices = [folder["path"] for folder in removable]
        stays = ""
        if len(removable) == len(folders):
            best = min(
                range(len(removable)),
                key=lambda place: removal.preference(choices[place], removable[place]["reclaimable_bytes"]),
            )
            stays = st.radio("Stays", choices, best, format_func=_label, key=f"stays_{number}")
            choices.remove(stays)
        goes = st.selectbox("Remove from", choices, format_func=text.visible, key=f"goes_{number}")
        # References stay by themselves; which rule is chosen then does not matter.
        rule = ("under" if stays else "oldest", stays, goes)
        st.button("Plan removal", key=f"plan_{number}", on_click=keep_rule.choose, args=rule)


def _label(path: str) -> str:
    return text.plain(path, _LONGEST_PATH)


def _place(folder: Folder) -> str:
    return f"{folder['root']}/{folder['path']}"
