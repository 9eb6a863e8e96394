"""validate: the verdict, errors by rule and column, then the first of each file, and the schema to use again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import draft, grid, linked, reused, table_link
from pages.components.charts import bars
from pages.components.views import validate_rules
from services import bootstrap, operations
from services.base import units
from services.models import results
from services.models.jobs import JobView

_BARS, _FILES, _ERRORS, _TALL, _ROW_PIXELS = 12, 12, 200, 24, 32
_FILE = {"name": "file", "dtype": "text", "unit": None, "meaning": "The file"}
_LARGEST_SCHEMA_BYTES = 20_000


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show the verdict and figures, where the errors are, the first of them, and the schema."""
    found = job.result("validate")
    summary = found["summary"]
    has_rules = bool(found["options"].get("rules"))
    _verdict(summary, has_rules)
    if summary["errors"] > summary["listed_errors"]:
        st.warning(f"**Partial.** {_unlisted(summary, found['options'])}", icon=":material/content_cut:")
    elif summary["partial"] and summary["errors"]:
        st.warning(f"**Partial.** {_unchecked(summary)}", icon=":material/content_cut:")
    reused.show(summary, summary["files"])
    with st.grid(6, min_column_width=140):
        st.metric("Files", units.format_count(summary["files"]))
        st.metric("Invalid files", units.format_count(summary["invalid_files"]))
        st.metric("Records", units.format_count(summary["records"]))
        st.metric("Good records", units.format_count(summary["good_records"]))
        st.metric("Bad records", units.format_count(summary["bad_records"]))
        st.metric("Errors", units.format_count(summary["errors"]))
    if summary["destination"]:
        st.markdown(f"Good and bad records are in {text.code(summary['destination'])}.")
    if has_rules:
        validate_rules.show(services, job, summary)
    if summary["errors"]:
        _errors(services, job)
    _schema(services, job, summary)


def _verdict(summary: Mapping[str, Any], has_rules: bool) -> None:
    by = "the schema" if summary["schema"] == "given" else "the schema inferred from the first records of each file"
    by += " or a rule" if has_rules else ""
    if not summary["files"] and summary["unread_files"]:
        st.warning(f"**Nothing was checked.** {_unchecked(summary)}", icon=":material/unpublished:")
    elif not summary["files"]:
        st.info("No file was read. Choose **Files: all** to read files with any name.", icon=":material/block:")
    elif summary["errors"]:
        st.error(f"**Invalid.** Some records violate {by}.", icon=":material/cancel:")
    elif summary["verdict"] == "invalid":
        st.error("**Invalid.** All records together break a rule.", icon=":material/cancel:")
    elif summary["verdict"] == "partial":
        st.warning(f"**Partial.** No record violates {by}, but {_unchecked(summary)}", icon=":material/unpublished:")
    else:
        st.success(f"**Valid.** All records match {by.replace(' or ', ' and ')}.", icon=":material/check_circle:")


def _unlisted(summary: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Return why not all errors are listed: the limit only where it was reached."""
    listed, errors = units.format_count(summary["listed_errors"]), units.format_count(summary["errors"])
    if summary["listed_errors"] >= options["max_errors"]:
        return f"{listed} of {errors} errors are listed. Raise **Maximum listed errors** to see more."
    return f"{listed} of {errors} errors are listed. Some files changed while they were read. See the issues."


def _unchecked(summary: Mapping[str, Any]) -> str:
    unread = summary["unread_files"]
    if unread:
        return f"{text.count(unread, 'file was', 'files were')} not read. See the issues."
    return "some checks were not possible. See the issues."


def _errors(services: bootstrap.Services, job: JobView) -> None:
    with st.grid(2, min_column_width=380, gap="medium"):
        with st.container():
            st.subheader("Errors by rule and column", anchor=False)
            _rules(services, job)
        with st.container():
            st.subheader("Files with the most errors", anchor=False)
            columns = ("path", "records", "bad_records", "errors")
            some = [results.Filter(column="errors", operator="gt", value="0")]
            linked.top(services, job.id, "validate.result", columns, sort="-errors", limit=_FILES, filters=some)
    _first(services, job)


def _first(services: bootstrap.Services, job: JobView) -> None:
    """Show each kind of error of each file once: of a thousand equal ones, the first says all."""
    rows, total = services.results.first_errors(job.id, _ERRORS)
    st.subheader("First errors of each file", anchor=False)
    more = f" The first {len(rows):,} of {total:,} are shown." if total > len(rows) else ""
    st.caption(f"For each file, column and rule: the number of errors and the first of them.{more}")
    tables = {one.name: one for one in operations.get("validate").tables}
    declared = {one.name: one.model_dump() for name in ("counts", "errors") for one in tables[name].columns}
    names = ("file", "line", "column", "rule", "errors", "value", "expected")
    columns = [declared.get(name, _FILE) for name in names]
    height = _ROW_PIXELS * (1 + min(len(rows), _TALL)) + 3
    grid.show([{**row, "file": row["path"]} for row in rows], columns, key="first_errors", height=height)
    table_link.button("All errors", "validate.errors", sort="path,record", key="to_errors")


def _rules(services: bootstrap.Services, job: JobView) -> None:
    rows = linked.rows(services, job.id, "validate.counts", "-errors", services.settings.page_rows_limit)
    counted: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counted[row["rule"], row["column"] or ""] += row["errors"]
    top = counted.most_common(_BARS)

    def pick(place: int) -> None:
        rule, column = top[place][0]
        wanted = [results.Filter(column="rule", operator="eq", value=rule)]
        if column:
            wanted.append(results.Filter(column="column", operator="eq", value=column))
        table_link.open_table("validate.errors", wanted, sort="path,record")

    names = [f"{rule}: {column}" if column else rule for (rule, column), _ in top]
    bars.show(names, [count for _, count in top], units.format_count, key="rules", alt="Errors by rule", on_pick=pick)
    st.caption("Click a bar to list its errors.")


@st.fragment
def _schema(services: bootstrap.Services, job: JobView, summary: Mapping[str, Any]) -> None:
    with st.expander("Schema", icon=":material/schema:", expanded=not summary["errors"]):
        stored = b"".join(services.artifacts.open(job.id, "validate/schema.json").chunks)
        if len(stored) > _LARGEST_SCHEMA_BYTES:
            st.caption(
                "This schema is too large to edit here. Download it from **Files**, edit it, and use it as the schema "
                "of a new job."
            )
            return
        st.caption(
            "Edit the schema and validate again: types, and constraints such as required, unique, minimum, enum."
        )
        edited = st.text_area("Table Schema", stored.decode(), height=320, key="edited_schema")
        try:
            compact = json.dumps(json.loads(edited), ensure_ascii=False)
        except ValueError as error:
            st.error(f"This is not valid JSON: {text.plain(str(error))}")
            return
        request = job.request
        chosen = [
            one.model_copy(update={"options": {**one.options, "schema_text": compact, "schema_file": None}})
            if one.operation == "validate"
            else one
            for one in request.operations
        ]
        st.page_link(
            "pages/new_job.py",
            label="Validate again",
            icon=":material/fact_check:",
            query_params=draft.encode(request.model_copy(update={"operations": tuple(chosen)})),
        )
