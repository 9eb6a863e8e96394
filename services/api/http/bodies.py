"""Bodies of requests and responses that are not models of the services; one request model per operation."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union
from uuid import UUID

import pydantic
from pydantic import Field

from services import operations
from services.models import findings, jobs, results
from services.operations import Operation, Text, WalkOptions

_EXAMPLE_SOURCE = "/data/incoming"


class OperationBody(jobs.Model):
    """An operation with its options."""

    operation: str


def _body(operation: Operation) -> type[OperationBody]:
    required = any(field.is_required() for field in operation.options.model_fields.values())
    default = Field() if required else Field(default_factory=operation.options)
    body = pydantic.create_model(
        f"{operation.name.title().replace('_', '')}Request",
        __base__=OperationBody,
        __doc__=operation.summary,
        operation=(Literal[operation.name], ...),  # type: ignore[arg-type]
        options=(operation.options, default),
    )
    body.model_config["json_schema_extra"] = {"examples": [_asked(operation)]}
    body.model_rebuild(force=True)
    return body


def _asked(operation: Operation) -> dict[str, Any]:
    """Return an operation with the options of its first declared example."""
    return {"operation": operation.name, "options": operation.examples[0].options_in(_EXAMPLE_SOURCE)}


def example(*asked: Operation) -> dict[str, Any]:
    """Return a request body that asks for operations."""
    return {"operations": [_asked(one) for one in asked], "source": {"path": _EXAMPLE_SOURCE}}


BODIES = tuple(_body(operation) for operation in operations.OPERATIONS)
_TOGETHER = tuple(operations.get(name) for name in ("inventory", "checksum"))
EXAMPLES = {
    **{one.name: {"summary": one.title, "value": example(one)} for one in operations.OPERATIONS},
    "together": {"summary": "Two operations in one read", "value": example(*_TOGETHER)},
}
if TYPE_CHECKING:
    AnyOperation = OperationBody
else:
    AnyOperation = Annotated[Union[BODIES], Field(discriminator="operation")]  # noqa: UP007 - made from a tuple


class AskedBody(jobs.Model):
    """What a job does and where. Its operations share one walk and one read of each file."""

    operations: list[AnyOperation] = Field(
        min_length=1, max_length=jobs.MOST_OPERATIONS, description="Operations to run, each at most once."
    )
    source: jobs.Source
    walk: WalkOptions = WalkOptions()
    name: Text | None = Field(default=None, max_length=200, description="Name of the job.")

    def asked(self) -> jobs.JobRequest:
        """Return the request as the services take it."""
        return jobs.JobRequest.model_validate(self.model_dump(mode="json"))


class JobBody(AskedBody):
    """A job to run. Its operations share one walk and one read of each file."""

    baseline: UUID | None = Field(
        default=None,
        description="ID of a completed job on the same source. Its results are reused for files with the same size, "
        "times and inode.",
    )
    idempotency_key: Text | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="A second request with the same key returns the first job instead of starting another one.",
    )

    def request(self, header_key: str | None = None) -> jobs.JobRequest:
        """Return the request as the services take it.

        Args:
            header_key: the idempotency key of the header.
        """
        return self.asked().model_copy(update={"idempotency_key": self.idempotency_key or header_key})


def restore_options(document: dict[str, Any]) -> None:
    """Put the declarations' own schemas into an OpenAPI document.

    FastAPI makes floats of their bounds, and no float is 2**63 - 1.
    """
    schemas = document["components"]["schemas"]
    declared: list[type[operations.Options]] = [WalkOptions, *(one.options for one in operations.OPERATIONS)]
    for options in declared:
        schema = options.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[options.__name__] = schema


class JobSummary(jobs.Model):
    """A job in a list; ``GET /jobs/{job_id}`` has all of it."""

    id: UUID
    operations: tuple[jobs.OperationRequest, ...]
    name: str | None
    source: jobs.Source
    status: jobs.Status
    attempt: int
    rerun_of: UUID | None
    baseline: UUID | None
    schedule_id: UUID | None
    schedule_name: str | None
    queue_position: int | None
    cancel_requested: bool
    pause_requested: bool
    pinned: bool
    progress: jobs.Progress | None
    issues_count: int
    verdict: findings.Verdict | None
    error: jobs.JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, view: jobs.JobView) -> JobSummary:
        """Return what of a job a list shows."""
        return cls(**{name: getattr(view, name) for name in cls.model_fields})


class JobList(jobs.Model):
    """Some jobs, newest first; ``next_cursor`` asks for the following ones, null at the end."""

    items: list[JobSummary]
    next_cursor: str | None


class IssueList(jobs.Model):
    """Some issues, oldest first; ``next_after`` asks for the following ones, null at the end."""

    items: list[jobs.IssueView]
    next_after: int | None


class FileProblem(jobs.Model):
    """What is odd about a file of a profile, and where."""

    path: str
    record: int | None
    problem: str


class ProblemList(jobs.Model):
    """The problems of files, by file; ``total`` counts also those beyond the limit."""

    items: list[FileProblem]
    total: int


class BrokenRule(jobs.Model):
    """A rule that records break, in how many records and files, and the first places."""

    rule: str
    column: str | None
    errors: int
    files: int
    places: list[str]


class BrokenRuleList(jobs.Model):
    """The broken rules of a validation; ``total`` counts also those beyond the limit."""

    items: list[BrokenRule]
    total: int


class ResultList(jobs.Model):
    """What a completed job has: tables to ask for rows, files to download."""

    tables: list[results.TableInfo]
    artifacts: list[jobs.Artifact]


class RowPage(jobs.Model):
    """Some rows of a table: JSON values, times in ISO 8601, names that are no text escaped."""

    table: str
    columns: list[str]
    rows: list[dict[str, Any]]
    total_rows: int
    offset: int
    limit: int
    elapsed_seconds: float


class ArtifactList(jobs.Model):
    """The files of a completed job."""

    items: list[jobs.Artifact]


class ExampleView(jobs.Model):
    """Options, and what the summary of the outcome then says."""

    title: str
    options: dict[str, Any]
    expect: dict[str, Any]


class OperationView(jobs.Model):
    """The declaration of an operation; `options` is a JSON schema."""

    name: str
    title: str
    summary: str
    icon: str
    cost: str
    options: dict[str, Any]
    tables: list[operations.Table]
    examples: list[ExampleView]

    @classmethod
    def of(cls, operation: Operation) -> OperationView:
        """Return what a client may know of an operation."""
        return cls(
            name=operation.name,
            title=operation.title,
            summary=operation.summary,
            icon=operation.icon,
            cost=operation.cost,
            options=operation.options.model_json_schema(),
            tables=list(operation.tables),
            examples=[
                ExampleView(title=one.title, options=dict(one.options), expect=dict(one.expect))
                for one in operation.examples
            ],
        )


class OperationList(jobs.Model):
    """Every operation, and the JSON schema of the walk rules that all of them take."""

    operations: list[OperationView]
    walk: dict[str, Any]


class Liveness(jobs.Model):
    """The process answers."""

    status: Literal["ok"] = "ok"


class PartState(jobs.Model):
    """State of one part."""

    part: str
    ok: bool
    detail: str
    remedy: str


class Readiness(jobs.Model):
    """Every part answers."""

    status: Literal["ok"] = "ok"
    parts: list[PartState]


def download_name(job_id: UUID, what: str, form: str) -> str:
    """Return a name to save a table or a plan by that tells one job's from another's."""
    return f"{what.replace('.', '-')}-{str(job_id)[:8]}.{form}"
