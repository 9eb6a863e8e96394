"""profile: what is in the files, what is odd about it, one column in depth, and how the files' schemas differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.base import text
from pages.components import grid, linked, reused, table_link
from pages.components.charts import bars
from pages.components.views import profile_formats, profile_problems, profile_schema
from services import bootstrap, operations
from services.base import units
from services.models import results
from services.models.jobs import JobView

_BARS, _LIST, _EXCEPTIONS, _SCHEMAS, _MATRIX_ROWS = 12, 200, 5, 12, 200
_TABLE, _DATASETS = "profile.result", "profile.datasets"
_ORDER = "first_file,position"
_SHOWN = (
    "column",
    "type",
    "exceptions",
    "values",
    "null_share",
    "distinct",
    "least",
    "greatest",
    "nature",
    "suspicious",
)
# Figure of the summary, what one and several of it mean, and the rows that it counts.
_ODD = (
    (
        "columns_with_exceptions",
        ("column has", "columns have"),
        "values that the type of the column does not hold",
        "profile.exceptions",
        (),
        "column",
    ),
    ("mixed_columns", ("column holds", "columns hold"), "values of several types", "profile.types", (), "column"),
    ("empty_columns", ("column has", "columns have"), "no value", _TABLE, (("nature", "eq", "empty"),), "position"),
    (
        "constant_columns",
        ("column has", "columns have"),
        "the same value in every record",
        _TABLE,
        (("nature", "eq", "constant"),),
        "position",
    ),
    (
        "ragged_records",
        ("record has", "records have"),
        "too many or too few fields",
        "profile.files",
        (("ragged", "gt", "0"),),
        "-ragged",
    ),
    (
        "broken_files",
        ("file", "files"),
        "could not be read completely",
        "profile.files",
        (("read", "ne", "whole"),),
        "path",
    ),
    (
        "files_malformed",
        ("file is", "files are"),
        "not valid in the encoding",
        "profile.files",
        (("encoding", "starts_with", "not "),),
        "path",
    ),
    (
        "files_without_header",
        ("file has", "files have"),
        "no header row",
        "profile.files",
        (("header", "eq", "no"),),
        "path",
    ),
    ("empty_files", ("file has", "files have"), "no record", "profile.files", (("records", "eq", "0"),), "path"),
)


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show figures, what is odd, the columns, one of them in depth, and the drift between files."""
    summary = job.result("profile")["summary"]
    with st.grid(6, min_column_width=140):
        st.metric("Files", units.format_count(summary["files"]))
        st.metric("Records", units.format_count(summary["records"]))
        st.metric("Columns", units.format_count(summary["columns"]))
        st.metric("Without a value", units.format_percent(summary["null_share"]))
        st.metric("Possible keys", units.format_count(summary["key_columns"]))
        st.metric("Schemas", units.format_count(summary["schemas"]))
    if not summary["files"]:
        st.info(
            f"No file was read: {text.count(summary['other_files'], 'file has', 'files have')} another name than "
            "csv, tsv, json, jsonl, xml, xlsx, parquet, arrow and their like. Choose **Files: all** to read them.",
            icon=":material/find_in_page:",
        )
        return
    reused.show(summary, summary["files"])
    _odd(summary)
    schemas = services.results.table_schemas(job.id)
    profile_problems.show(services, job, schemas)
    of = _dataset(services, job, summary)
    _columns(services, job, of)
    profile_formats.show(services, job, summary)
    _drift(services, job, summary, of)
    profile_schema.show(job, schemas)


def _odd(summary: Mapping[str, Any]) -> None:
    found = [one for one in _ODD if summary[one[0]]]
    if not found:
        st.caption(
            ":material/check_circle: All records have the right number of fields, and every column has values of one "
            "type."
        )
        return
    with st.container(border=True, key="profile_odd"):
        st.markdown("**Possible problems**")
        for name, (one, many), words, table, conditions, sort in found:
            with st.container(horizontal=True, vertical_alignment="center", key=f"odd_{name}"):
                st.markdown(f"{text.count(summary[name], one, many)} {words}.", width="content")
                wanted = [results.Filter(column=c, operator=o, value=v) for c, o, v in conditions]
                table_link.button("Show rows", table, wanted, sort=sort, key=f"to_{name}")


