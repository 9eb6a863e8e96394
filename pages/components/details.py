"""What was asked of a job and how it went, beside its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from pages.base import text
from pages.components import fields, history, same_as
from pages.components.charts import rate
from services import operations
from services.base import units
from services.models.jobs import JobView


def show(job: JobView) -> None:
    """Show request, stages, rate, history, and the same as a command."""
    asked, went = st.columns(2, gap="large")
    with asked:
        st.subheader("Request", anchor=False)
        _pairs(_asked(job))
    with went:
        st.subheader("Run", anchor=False)
        _pairs(_went(job))
        history.show(job)
    if rate.is_drawable(job.samples):
        st.subheader("Rate over time", anchor=False)
        rate.show(job.samples, key="rate_details")
    st.subheader("Use the command line or API", anchor=False)
    same_as.show(job.request)


def _pairs(pairs: Iterator[tuple[str, str]]) -> None:
    rows = "".join(f"<dt>{text.html(name)}</dt><dd>{text.html(value)}</dd>" for name, value in pairs)
    st.html(f'<dl class="pravah-pairs">{rows}</dl>')


def _asked(job: JobView) -> Iterator[tuple[str, str]]:
    yield "Source", job.source.label
    for asked in job.operations:
        operation = operations.get(asked.operation)
        yield "Operation", operation.title
        yield from _options(operation.options, asked.options)
    yield from _options(operations.WalkOptions, job.walk.model_dump(mode="json", exclude_defaults=True))


def _options(model: type[operations.Options], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    schema = model.model_json_schema()
    for name, part in schema.get("properties", {}).items():
        value = values.get(name)
        if value is not None:
            resolved = fields.resolved(part, schema.get("$defs", {}))
            yield str(resolved.get("title", name)), _words(value, resolved)


def _words(value: Any, schema: Mapping[str, Any]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, int):
        return units.format_bytes(value) if schema.get("unit") == "bytes" else units.format_count(value)
    return str(value)


def _went(job: JobView) -> Iterator[tuple[str, str]]:
    yield "Job", str(job.id)
    outcome = job.outcome or {}
    for stage in outcome.get("stages", []):
        yield f"Stage {stage['name']}", units.format_duration(stage["seconds"])
    if "engine_version" in outcome:
        yield "Engine", str(outcome["engine_version"])
    if job.rerun_of is not None:
        yield "Re-run of", str(job.rerun_of)
    if job.baseline is not None:
        yield "Baseline", str(job.baseline)
