"""A job's result beside an earlier one: which one, what is different in numbers, and the rows."""

from __future__ import annotations

from uuid import UUID

import streamlit as st

from pages.base import text
from pages.components import draft, failure
from pages.components.comparing import change_map, differences
from services import bootstrap, operations
from services.base import errors, units
from services.models.comparisons import Comparison
from services.models.jobs import JobView
from services.use_cases import comparisons

WITH, OF = "with", "compare_of"
_AMOUNTS = {"bytes": units.format_bytes, "%": units.format_percent}
_MAPS = {"inventory": change_map.show}


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show what is different between a completed job's result and the earlier one that the URL names."""
    name = _operation(job)
    if name is None:
        known = ", ".join(operations.get(one).title for one in comparisons.PLANS)
        st.info(f"The results of this job cannot be compared. Only results of {known} can.", icon=":material/info:")
        return
    earlier = _earlier(services, job, name)
    if earlier is None:
        _none(job, name)
        return
    try:
        with st.spinner("Comparing …", show_time=True):
            found = services.comparisons.compare(job.id, name, earlier)
    except errors.PravahError as error:
        failure.show(error)
        return
    _numbers(found)
    if name in _MAPS and found.differs:
        _MAPS[name](services, found)
    differences.show(services, found)


def _operation(job: JobView) -> str | None:
    known = [name for name in job.names if name in comparisons.PLANS]
    if len(known) < 2:
        return known[0] if known else None
    return str(
        st.segmented_control(
            "Result of",
            known,
            default=known[0],
            required=True,
            format_func=lambda one: operations.get(one).title,
            key=OF,
            bind="query-params",
            label_visibility="collapsed",
        )
    )


def _earlier(services: bootstrap.Services, job: JobView, name: str) -> UUID | None:
    known = {one.id: one for one in services.comparisons.offered(job, name)}
    asked = _asked(services)
    if asked is not None:
        known.setdefault(asked.id, asked)
    if not known:
        return None
    chosen = st.selectbox(
        "Compare with",
        list(known),
        index=list(known).index(asked.id) if asked is not None else 0,
        format_func=lambda one: _label(known[one], job),
        key=f"compare_with_{name}_{job.id}",
        width=640,
    )
    # By hand: a bound list puts its labels into the address.
    if asked is None or asked.id != chosen:
        st.query_params[WITH] = str(chosen)
    return chosen


def _asked(services: bootstrap.Services) -> JobView | None:
    try:
        return services.jobs.get(UUID(st.query_params.get(WITH, "")))
    except (ValueError, errors.JobNotFoundError):
        return None


def _label(one: JobView, job: JobView) -> str:
    facts = [one.name or one.source.label, units.format_ago(one.finished_at)]
    if one.id == job.baseline:
        facts.append("its baseline")
    if one.source != job.source:
        facts.append("different source")
    return text.visible(" · ".join(facts), 120)


def _none(job: JobView, name: str) -> None:
    title = text.plain(operations.get(name).title)
    st.info(
        f"There is no earlier completed job of {title} to compare with. Re-run this job later, or run it on a copy. "
        f"The page of the later job then shows the differences.",
        icon=":material/compare_arrows:",
    )
    st.page_link("pages/new_job.py", label="Edit", icon=":material/replay:", query_params=draft.encode(job.request))


def _numbers(found: Comparison) -> None:
    for note in found.notes:
        st.caption(f":material/info: {text.plain(note)}")
    by = f" by {text.plain(found.by)}" if found.by else ""
    same = units.format_count(found.tables[0].same_rows)
    if not found.differs:
        st.success(f"**No differences.** Compared{by}: {same} are equal.", icon=":material/check_circle:")
    with st.grid(6, min_column_width=140):
        for one in found.tables[0].kinds:
            st.metric(
                f"{differences.ICONS.get(one.kind, '')} {one.kind.capitalize()}",
                units.format_count(one.rows),
                help=text.plain(one.meaning),
            )
        st.metric("Equal", same, help=f"Compared{by}. Equal rows are not listed.")
        for figure in (one for one in found.figures if one.change):
            shown = _AMOUNTS.get(figure.unit or "", units.format_number)
            change = f"{'+' if figure.change > 0 else '-'}{shown(abs(figure.change))}"
            st.metric(text.plain(figure.title), shown(figure.after), delta=change, delta_color="off")
