"""Downloads: links to the API on the same address, so that no result passes through a page's memory."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from uuid import UUID

import streamlit as st

from pages.base import text
from services import operations
from services.base import units
from services.models import results
from services.models.jobs import Artifact

_MANIFEST = "manifest."
_LISTED = 100
SPREADSHEET = "spreadsheet"
FORMATS = {"csv": "CSV", SPREADSHEET: "CSV for a spreadsheet", "parquet": "Parquet", "jsonl": "JSON Lines"}
HELP = {SPREADSHEET: "Texts that begin with = + - @ get an apostrophe, so that none is run as a formula."}


def table_url(job_id: UUID, table: str, form: str, question: Iterable[tuple[str, str]] = ()) -> str:
    """Return the address of a table as a file; relative, so that it holds behind a proxy's prefix too."""
    query = urllib.parse.urlencode([("table", table), *asked(form), *question])
    return f"api/jobs/{job_id}/results?{query}"


def asked(form: str) -> list[tuple[str, str]]:
    """Return what a request for one of `FORMATS` asks."""
    return [("format", "csv"), ("spreadsheet", "true")] if form == SPREADSHEET else [("format", form)]


def artifact_url(job_id: UUID, name: str) -> str:
    """Return the address of a file of a job."""
    return f"api/jobs/{job_id}/artifacts/{urllib.parse.quote(name)}"


def table(job_id: UUID, name: str, rows: int, question: Sequence[tuple[str, str]] = ()) -> None:
    """Offer the rows one sees, all pages of them, in each format."""
    with st.popover("Download", icon=":material/download:", key=f"download_{name}"):
        st.caption(f"{text.count(rows, 'row', 'rows')}{', filtered and sorted as shown' if question else ''}")
        for form, label in FORMATS.items():
            address = table_url(job_id, name, form, question)
            st.link_button(label, address, key=f"get_{name}_{form}", width="stretch", help=HELP.get(form))


def whole(job_id: UUID) -> None:
    """Offer all files of a job as one."""
    address = f"api/jobs/{job_id}/artifacts.zip"
    st.link_button("Download", address, icon=":material/download:", type="primary", help="All files, as one ZIP.")


def everything(job_id: UUID, tables: Sequence[results.TableInfo], artifacts: Sequence[Artifact]) -> None:
    """Offer manifests, whole tables in each format, and the files as the engine wrote them."""
    beside = [artifact for artifact in artifacts if is_file(artifact)]
    if beside:
        st.subheader("Manifests" if all(map(is_manifest, beside)) else "Files", anchor=False)
        files(job_id, beside)
    st.subheader("Tables", anchor=False)
    for one in tables:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"whole_{one.name}"):
            st.markdown(
                f"**{text.plain(one.title)}**  \n:gray[:small[{text.count(one.rows, 'row', 'rows')}]]", width=220
            )
            for form, label in FORMATS.items():
                address = table_url(job_id, one.name, form)
                st.link_button(label, address, key=f"whole_{one.name}_{form}", help=HELP.get(form))
    with st.expander("All files of the result", icon=":material/folder_zip:", key="as_written"):
        st.caption("`outcome.json` is the summary of the job. Each table is a folder of Parquet shards.")
        files(job_id, artifacts, key="written")


def is_file(artifact: Artifact) -> bool:
    """Return whether a file is one of an operation's own, beside its tables: a manifest, an archive."""
    operation, _, rest = artifact.name.partition("/")
    if not rest or not artifact.name.endswith(".parquet"):
        return bool(rest)
    # A part of a table, or a file that an operation made.
    tables = next((one.tables for one in operations.OPERATIONS if one.name == operation), ())
    return rest.partition("/")[0] not in {table.name for table in tables}


def is_manifest(artifact: Artifact) -> bool:
    """Return whether a file is a list of digests."""
    return PurePosixPath(artifact.name).name.startswith(_MANIFEST)


def files(job_id: UUID, artifacts: Sequence[Artifact], key: str = "file") -> None:
    """List files, those that people look for first."""
    with st.container(gap="xxsmall"):
        for artifact in sorted(artifacts, key=_rank)[:_LISTED]:
            size = f":gray[:small[{text.plain(units.format_bytes(artifact.size_bytes))}]]"
            st.link_button(
                f"{text.plain(artifact.name)} {size}",
                artifact_url(job_id, artifact.name),
                icon=_icon(artifact),
                key=f"{key}_{artifact.name}",
                type="tertiary",
            )
        if len(artifacts) > _LISTED:
            more = text.count(len(artifacts) - _LISTED, "more file", "more files")
            st.caption(f"{more}. `pravah jobs download` downloads all files.")


def _rank(artifact: Artifact) -> tuple[int, str]:
    is_first = (is_file(artifact), "/" not in artifact.name, f"/{operations.MAIN_TABLE}/" in artifact.name)
    return is_first.index(True) if True in is_first else len(is_first), artifact.name


def _icon(artifact: Artifact) -> str:
    if is_manifest(artifact):
        return ":material/fact_check:"
    if is_file(artifact):
        return ":material/folder_zip:"
    return ":material/table:" if artifact.name.endswith(".parquet") else ":material/description:"