def _dataset(services: bootstrap.Services, job: JobView, summary: Mapping[str, Any]) -> list[results.Filter]:
    """Show the datasets, and return a filter for the one that is chosen."""
    if summary["left_out_files"]:
        st.caption(
            f":material/warning: {text.count(summary['left_out_files'], 'file is', 'files are')} left out of the "
            "columns below: there are more than 10,000 kinds of files or 100,000 columns."
        )
    rows = linked.rows(services, job.id, _DATASETS, "-files", _LIST)
    if len(rows) == 1:
        return [results.Filter(column="dataset", operator="eq", value=rows[0]["dataset"])]
    st.subheader("Datasets", anchor=False)
    st.caption("Files with similar columns are one dataset. Figures and drift are those of one dataset.")
    declared = next(one for one in operations.get("profile").tables if one.name == "datasets").columns
    grid.show(rows, [one.model_dump() for one in declared if one.name != "path_raw"], key="profile_datasets")
    if summary["datasets"] > len(rows):
        table_link.button(f"All {summary['datasets']:,} datasets", _DATASETS, sort="-files", key="to_datasets")
    name = st.selectbox(
        "Dataset", [row["dataset"] for row in rows], key="profile_dataset", bind="query-params", width=320
    )
    return [results.Filter(column="dataset", operator="eq", value=name or rows[0]["dataset"])]


def _columns(services: bootstrap.Services, job: JobView, of: Sequence[results.Filter]) -> None:
    st.subheader("Columns", anchor=False)
    declared = [one.model_dump() for one in operations.get("profile").tables[0].columns if one.name in _SHOWN]
    rows = linked.rows(services, job.id, _TABLE, _ORDER, _LIST, of)
    grid.show(rows, sorted(declared, key=lambda one: _SHOWN.index(one["name"])), key="profile_columns")
    table_link.button("All columns and figures", _TABLE, sort=_ORDER, key="to_columns")
    _column(services, job, [row["column"] for row in rows], of)


@st.fragment
def _column(
    services: bootstrap.Services, job: JobView, names: Sequence[str], dataset: Sequence[results.Filter]
) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Details of a column",
            names,
            key="profile_column",
            bind="query-params",
            format_func=lambda one: text.visible(one, 60),
            width=320,
        )
    if name is None:
        return
    of = [*dataset, results.Filter(column="column", operator="eq", value=name)]
    found = linked.rows(services, job.id, _TABLE, "position", 1, of)
    if not found:
        return
    row = found[0]
    st.markdown(f"Type **{row['type']}**: {text.plain(row['evidence'] or 'no value')}.")
    if row["exceptions"]:
        _exceptions(services, job, row, of)
    with st.grid(6, min_column_width=140):
        about = "" if row["distinct_is"] == "exact" else "≈ "
        st.metric("Values", units.format_count(row["values"]))
        st.metric(
            "Nulls",
            units.format_count(row["nulls"]),
            help="Empty fields, null values and fields missing from short records",
        )
        st.metric("Distinct", f"{about}{units.format_count(row['distinct'])}", help="≈: standard error 1.6 %")
        st.metric("Mean", units.format_number(row["mean"]))
        st.metric("Deviation", units.format_number(row["deviation"]))
        st.metric("Longest", "–" if row["longest"] is None else f"{units.format_count(row['longest'])} bytes")
    _order(row)
    with st.grid(2, min_column_width=380, gap="medium"):
        with st.container():
            if row["type"] == "text":
                st.markdown("**Lengths**")
                _lengths(services, job, of)
            else:
                st.markdown("**Distribution**")
                _distribution(services, job, of, row["type"])
        with st.container():
            st.markdown("**Frequent values**")
            _frequent(services, job, of)


def _exceptions(
    services: bootstrap.Services, job: JobView, row: Mapping[str, Any], of: Sequence[results.Filter]
) -> None:
    """Show how many values the type does not hold, and the first of them."""
    st.caption(
        f":material/warning: {text.count(row['exceptions'], 'value is', 'values are')} not of type {row['type']} and "
        f"left out of the figures and the distribution. The lossless type, which holds every value, is "
        f"{row['lossless_type']}. The first exceptions:"
    )
    rows = linked.rows(services, job.id, "profile.exceptions", "path,record", _EXCEPTIONS, of)
    declared = next(one for one in operations.get("profile").tables if one.name == "exceptions").columns
    shown = [one.model_dump() for one in declared if one.name in ("value", "path", "record")]
    grid.show(rows, shown, key="profile_exceptions")


