"""Compare two results of one operation: figures, rows and downloads of the differences."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from services import operations
from services.api.http import access, bodies, head, problems, streams
from services.api.routes import artifacts
from services.base import errors
from services.models.comparisons import Comparison
from services.results import export
from services.use_cases import comparisons

router = APIRouter(prefix="/jobs/{job_id:uuid}", tags=["results"])

_ERRORS = (
    errors.JobNotFoundError,
    errors.ArtifactNotFoundError,
    errors.InvalidOptionsError,
    errors.LimitExceededError,
    errors.StorageError,
)


class CompareQuery(artifacts.ResultsQuery):
    """With which job, and which rows of the differences."""

    with_job: UUID = Field(alias="with", description="ID of the earlier job.")
    table: operations.Text | None = Field(
        default=None, max_length=100, description="Name of a table of the comparison."
    )


@router.get(
    "/compare/{operation}",
    response_model=Comparison | bodies.RowPage,
    responses={
        200: {"content": dict.fromkeys(export.MEDIA_TYPES.values(), artifacts.BINARY)},
        **problems.responses(*_ERRORS),
    },
)
def get_comparison(
    job_id: access.JobId,
    operation: Annotated[
        str,
        Path(
            description=f"One of {', '.join(comparisons.PLANS)}.",
            examples=["checksum"],
            json_schema_extra={"enum": list(comparisons.PLANS)},
        ),
    ],
    query: Annotated[CompareQuery, Query()],
    services: access.Services,
    request: Request,
) -> Any:
    """Compare the results of two completed jobs; with `table`, return rows of the differences.

    The jobs may have different sources, such as an original and its copy. Paths relative to each source are compared.
    Without a table name, row parameters apply to the first table of the comparison.
    """
    asked = (job_id, operation, query.with_job)
    if not query.asks_for_rows:
        return services.comparisons.compare(*asked)
    question, table = query.question(), query.table or comparisons.main_table(operation)
    if query.format == "json":
        page = services.comparisons.query(*asked, table, question)
        limit = min(query.limit, services.settings.page_rows_limit)
        return bodies.RowPage(table=table, offset=query.offset, limit=limit, **page.model_dump())
    name = bodies.download_name(job_id, f"compare-{operation}-{table}", query.format)
    headers = artifacts.file_headers(name, export.MEDIA_TYPES[query.format])
    if head.is_asked(request.scope):
        services.comparisons.query(*asked, table, question.model_copy(update={"limit": 0}))
        return Response(headers=headers)
    return streams.Stream(services.comparisons.export(*asked, table, query.format, question), headers=headers)
