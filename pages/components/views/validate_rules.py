"""Rules across columns: the records that break each, those that were not decided, and the first of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.components import grid, linked, table_link
from services import bootstrap
from services.models.jobs import JobView

_DATASETS = 50
_COLUMNS = (
    {"name": "rule", "dtype": "text", "unit": None, "meaning": "Name of the rule"},
    {"name": "expression", "dtype": "text", "unit": None, "meaning": "What each record has to meet"},
    {"name": "files", "dtype": "integer", "unit": "files", "meaning": "Files that the rule was checked for"},
    {"name": "broken", "dtype": "integer", "unit": "records", "meaning": "Records that break the rule"},
    {
        "name": "undecided",
        "dtype": "integer",
        "unit": "records",
        "meaning": "Records that were not decided: a value is missing, or the reason is given",
    },
    {"name": "first", "dtype": "text", "unit": None, "meaning": "The first broken record, else the first not decided"},
    {"name": "reason", "dtype": "text", "unit": None, "meaning": "Why it was not decided; empty: a value is missing"},
)


def show(services: bootstrap.Services, job: JobView, summary: Mapping[str, Any]) -> None:
    """Show a row for each rule, with a link to all files."""
    found = linked.rows(services, job.id, "validate.rules", "-broken_records,path", services.settings.page_rows_limit)
    st.subheader("Rules across columns", anchor=False)
    of_datasets = sum(summary["dataset_rules"].values())
    if of_datasets:
        _datasets(services, job)
    if not found:
        if not of_datasets:
            st.caption("No file has the columns of a rule.")
        return
    st.caption("A record in which a value is missing is not decided: it passes, and is counted here.")
    rules: dict[str, dict[str, Any]] = {}
    for row in found:
        _add(rules.setdefault(row["rule"], {"rule": row["rule"], "expression": row["expression"]}), row)
    grid.show(list(rules.values()), list(_COLUMNS), key="rules_across")
    table_link.button("By file", "validate.rules", sort="-broken_records", key="to_rules")


def _datasets(services: bootstrap.Services, job: JobView) -> None:
    """Show the rules about all records, the broken ones first."""
    columns = ("dataset", "records", "rule", "expression", "verdict", "values", "reason")
    linked.top(services, job.id, "validate.dataset_rules", columns, sort="verdict,dataset", limit=_DATASETS)


def _add(rule: dict[str, Any], row: Mapping[str, Any]) -> None:
    """Add what the rule made of a file; files with broken records come first."""
    rule["files"] = rule.get("files", 0) + 1
    rule["broken"] = rule.get("broken", 0) + row["broken_records"]
    rule["undecided"] = rule.get("undecided", 0) + row["undecided_records"]
    number = row["first_broken"] or row["first_undecided"]
    if number and not rule.get("first"):
        rule["first"] = f"{row['path']}, record {number}"
    rule["reason"] = rule.get("reason") or row["reason"]
