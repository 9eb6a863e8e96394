"""``pravah run … --preview``: what a job would read, before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.base import units
from services.cli import output

if TYPE_CHECKING:
    from services.cli.parts import Services
    from services.models.jobs import JobRequest
    from services.models.previews import PreviewTable, RecordsPreview

_RECORDS = 5


def show(services: Services, request: JobRequest, *, as_json: bool) -> None:
    """Print how many files a job would read, and the beginning of the first table among them.

    Raises:
        InvalidOptionsError, SourceNotFoundError, SourceForbiddenError: as for `JobService.submit`.
    """
    found = services.jobs.preview(request)
    table = services.jobs.preview_records(request, found.first_tables[0]) if found.first_tables else None
    if as_json:
        output.data(
            {
                "preview": found.model_dump(mode="json"),
                "records": None if table is None else table.model_dump(mode="json"),
            }
        )
        return
    more = "To be read, " if found.complete else "To be read, at least "
    counted = f"files: {found.files:,}, directories: {found.directories:,}, size: {units.format_bytes(found.bytes)}"
    output.line(f"{more}{counted}. Nothing was started.")
    if table is not None:
        _records(table)


def _records(found: RecordsPreview) -> None:
    output.line()
    output.styled(output.plain(found.path), "bold")
    for note in found.notes:
        output.line(f"  {output.plain(note)}")
    if found.table is None:
        output.line("No table was found in this file.")
        return
    output.line(output.plain(found.table.found))
    if found.table.lines:
        output.line()
        for text in found.table.lines[: found.table.header_lines + _RECORDS]:
            output.line(f"  {output.plain(text)}".rstrip())
    output.line()
    _table(found.table)


def _table(table: PreviewTable) -> None:
    rows = table.rows[:_RECORDS]
    shown = output.columns_that_fit([table.names, *rows])
    output.table(table.names[:shown], [row[:shown] for row in rows])
    if shown < table.columns:
        output.line(f"The first {shown} of {table.columns} columns. All: --json")
