"""The results of a completed job: rows of its tables, and its files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from services import operations
from services.api.http import access, bodies, head, problems, ranges, streams
from services.base import errors
from services.models import jobs, results
from services.results import export, removal

router = APIRouter(prefix="/jobs/{job_id:uuid}", tags=["results"])

BINARY = {"schema": {"type": "string", "format": "binary"}}
_ERRORS = (errors.JobNotFoundError, errors.ArtifactNotFoundError, errors.InvalidOptionsError, errors.StorageError)
_RANGE_HEADERS = ("Range", "If-Range", "If-Match", "If-None-Match")


class ResultsQuery(jobs.Model):
    """Which rows of which table."""

    table: operations.Text | None = Field(
        default=None, max_length=100, description="Name of a table, `<operation>.<table>` or `issues`."
    )
    filter: list[operations.Text] = Field(
        default_factory=list,
        max_length=50,
        description="`column:operator:value`; several filters are combined with AND. Operators: eq, ne, lt, le, gt, "
        "ge, contains, "
        "starts_with, in (values separated by commas), is_null, not_null.",
        examples=[["size_bytes:ge:1048576", "extension:in:csv,json"]],
    )
    sort: operations.Text = Field(
        default="",
        max_length=2_000,
        description="Columns to sort by, separated by commas; `-` = descending.",
        examples=["-size_bytes,path"],
    )
    search: operations.Text = Field(
        default="", max_length=500, description="Only rows with this text in any text column."
    )
    columns: operations.Text = Field(
        default="", max_length=2_000, description="Columns to return, separated by commas; default: all."
    )
    offset: int = Field(default=0, ge=0, le=2**62, description="Number of rows to skip.")
    limit: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="Maximum number of rows; PRAVAH_PAGE_ROWS_LIMIT is an additional limit.",
    )
    format: Literal["json", "csv", "jsonl", "parquet"] = Field(
        default="json", description="json returns one page of rows; the other formats download all matching rows."
    )
    spreadsheet: bool = Field(default=False, description=export.SPREADSHEET)

    @property
    def asks_for_rows(self) -> bool:
        """False when tables and files are to be listed."""
        asked = (self.table, self.filter, self.sort, self.search, self.columns, self.spreadsheet)
        return any(asked) or self.format != "json"

    def question(self) -> results.ResultQuery:
        """Return the query as the services take it.

        Raises:
            InvalidOptionsError: a filter is malformed, or another format than CSV is to be for a spreadsheet.
        """
        return results.ResultQuery(
            columns=tuple(dict.fromkeys(results.parse_sort(self.columns))),
            filters=tuple(results.parse_filter(text) for text in self.filter),
            sort=results.parse_sort(self.sort),
            search=self.search,
            offset=self.offset,
            limit=self.limit,
            spreadsheet=results.for_spreadsheet(self.spreadsheet, self.format),
        )


@router.get(
    "/results",
    response_model=bodies.ResultList | bodies.RowPage,
    responses={
        200: {"content": dict.fromkeys(export.MEDIA_TYPES.values(), BINARY)},
        **problems.responses(*_ERRORS),
    },
)
def get_results(
    job_id: access.JobId, query: Annotated[ResultsQuery, Query()], services: access.Services, request: Request
) -> Any:
    """List the tables and files of a completed job; with `table`, return its rows or download it.

    Without a table name, row parameters apply to the main table of the first operation.
    """
    if not query.asks_for_rows:
        return bodies.ResultList(tables=services.results.tables(job_id), artifacts=services.artifacts.list(job_id))
    table = query.table or f"{services.jobs.get(job_id).operations[0].operation}.{operations.MAIN_TABLE}"
    question = query.question()
    if query.format != "json":
        return _download(job_id, table, query.format, question, services, is_head=head.is_asked(request.scope))
    page = services.results.query(job_id, table, question)
    limit = min(query.limit, services.settings.page_rows_limit)
    return bodies.RowPage(table=table, offset=query.offset, limit=limit, **page.model_dump())


def _download(
    job_id: access.JobId,
    table: str,
    form: export.Form,
    question: results.ResultQuery,
    services: access.Services,
    *,
    is_head: bool,
) -> Response:
    headers = file_headers(bodies.download_name(job_id, table, form), export.MEDIA_TYPES[form])
    if is_head:
        services.results.query(job_id, table, question.model_copy(update={"limit": 0}))
        return Response(headers=headers)
    return streams.Stream(services.results.export(job_id, table, form, question), headers=headers)


def file_headers(name: str, media_type: str) -> dict[str, str]:
    """Return the headers of a file to save."""
    return {"Content-Disposition": ranges.attachment(name), "Content-Type": media_type, **streams.AS_IT_IS}


@router.get("/schema", responses=problems.responses(*_ERRORS))
def get_schema(job_id: access.JobId, services: access.Services) -> dict[str, Any]:
    """Return what the files of a profile have in common, as a Table Schema (Frictionless).

    If the files are of several datasets, it is a Data Package with a schema for each.

    Edit it and pass it to validate as `schema_text`, or pass `job:<id>` as `schema_file`.
    """
    return services.results.schema_document(job_id)


@router.get("/problems", responses=problems.responses(*_ERRORS))
def list_problems(
    job_id: access.JobId,
    services: access.Services,
    limit: Annotated[int, Query(ge=1, le=100_000, description="Maximum number of problems.")] = 500,
) -> bodies.ProblemList:
    """List what is odd about the files of a profile, with file and place.

    These are issues, columns and types that differ from most files, null words, and numbers stored as text.
    """
    rows, total = services.results.profile_problems(job_id, limit)
    return bodies.ProblemList(items=[bodies.FileProblem(**row) for row in rows], total=total)


@router.get("/broken-rules", responses=problems.responses(*_ERRORS))
def list_broken_rules(
    job_id: access.JobId,
    services: access.Services,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Maximum number of rules.")] = 100,
) -> bodies.BrokenRuleList:
    """List the rules that records of a validation break: the most broken first, with the first files."""
    rows, total = services.results.broken_rules(job_id, limit)
    return bodies.BrokenRuleList(items=[bodies.BrokenRule(**row) for row in rows], total=total)


class PlanQuery(jobs.Model):
    """Which file of each group of duplicates stays, and how the rest is listed."""

    keep: results.Keep = Field(
        default="oldest",
        description="Which file of each group stays. `under`: files in `folder`; `each_name`: one file of each name.",
    )
    folder: operations.Text = Field(
        default="", max_length=16_384, description="Folder for `under`, relative to the source."
    )
    filter: list[operations.Text] = Field(
        default_factory=list,
        max_length=50,
        description="Only matching rows of `duplicates.result` may be removed. Same syntax as for results.",
        examples=[["extension:eq:jpg"]],
    )
    format: Literal["json", "sh", "csv"] = Field(
        default="json",
        description="json: a summary. sh: a script that checks each file again before removing it. csv: a table with "
        "the exact paths. Both name only files that can be checked; `unchecked_files` counts the others.",
    )


@router.get(
    "/removal",
    response_model=results.RemovalPreview,
    responses={200: {"content": dict.fromkeys(removal.MEDIA_TYPES.values(), BINARY)}, **problems.responses(*_ERRORS)},
)
def get_removal(
    job_id: access.JobId, query: Annotated[PlanQuery, Query()], services: access.Services, request: Request
) -> Any:
    """Preview which duplicates a rule would remove, or download the plan. Pravah itself removes nothing."""
    filters = tuple(results.parse_filter(text) for text in query.filter)
    rule = results.KeepRule(keep=query.keep, folder=query.folder, filters=filters)
    if query.format == "json":
        return services.results.removal_preview(job_id, rule)
    name = bodies.download_name(job_id, "remove-duplicates", query.format)
    headers = file_headers(name, removal.MEDIA_TYPES[query.format])
    if head.is_asked(request.scope):
        services.results.removal_preview(job_id, rule)
        return Response(headers=headers)
    return streams.Stream(services.results.removal_plan(job_id, rule, query.format), headers=headers)


@router.get("/artifacts", responses=problems.responses(errors.JobNotFoundError, errors.InvalidOptionsError))
def list_artifacts(job_id: access.JobId, services: access.Services) -> bodies.ArtifactList:
    """List the files of a job by name. The list is empty until the job is completed."""
    return bodies.ArtifactList(items=services.artifacts.list(job_id))


@router.get(
    "/artifacts.zip",
    response_class=Response,
    responses={200: {"content": {"application/zip": BINARY}}, **problems.responses(*_ERRORS)},
)
def get_all_artifacts(job_id: access.JobId, services: access.Services, request: Request) -> Response:
    """Download all files of a job as one ZIP. It is made while it is sent: it has no length and no ranges."""
    chunks = services.artifacts.zipped(job_id)
    name = "-".join(["pravah", *services.jobs.get(job_id).names])
    headers = file_headers(bodies.download_name(job_id, name, "zip"), "application/zip")
    return Response(headers=headers) if head.is_asked(request.scope) else streams.Stream(chunks, headers=headers)


@router.get(
    "/artifacts/{name:path}",
    response_class=Response,
    responses={
        200: {"description": "The whole file", "content": {"*/*": BINARY}},
        206: {"description": "The requested range", "content": {"*/*": BINARY}},
        304: {"description": "The file has not changed (If-None-Match)"},
        **problems.responses(*_ERRORS, problems.PreconditionFailedError, problems.RangeNotSatisfiableError),
    },
    openapi_extra={
        "parameters": [
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}} for name in _RANGE_HEADERS
        ]
    },
)
def get_artifact(
    job_id: access.JobId,
    name: Annotated[
        str,
        Path(
            description="Name of the artifact; it may contain slashes.",
            examples=["inventory/result/part-00000.parquet"],
        ),
    ],
    services: access.Services,
    request: Request,
) -> Response:
    """Download a file, or a range of its bytes (RFC 9110: one range, If-Range, ETag)."""
    artifact, key = services.artifacts.key(job_id, name)
    tag = ranges.etag(key, artifact.size_bytes)
    chosen = ranges.select(request.headers, tag, artifact.size_bytes)
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if chosen.status == 304:
        return Response(status_code=304, headers=headers)
    headers |= {"Content-Length": str(chosen.end - chosen.start), **file_headers(name, artifact.media_type)}
    if chosen.status == 206:
        headers["Content-Range"] = f"bytes {chosen.start}-{chosen.end - 1}/{artifact.size_bytes}"
    if head.is_asked(request.scope):
        return Response(status_code=chosen.status, headers=headers)
    chunks: Iterator[bytes] = services.artifacts.open(job_id, name, chosen.start, chosen.end).chunks
    return streams.Stream(chunks, chosen.status, headers)
