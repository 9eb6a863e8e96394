"""How much is held, what would go, when the last sweep was, and a button to sweep now."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import streamlit as st

from pages.base import text
from pages.components import confirmation, failure, notice
from services import bootstrap
from services.base import errors, units
from services.models.retention import OrphanKind, Reason, Sweep

_SHOWN = 20
_REASONS = {Reason.AGE: "too old", Reason.NUMBER: "too many jobs", Reason.BYTES: "results too large"}
_KINDS = {
    OrphanKind.DELETED: "belongs to a deleted job",
    OrphanKind.STORED: "of no job",
    OrphanKind.WORK: "left behind by a crashed worker",
    OrphanKind.CACHE: "cached copy without a job",
}


@st.cache_data(ttl=30, show_spinner="Checking jobs and files …")
def _foreseen(_services: bootstrap.Services) -> Sweep:
    # It looks at every file of the storage, and many tabs may ask.
    return _services.retention.sweep(dry_run=True)


def show(services: bootstrap.Services) -> None:
    """Draw figures, limits, what would go, and the button."""
    try:
        sweep = _foreseen(services)
        last = services.retention.last()
    except errors.PravahError as error:
        failure.show(error)
        return
    with st.grid(4, min_column_width=180):
        st.metric("Finished jobs", units.format_count(sweep.held.jobs))
        st.metric("Pinned jobs", units.format_count(sweep.held.pinned))
        st.metric("Size of results", units.format_bytes(sweep.held.size_bytes))
        st.metric("Can be freed", units.format_bytes(sweep.freed_bytes))
    st.markdown(" ".join(_sentences(services)))
    if last is None:
        st.caption("No sweep has run yet.")
    else:
        jobs, orphans = _counts(last.jobs, last.orphans)
        ago, freed = units.format_ago(last.at), units.format_bytes(last.freed_bytes)
        left = f"; {last.troubles} could not be deleted" if last.troubles else ""
        st.caption(text.plain(f"Last sweep {ago}: {jobs} and {orphans}, {freed}{left}."))
    _plan(services, sweep)


def _sentences(services: bootstrap.Services) -> Iterator[str]:
    config = services.settings
    if config.keep_days is not None:
        yield f"Jobs older than {config.keep_days:g} days are deleted."
    if config.keep_jobs is not None:
        yield f"At most {units.format_count(config.keep_jobs)} finished jobs stay; pinned jobs do not count."
    if config.keep_bytes is not None:
        yield f"All results together take at most {units.format_bytes(config.keep_bytes)}."
    if config.keep_days is None and config.keep_jobs is None and config.keep_bytes is None:
        yield (
            "Jobs are never deleted automatically: `PRAVAH_KEEP_DAYS`, `PRAVAH_KEEP_JOBS` and `PRAVAH_KEEP_BYTES` "
            "are not set."
        )
    yield f"The server checks every {text.plain(units.format_duration(config.sweep_seconds))}."


def _plan(services: bootstrap.Services, sweep: Sweep) -> None:
    rows = [(job.label, _REASONS[job.reason], job.size_bytes) for job in sweep.jobs]
    rows += [(one.name, _KINDS[one.kind], one.size_bytes) for one in sweep.orphans]
    if rows:
        shown = {
            "To be deleted": [text.code(row[0], limit=120) for row in rows[:_SHOWN]],
            "Why": [row[1] for row in rows[:_SHOWN]],
            "Size": [text.plain(units.format_bytes(row[2])) for row in rows[:_SHOWN]],
        }
        st.table(pd.DataFrame(shown), border="horizontal", hide_index=True)
        if len(rows) > _SHOWN:
            st.caption(f"… and {units.format_count(len(rows) - _SHOWN)} more")
    else:
        st.caption("There is nothing to delete.")
    if sweep.foreign:
        st.warning(text.plain(sweep.foreign), icon=":material/warning:")
    for trouble in sweep.troubles:
        st.warning(text.plain(f"{trouble.name}: {trouble.message}"), icon=":material/warning:")
    if st.button("Clean up", icon=":material/mop:", key="clean", disabled=not rows):
        _ask(services, sweep)


@st.dialog("Clean up?", icon=":material/mop:")
def _ask(services: bootstrap.Services, sweep: Sweep) -> None:
    jobs, orphans = _counts(len(sweep.jobs), len(sweep.orphans))
    st.markdown(f"{jobs} with results and history, and {orphans}: {units.format_bytes(sweep.freed_bytes)}.")
    if not confirmation.wanted("clean", "Cancel"):
        return
    try:
        done = services.retention.sweep()
    except errors.PravahError as error:
        failure.show(error)
        return
    _foreseen.clear()
    jobs, orphans = _counts(len(done.jobs), len(done.orphans))
    notice.later(f"{jobs} and {orphans} deleted.", ":material/mop:")
    st.rerun()


def _counts(jobs: int, orphans: int) -> tuple[str, str]:
    return text.count(jobs, "job", "jobs"), text.count(orphans, "orphaned file", "orphaned files")
