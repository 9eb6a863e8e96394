"""``pravah jobs results``, ``issues``, ``schema`` and ``problems``: a result on the terminal or through a pipe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.base import errors, units
from services.cli import arguments, output, session
from services.operations import NUMERIC
from services.results.export import SPREADSHEET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from services.cli.parts import Services
    from services.models.jobs import IssueView
    from services.models.results import ResultPage, ResultQuery, TableInfo
    from services.results.table_schema import CommonSchema

_ROWS = 20


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


Table = Annotated[
    str | None,
    typer.Argument(
        metavar="TABLE",
        help="Table, e.g. inventory.by_extension or issues; default: the main table.",
        show_default=False,
    ),
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="COLUMN:OP:VALUE",
        help="Only rows that match, e.g. size_bytes:gt:1000000 or status:eq:new. Several filters are combined with "
        "AND.",
    ),
]
Sort = Annotated[
    str, typer.Option(metavar="COLUMNS", help="Sort by these columns, e.g. -size_bytes,path; - = descending.")
]
Columns = Annotated[str, typer.Option(metavar="COLUMNS", help="Only these columns, separated by commas.")]
Search = Annotated[str, typer.Option(metavar="TEXT", help="Only rows with this text in any text column.")]
Form = Annotated[Format, typer.Option("--format", metavar="[table|json|csv|jsonl|parquet]", help="Output format.")]
Spreadsheet = Annotated[bool, typer.Option("--spreadsheet", help=SPREADSHEET)]
Limit = Annotated[
    int | None,
    typer.Option(
        min=0, help=f"Maximum number of rows; default: {_ROWS} for a table, otherwise all.", show_default=False
    ),
]


def results(  # noqa: PLR0913 - its options
    job: arguments.JobId,
    table: Table = None,
    filters: Filters = None,
    sort: Sort = "",
    columns: Columns = "",
    search: Search = "",
    limit: Limit = None,
    offset: Annotated[int, typer.Option(min=0, help="Rows to skip.")] = 0,
    form: Form = Format.TABLE,
    spreadsheet: Spreadsheet = False,
    out: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Write to this file; - = stdout.")] = "-",
    force: arguments.Force = False,
    json: arguments.Json = False,
) -> int:
    """Print rows of a result table.

    csv, jsonl and parquet always contain all rows, with exact values. --limit applies to table and json.
    """
    form = Format.JSON if json else form
    query = question(filters, sort, columns, search, offset, form, limit, spreadsheet=spreadsheet)
    with session.opened() as services:
        job_id = services.jobs.find(job)
        info = _table(services, job_id, table)
        if form in {Format.TABLE, Format.JSON}:
            _page(services, job_id, info, query, limit, as_json=form == Format.JSON)
        else:
            chunks = services.results.export(job_id, info.name, form.value, query)  # type: ignore[arg-type]
            write(chunks, form, out, force=force)
    return 0


def question(  # noqa: PLR0913 - the options of a command
    filters: list[str] | None,
    sort: str,
    columns: str,
    search: str,
    offset: int,
    form: Format,
    limit: int | None,
    *,
    spreadsheet: bool,
) -> ResultQuery:
    """Return the options of a command that prints rows as the services take them.

    Raises:
        InvalidOptionsError: a filter is malformed, a stream is to be cut, or it is no CSV and for a spreadsheet.
    """
    from services.models import results as queries

    if form not in {Format.TABLE, Format.JSON} and (limit is not None or offset):
        remedy = "Filter the rows, or cut the output, e.g. with head."
        raise errors.InvalidOptionsError("--limit and --offset are for table and json", remedy=remedy, field="limit")
    return queries.ResultQuery(
        columns=queries.parse_sort(columns),
        filters=tuple(queries.parse_filter(text) for text in filters or []),
        sort=queries.parse_sort(sort),
        search=search,
        offset=offset,
        spreadsheet=queries.for_spreadsheet(spreadsheet, form.value, "--spreadsheet"),
    )


def schema(job: arguments.JobId, json: arguments.Json = False) -> int:
    """Print what the files of a profile have in common.

    With --json it is a Table Schema, or a Data Package for several datasets. Edit it for
    `pravah run validate --schema-file FILE`, or use it as it is with --schema-file job:ID.
    """
    with session.opened() as services:
        job_id = services.jobs.find(job)
        if json:
            output.data(services.results.schema_document(job_id))
            return 0
        found = services.results.table_schemas(job_id)
    for dataset, schema in found.items():
        if len(found) > 1:
            output.line(output.plain(f"Dataset {dataset}"))
        _schema(schema)
    return 0


def _schema(found: CommonSchema) -> None:
    rows = []
    for field in found.fields:
        kind = str(field.described()["type"])
        rows.append((field.name, field.form or kind, "yes" if field.is_required else ""))
    output.table(("COLUMN", "TYPE", "REQUIRED"), rows)
    for field in found.fields:
        for note in (*field.exceptions, *field.notes):
            output.line(output.plain(f"{field.name}: {note}"))
    for name in found.left_out:
        output.line(output.plain(f"Left out, because most files do not have it: {name}"))


def problems(
    job: arguments.JobId,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Maximum number of problems.")] = 500,
    json: arguments.Json = False,
) -> int:
    """List what is odd about the files of a profile, with file and place.

    These are issues, columns and types that differ from most files, null words, and numbers stored as text.
    """
    with session.opened() as services:
        rows, total = services.results.profile_problems(services.jobs.find(job), limit)
    if json:
        output.data({"items": rows, "total": total})
        return 0
    cells = [(row["path"], "" if row["record"] is None else f"{row['record']:,}", row["problem"]) for row in rows]
    output.table(("FILE", "RECORD", "PROBLEM"), cells, frozenset({1}))
    if total > len(rows):
        output.line(f"… {total - len(rows):,} more: use --limit", error=True)
    if not total:
        output.line("No problems.", error=True)
    return 0


def issues(
    job: arguments.JobId,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Maximum number of issues.")] = 100,
    after: Annotated[int, typer.Option(min=0, help="Only issues after this number.")] = 0,
    json: arguments.Json = False,
) -> int:
    """List the issues of a job: paths that could not be read, and why. While a job runs, the first 1,000."""
    with session.opened() as services:
        job_id = services.jobs.find(job)
        found = list(_issues(services, job_id, after, limit))
        count = services.jobs.get(job_id).issues_count
    if json:
        output.data([issue.model_dump(mode="json") for issue in found])
        return 0
    if found:
        rows = [(str(one.index), one.stage, one.kind, one.path, one.message) for one in found]
        output.table(("#", "STAGE", "KIND", "PATH", "MESSAGE"), rows, right=frozenset({0}))
    last = found[-1].index if found else after
    if count > last and found:
        output.line(f"… {count - last:,} more: --after {last}", error=True)
    elif not found:
        output.line("No issues." if not after else "No more issues.", error=True)
    return 0


def _issues(services: Services, job_id: UUID, after: int, limit: int) -> Iterator[IssueView]:
    """Return issues page by page: one answer is limited."""
    page_rows = services.page_rows_limit
    while limit > 0:
        page = services.results.issues(job_id, after, min(limit, page_rows))
        yield from page
        if len(page) < min(limit, page_rows):
            return
        after, limit = page[-1].index, limit - len(page)


def _table(services: Services, job_id: UUID, name: str | None) -> TableInfo:
    tables = services.results.tables(job_id)
    for info in tables:
        if name in {None, info.name}:
            return info
    remedy = f"Use one of: {', '.join(info.name for info in tables)}."
    raise errors.ArtifactNotFoundError(f"the result has no table {name!r}", remedy=remedy)


def _page(
    services: Services, job_id: UUID, info: TableInfo, query: ResultQuery, limit: int | None, *, as_json: bool
) -> None:
    rows = services.page_rows_limit if as_json else _ROWS
    page = services.results.query(job_id, info.name, limited(query, info, rows, limit, whole=as_json))
    if as_json:
        output.data(page.model_dump(mode="json"))
    else:
        show(page, info, query)


def limited(query: ResultQuery, info: TableInfo, rows: int, limit: int | None, *, whole: bool) -> ResultQuery:
    """Return a query for one page.

    Args:
        rows: of the page unless `limit` says otherwise.
        whole: with all columns; the raw bytes of a name are for programs.
    """
    update: dict[str, Any] = {"limit": rows if limit is None else limit}
    if not query.columns and not whole:
        update["columns"] = tuple(one["name"] for one in info.columns if one["dtype"] != "binary")
    return query.model_copy(update=update)


def show(page: ResultPage, info: TableInfo, query: ResultQuery) -> None:
    """Print a page as a table, and what of it is not shown."""
    dtypes = {one["name"]: one["dtype"] for one in info.columns}
    rows = [[_cell(row[name], dtypes.get(name)) for name in page.columns] for row in page.rows]
    shown = len(page.columns) if query.columns else output.columns_that_fit([page.columns, *rows])
    right = frozenset(place for place, name in enumerate(page.columns) if dtypes.get(name) in NUMERIC)
    output.table(page.columns[:shown], [row[:shown] for row in rows], right)
    _more(page, query, len(page.columns) - shown)


def _more(page: ResultPage, query: ResultQuery, hidden: int) -> None:
    last = query.offset + len(page.rows)
    if last < page.total_rows:
        rows = (
            f"rows {query.offset + 1:,} to {last:,} of {page.total_rows:,}"
            if page.rows
            else f"0 of {page.total_rows:,}"
        )
        output.line(f"… {rows}: use --limit and --offset, or --format csv for all", error=True)
    if hidden:
        output.line(f"… {hidden} more columns: --columns {','.join(page.columns[-hidden:])}", error=True)
    if page.total_rows == 0:
        output.line("No rows.", error=True)


def _cell(value: Any, dtype: str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and dtype == "integer":
        return f"{value:,}"
    if dtype == "number":
        return units.format_number(value)
    if dtype == "timestamp":
        return str(value).replace("T", " ")[:19]
    return str(value)


def write(chunks: Iterator[bytes], form: Format, out: str, *, force: bool) -> None:
    """Write a stream of rows to a file, or to stdout.

    Raises:
        OutputError: the file is there already and `force` is not given, or the disk refuses.
    """
    from services.cli import download
    from services.results import export

    if out == download.STDOUT:
        download.to_stdout(chunks, export.MEDIA_TYPES[form.value])
    else:
        download.to_file(chunks, Path(out), force=force)
