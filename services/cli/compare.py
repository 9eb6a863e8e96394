"""``pravah jobs compare``: the differences between two results of one operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.base import errors, units
from services.cli import arguments, output, results, session

if TYPE_CHECKING:
    from uuid import UUID

    from services.cli.parts import Services
    from services.models.comparisons import ComparedTable, Comparison, KindCount
    from services.models.results import ResultQuery

_ROWS = 20

Before = Annotated[
    str, typer.Argument(metavar="BEFORE", help="The earlier job: its ID or first digits.", show_default=False)
]
After = Annotated[
    str, typer.Argument(metavar="AFTER", help="The later job: its ID, first digits, or latest.", show_default=False)
]
Table = Annotated[str, typer.Option(metavar="NAME", help="Table of differences; default: the main table.")]


def compare(  # noqa: PLR0913 - its options
    before: Before,
    after: After,
    operation: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Operation to compare, if both jobs have several.", show_default=False),
    ] = None,
    table: Table = "",
    filters: results.Filters = None,
    sort: results.Sort = "",
    columns: results.Columns = "",
    search: results.Search = "",
    limit: results.Limit = None,
    offset: Annotated[int, typer.Option(min=0, help="Rows to skip.")] = 0,
    form: results.Form = results.Format.TABLE,
    spreadsheet: results.Spreadsheet = False,
    out: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Write to this file; - = stdout.")] = "-",
    force: arguments.Force = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 if the results differ, like diff.")] = False,
    json: arguments.Json = False,
) -> int:
    """Compare two results of one operation: what changed, came, went, moved, grew.

    The jobs may be of two sources, e.g. a directory and its copy: paths relative to each are compared.
    """
    form = results.Format.JSON if json else form
    query = results.question(filters, sort, columns, search, offset, form, limit, spreadsheet=spreadsheet)
    with session.opened() as services:
        ids = services.jobs.find(before), services.jobs.find(after)
        name = operation or _operation(services, *ids)
        with session.waiting("Comparing …"):
            found = services.comparisons.compare(ids[1], name, ids[0])
        shown = _table(found, table)
        if form in {results.Format.TABLE, results.Format.JSON}:
            _show(services, found, shown, query, limit, as_json=form == results.Format.JSON)
        else:
            chunks = services.comparisons.export(
                ids[1],
                name,
                ids[0],
                shown.name,
                form.value,  # type: ignore[arg-type]
                query,
            )
            results.write(chunks, form, out, force=force)
    return int(exit_code and found.differs)


def _operation(services: Services, before: UUID, after: UUID) -> str:
    from services.use_cases.comparisons import PLANS

    had = services.jobs.get(before).names
    both = [name for name in services.jobs.get(after).names if name in had and name in PLANS]
    if len(both) == 1:
        return both[0]
    if both:
        message = f"both jobs have several operations: {', '.join(both)}"
        raise errors.InvalidOptionsError(message, remedy="Name one with --operation.", field="operation")
    message = "the jobs have no common operation with comparable results"
    raise errors.InvalidOptionsError(message, remedy=f"These can: {', '.join(PLANS)}.", field="operation")


def _table(found: Comparison, name: str) -> ComparedTable:
    for table in found.tables:
        if name in {"", table.name}:
            return table
    known = ", ".join(table.name for table in found.tables)
    raise errors.ArtifactNotFoundError(f"the comparison has no table {name!r}", remedy=f"Use one of: {known}.")


def _show(
    services: Services,
    found: Comparison,
    table: ComparedTable,
    query: ResultQuery,
    limit: int | None,
    *,
    as_json: bool,
) -> None:
    wanted = results.limited(query, table, services.page_rows_limit if as_json else _ROWS, limit, whole=as_json)
    page = services.comparisons.query(found.after.id, found.operation, found.before.id, table.name, wanted)
    if as_json:
        output.data({**found.model_dump(mode="json"), "rows": page.model_dump(mode="json")})
        return
    _head(found)
    if table.rows:
        output.line()
        results.show(page, table, query)


def _head(found: Comparison) -> None:
    for word, job in (("before", found.before), ("after", found.after)):
        output.line(output.plain(f"{word:<7} {str(job.id)[:8]}  {units.format_ago(job.finished_at)}  {job.source}"))
    for note in found.notes:
        output.line(output.plain(f"note    {note}"))
    for table in found.tables:
        words = f"{table.title} ({table.name}): {table.rows:,}; {table.same_rows:,} equal"
        output.styled(output.plain(words), "bold")
        for one in table.kinds:
            output.line(f"  {one.kind:<9} {one.rows:>11,}  {_bytes(one)}".rstrip())
    by = f", compared by {found.by}" if found.by else ""
    output.line(f"{'The results differ' if found.differs else 'No differences'}{by}.")


def _bytes(one: KindCount) -> str:
    if one.before_bytes is None and one.after_bytes is None:
        return ""
    if one.before_bytes is None or one.after_bytes is None:
        return units.format_bytes(one.after_bytes if one.before_bytes is None else one.before_bytes)
    return f"{units.format_bytes(one.before_bytes)} → {units.format_bytes(one.after_bytes)}"
