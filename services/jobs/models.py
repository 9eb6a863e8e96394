"""What a job is, to everybody who is not its row: frozen models."""

from __future__ import annotations

import os
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pydantic
from pydantic import Field

from services import errors, operations


class Model(pydantic.BaseModel):
    """Base: frozen, unknown fields refused."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class Status(StrEnum):
    """Where a job is in its life."""

    PENDING = "PENDING"
    """Waits for a runner."""
    RUNNING = "RUNNING"
    """A runner holds its lease."""
    COMPLETED = "COMPLETED"
    """Its result is whole and stored; it may have issues."""
    FAILED = "FAILED"
    """An error ended it."""
    CANCELLED = "CANCELLED"
    """Somebody cancelled it."""
    INTERRUPTED = "INTERRUPTED"
    """Its runner died or was stopped; it is queued again."""


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


class Source(Model):
    """Where a job reads: a directory, or an S3 prefix that is staged first.

    Attributes:
        path: absolute path.
        path_bytes: the absolute path's bytes in hexadecimal, for a name that is not UTF-8; wins over `path`.
        s3_uri: ``s3://bucket/prefix``.
    """

    # Exactly one of the two is given; JSON Schema has no shorter way to say so.
    model_config = pydantic.ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["path"], "properties": {"path": {"type": "string"}}},
                {"required": ["s3_uri"], "properties": {"s3_uri": {"type": "string"}}},
            ]
        }
    )

    path: Annotated[str, Field(max_length=16_384, json_schema_extra={"pattern": r"^/[^\u0000]*$"})] | None = Field(
        default=None, examples=["/data/incoming"]
    )
    path_bytes: str | None = Field(default=None, max_length=32_768, pattern="^2f([1-9a-f][0-9a-f]|0[1-9a-f])*$")
    s3_uri: str | None = Field(
        default=None, max_length=2_048, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\u0000]*)?$"
    )

    @pydantic.model_validator(mode="after")
    def _one(self) -> Source:
        if (self.path is None) == (self.s3_uri is None):
            raise ValueError("give either path or s3_uri")
        if self.path is not None and ("\0" in self.path or not self.path.startswith("/")):
            raise ValueError("path must be absolute, without a NUL character")
        return self

    @classmethod
    def of_path(cls, path: str | os.PathLike[str]) -> Source:
        """Return the source of a path that may hold ``surrogateescape`` characters."""
        raw = os.fsencode(path)
        shown = raw.decode("utf-8", "backslashreplace")
        return cls(path=shown, path_bytes=raw.hex() if shown.encode() != raw else None)

    @property
    def os_path(self) -> str:
        """The path for the ``os`` module; empty for an S3 prefix."""
        return os.fsdecode(bytes.fromhex(self.path_bytes)) if self.path_bytes else self.path or ""

    @property
    def label(self) -> str:
        """The source in one line of text."""
        return self.path or self.s3_uri or ""


class JobRequest(Model):
    """What a user asks for; the same from form, API and command line."""

    operation: operations.Text
    source: Source
    walk: operations.WalkOptions = operations.WalkOptions()
    options: dict[str, Any] = Field(default_factory=dict)
    name: operations.Text | None = Field(default=None, max_length=200)
    idempotency_key: operations.Text | None = Field(default=None, min_length=1, max_length=200)

    def with_path(self, path: str | os.PathLike[str]) -> JobRequest:
        """Return the same request on a path."""
        return self.model_copy(update={"source": Source.of_path(path)})

    def validated(self) -> JobRequest:
        """Return the request with its options completed by the declaration's defaults.

        Raises:
            InvalidOptionsError: operation or option is not acceptable; ``details["field"]`` names it.
        """
        try:
            declaration = operations.get(self.operation)
        except KeyError:
            known = ", ".join(operation.name for operation in operations.OPERATIONS)
            message = f"operation {self.operation!r} is unknown; there are {known}"
            raise errors.InvalidOptionsError(message, field="operation") from None
        try:
            options = declaration.options.model_validate(self.options)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            field = ".".join(["options", *(str(part) for part in first["loc"])])
            raise errors.InvalidOptionsError(
                f"{field}: {first['msg'].removeprefix('Value error, ')}", field=field
            ) from None
        return self.model_copy(update={"options": options.model_dump(mode="json")})


class Progress(Model):
    """The engine's last snapshot; ``None`` means "not known yet"."""

    stage: str
    stage_index: int
    stage_count: int
    files_done: int
    files_total: int | None
    bytes_done: int
    bytes_total: int | None
    issues: int
    bytes_per_second: float | None
    elapsed_seconds: float

    @property
    def fraction(self) -> float | None:
        """Done of total, 0…1, by bytes where known, else by files."""
        if self.bytes_total:
            return min(1.0, self.bytes_done / self.bytes_total)
        if self.files_total:
            return min(1.0, self.files_done / self.files_total)
        return None

    @property
    def remaining_seconds(self) -> float | None:
        """Estimate from the mean rate so far."""
        fraction = self.fraction
        if not fraction or self.elapsed_seconds < 1:
            return None
        return self.elapsed_seconds * (1 - fraction) / fraction


class RateSample(Model):
    """A point of the rate chart."""

    elapsed_seconds: float
    files_done: int
    bytes_done: int


class JobError(Model):
    """What ended a failed job."""

    code: str
    message: str
    remedy: str


class JobEvent(Model):
    """A change of state."""

    at: datetime
    status: Status
    note: str


class JobView(Model):
    """A job as everybody sees it.

    Attributes:
        queue_position: 1 = next; only while it waits.
        samples: points of the rate chart; empty in a list of jobs.
        events: its history, oldest first; empty in a list of jobs.
    """

    id: UUID
    operation: str
    name: str | None
    source: Source
    walk: operations.WalkOptions
    options: dict[str, Any]
    status: Status
    attempt: int
    retry_of: UUID | None
    queue_position: int | None
    cancel_requested: bool
    progress: Progress | None
    samples: list[RateSample]
    issues_count: int
    outcome: dict[str, Any] | None
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    events: list[JobEvent] = []

    @property
    def is_final(self) -> bool:
        """True when nothing will change any more."""
        return self.status in FINAL

    @property
    def amounts(self) -> tuple[int, int] | None:
        """Files and bytes: of the result, else of what is done so far; ``None`` before the start."""
        if self.outcome is not None:
            counts = self.outcome["counts"]
            return self.outcome["summary"].get("files", counts["files"]), counts["bytes"]
        return None if self.progress is None else (self.progress.files_done, self.progress.bytes_done)

    @property
    def request(self) -> JobRequest:
        """What was asked for."""
        return JobRequest(
            operation=self.operation, source=self.source, walk=self.walk, options=self.options, name=self.name
        )


class JobFilter(Model):
    """Which jobs to list."""

    status: Status | None = None
    operation: operations.Text | None = None
    text: operations.Text | None = Field(default=None, max_length=500)


class JobPage(Model):
    """Some jobs, newest first.

    Attributes:
        next_cursor: opaque; ask with it for the following page; ``None`` at the end.
    """

    items: list[JobView]
    next_cursor: str | None


class IssueView(Model):
    """Trouble with one path of a job."""

    index: int
    stage: str
    path: str
    kind: str
    message: str


class Preview(Model):
    """What a job would touch.

    Attributes:
        complete: false when a limit ended the count.
    """

    files: int
    bytes: int
    directories: int
    first_names: list[str]
    complete: bool


class Artifact(Model):
    """A file of a completed job."""

    name: str
    media_type: str
    size_bytes: int