def _order(row: Mapping[str, Any]) -> None:
    marks = [
        ("least", "Minimum"),
        ("p05", "5 %"),
        ("p25", "25 %"),
        ("median", "Median"),
        ("p75", "75 %"),
        ("p95", "95 %"),
    ]
    marks.append(("greatest", "Maximum"))
    shown = {title: _value(row[key], row["type"]) for key, title in marks if row[key] is not None}
    if shown:
        frame = pd.DataFrame([shown])
        st.dataframe(frame, hide_index=True, key="profile_order")
    for key, words in (("pattern", "Format"), ("suspicious", "Probably null")):
        if row[key]:
            st.caption(f"{words}: {text.plain(row[key])}")


def _value(value: str, kind: str) -> str:
    if kind == "integer":
        return units.format_count(int(value))
    return units.format_number(float(value)) if kind == "float" else text.visible(value, 40)


def _distribution(services: bootstrap.Services, job: JobView, of: Sequence[results.Filter], kind: str) -> None:
    rows = linked.rows(services, job.id, "profile.histogram", "bin", 50, of)
    names = [f"{_value(row['low'], kind)} … {_value(row['high'], kind)}" for row in rows]
    if not rows:
        st.caption("This column has no values.")
        return
    bars.show(names, [row["values"] for row in rows], units.format_count, key="distribution", alt="Values by range")


def _lengths(services: bootstrap.Services, job: JobView, of: Sequence[results.Filter]) -> None:
    rows = linked.rows(services, job.id, "profile.lengths", "from_bytes", 50, of)
    names = [_range(row["from_bytes"], row["to_bytes"]) for row in rows]
    bars.show(names, [row["values"] for row in rows], units.format_count, key="lengths", alt="Values by length")


def _range(low: int, high: int) -> str:
    if low == high:
        return f"{units.format_count(low)} {'byte' if low == 1 else 'bytes'}"
    return f"{units.format_count(low)} … {units.format_count(high)} bytes"


def _frequent(services: bootstrap.Services, job: JobView, of: Sequence[results.Filter]) -> None:
    rows = linked.rows(services, job.id, "profile.top_values", "rank", _BARS, of)
    if not rows:
        st.caption("No frequent values: nearly all values are different.")
        return
    names = [row["value"] or "(empty)" for row in rows]
    bars.show(names, [row["count"] for row in rows], units.format_count, key="frequent", alt="Frequent values")


def _drift(
    services: bootstrap.Services, job: JobView, summary: Mapping[str, Any], of: Sequence[results.Filter]
) -> None:
    st.subheader("Schema drift", anchor=False)
    where = "" if summary["datasets"] == 1 else " of this dataset"
    found = linked.rows(services, job.id, _DATASETS, "dataset", 1, of)
    if not found or found[0]["schemas"] == 1:
        st.caption(
            f":material/check_circle: All files{where} have the same columns in the same order with the same types."
        )
        return
    schemas = linked.rows(services, job.id, "profile.schemas", "-files", _SCHEMAS, of)
    st.caption(
        f"{text.count(found[0]['schemas'], 'schema', 'schemas')}{where}. Each is compared with the most common one, "
        f"shown first. A dash means that the column is missing."
    )
    _matrix(services, job, schemas)
    with st.container(horizontal=True):
        table_link.button("All changes", "profile.changes", sort="schema,column", key="to_changes")
        table_link.button("Files by schema", "profile.files", sort="schema,path", key="to_files")


def _matrix(services: bootstrap.Services, job: JobView, schemas: Sequence[Mapping[str, Any]]) -> None:
    wanted = ",".join(one["schema"] for one in schemas)
    of = [results.Filter(column="schema", operator="in", value=wanted)]
    limit = services.settings.page_rows_limit
    cells = linked.rows(services, job.id, "profile.schema_columns", "position", limit, of)
    first = schemas[0]["schema"]
    kinds = {(cell["column"], cell["schema"]): cell["type"] for cell in cells}
    names = list(dict.fromkeys(cell["column"] for cell in cells))
    order = {cell["column"]: cell["position"] for cell in cells if cell["schema"] == first}
    # What differs first: agreement needs no look.
    differing = [name for name in names if len({kinds.get((name, one["schema"])) for one in schemas}) > 1]
    alike = [name for name in names if name not in set(differing)]
    shown = sorted(differing, key=lambda name: order.get(name, len(names))) + alike
    headings = {one["schema"]: f"{text.count(one['files'], 'file', 'files')} · {one['path']}" for one in schemas}
    rows = [
        {"Column": text.visible(name, 60)}
        | {text.visible(headings[schema], 60): kinds.get((name, schema), "–") for schema in headings}
        for name in shown[:_MATRIX_ROWS]
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="drift_matrix")
    if len(shown) > _MATRIX_ROWS:
        st.caption(f"{len(shown) - _MATRIX_ROWS:,} more columns are in the table of changes.")
