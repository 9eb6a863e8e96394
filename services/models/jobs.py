"""Jobs: frozen models of requests, progress and views."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pydantic
from pydantic import Field

from services import operations
from services.base import errors
from services.models.findings import Verdict
from services.operations import Text, WalkOptions

LATEST = "latest"
"""Names the newest job where an id is expected."""
MOST_OPERATIONS = 20
"""In one job."""


class Model(pydantic.BaseModel):
    """Base: frozen, unknown fields refused."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class Status(StrEnum):
    """Where a job is in its life."""

    PENDING = "PENDING"
    """Waits for a worker."""
    RUNNING = "RUNNING"
    """A worker holds its lease."""
    COMPLETED = "COMPLETED"
    """Its result is whole and stored; it may have issues."""
    FAILED = "FAILED"
    """An error ended it."""
    CANCELLED = "CANCELLED"
    """Somebody cancelled it."""
    INTERRUPTED = "INTERRUPTED"
    """Its worker died or was stopped; it is queued again."""
    PAUSED = "PAUSED"
    """Somebody paused it; it waits to be resumed."""


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


class Source(Model):
    """Where a job reads: a directory, or an S3 prefix.

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
            raise ValueError("set either path or s3_uri, not both")
        if self.path is not None and ("\0" in self.path or not self.path.startswith("/")):
            raise ValueError("path must be absolute and must not contain a NUL character")
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


class OperationRequest(Model):
    """An operation with its options."""

    operation: Text
    options: dict[str, Any] = Field(default_factory=dict)


class Asked(Model):
    """Base of what has operations."""

    operations: tuple[OperationRequest, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its operations."""
        return tuple(one.operation for one in self.operations)


class JobRequest(Asked):
    """What a user asks for; the same from form, API and command line.

    Attributes:
        operations: each once; all of them share one walk and one read of each file.
        baseline: a completed job on the same source: what it found is taken over for files that are as they were.
    """

    operations: tuple[OperationRequest, ...] = Field(min_length=1, max_length=MOST_OPERATIONS)
    source: Source
    walk: WalkOptions = WalkOptions()
    name: Text | None = Field(default=None, max_length=200)
    baseline: UUID | None = None
    idempotency_key: Text | None = Field(default=None, min_length=1, max_length=200)

    def with_path(self, path: str | os.PathLike[str]) -> JobRequest:
        """Return the same request on a path."""
        return self.model_copy(update={"source": Source.of_path(path)})

    def with_options(self, options: Iterable[dict[str, Any]]) -> JobRequest:
        """Return the same request with the options of each operation replaced."""
        pairs = zip(self.operations, options, strict=True)
        replaced = tuple(one.model_copy(update={"options": values}) for one, values in pairs)
        return self.model_copy(update={"operations": replaced})

    def validated(self) -> JobRequest:
        """Return the request with its options completed by the declarations' defaults.

        Raises:
            InvalidOptionsError: an operation or option is not acceptable; ``details["field"]`` names it.
        """
        twice = [name for name, times in Counter(self.names).items() if times > 1]
        if twice:
            message = f"operation {twice[0]!r} is listed twice"
            raise errors.InvalidOptionsError(message, remedy="Start a separate job for each.", field="operations")
        return self.with_options(_completed(place, one) for place, one in enumerate(self.operations))


def _completed(place: int, wanted: OperationRequest) -> dict[str, Any]:
    try:
        declaration = operations.get(wanted.operation)
    except KeyError:
        known = ", ".join(operation.name for operation in operations.OPERATIONS)
        message = f"unknown operation {wanted.operation!r}; use one of: {known}"
        raise errors.InvalidOptionsError(message, field=f"operations.{place}.operation") from None
    try:
        options = declaration.options.model_validate(wanted.options)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        option = ".".join(str(part) for part in first["loc"])
        message = f"{wanted.operation}: {option}: {first['msg'].removeprefix('Value error, ')}"
        raise errors.InvalidOptionsError(message, field=f"operations.{place}.options.{option}") from None
    return options.model_dump(mode="json")


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

    @classmethod
    def of(cls, error: errors.PravahError) -> JobError:
        """Return what an error says; file names in it may hold NUL or no text, which PostgreSQL does not take."""
        message = error.message.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
        return cls(code=error.code, message=message, remedy=error.remedy)


class JobEvent(Model):
    """A change of state."""

    at: datetime
    status: Status
    note: str


class JobView(Asked):
    """A job as everybody sees it.

    Attributes:
        schedule_id: the schedule that started it; none once that is deleted.
        schedule_name: as it was called then; stays.
        queue_position: 1 = next; only while it waits.
        pinned: never deleted automatically.
        verdict: what it says of its source, the worst of its operations: ``failed``, ``invalid``, ``damaged``,
            ``incomplete``, ``partial``, ``valid``, ``verified`` or ``whole``. Any job is ``incomplete`` in which
            something could not be read; none where all was read and no operation gives one.
        samples: points of the rate chart; empty in a list of jobs.
        events: its history, oldest first; empty in a list of jobs.
    """

    id: UUID
    name: str | None
    source: Source
    walk: WalkOptions
    status: Status
    attempt: int
    rerun_of: UUID | None
    baseline: UUID | None
    schedule_id: UUID | None
    schedule_name: str | None
    queue_position: int | None
    cancel_requested: bool
    pause_requested: bool
    pinned: bool = False
    progress: Progress | None
    samples: list[RateSample]
    issues_count: int
    outcome: dict[str, Any] | None
    verdict: Verdict | None = None
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
            found = (result["summary"].get("files") for result in self.outcome["results"])
            return next((files for files in found if files is not None), counts["files"]), counts["bytes"]
        return None if self.progress is None else (self.progress.files_done, self.progress.bytes_done)

    @property
    def request(self) -> JobRequest:
        """What was asked for."""
        return JobRequest(operations=self.operations, source=self.source, walk=self.walk, name=self.name)

    def result(self, operation: str) -> dict[str, Any]:
        """Return what the outcome says of an operation: `options`, `tables`, `files` and `summary`.

        Raises:
            ArtifactNotFoundError: the job is not completed, or had no such operation.
        """
        found = (self.outcome or {}).get("results", [])
        for one in found:
            if one["operation"] == operation:
                return dict(one)
        state = f"it is {self.status}" if self.outcome is None else f"it has {', '.join(o['operation'] for o in found)}"
        raise errors.ArtifactNotFoundError(f"job {self.id} has no result of {operation}; {state}")


def id_digits(text: str) -> str:
    """Return the digits of a job's id, or of its beginning.

    Raises:
        InvalidOptionsError: it is neither.
    """
    digits = text.strip().lower().replace("-", "")
    if not re.fullmatch("[0-9a-f]{4,32}", digits):
        remedy = "Use a job ID, at least its first 4 hexadecimal digits, or latest. `pravah jobs list` shows all jobs."
        raise errors.InvalidOptionsError(f"{text!r} is not a valid job ID", remedy=remedy, field="id")
    return digits


class JobFilter(Model):
    """Which jobs to list.

    Attributes:
        operation: that the job has, alone or among others.
        verdict: that one of its operations gives, or the job.
    """

    status: Status | None = None
    operation: Text | None = None
    verdict: Verdict | None = None
    text: Text | None = Field(default=None, max_length=500)


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


class Artifact(Model):
    """A file of a completed job."""

    name: str
    media_type: str
    size_bytes: int
