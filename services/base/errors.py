"""All errors in one table: code, HTTP status, exit status, title, remedy."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import Any

_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}


class PravahError(Exception):
    """Base of every error that is shown to users.

    Args:
        message: what happened, and where.
        remedy: what to do; the class's own by default.
        details: JSON values that help to find the place, e.g. ``field``.
    """

    code = "internal"
    title = "Internal error"
    http_status = 500
    exit_status = 70
    remedy = "This is a bug in Pravah. The log has the details."

    def __init__(self, message: str, *, remedy: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or type(self).remedy
        self.details = details

    def __str__(self) -> str:
        return self.message


class InvalidOptionsError(PravahError, ValueError):
    """An option, a filter or a rule is invalid."""

    code = "invalid_options"
    title = "Invalid options"
    http_status = 422
    exit_status = 2
    remedy = "Correct the field. `pravah operations NAME` lists all options of an operation with their limits."


class SourceNotFoundError(PravahError, FileNotFoundError):
    """The source does not exist or is not a directory."""

    code = "source_not_found"
    title = "Source not found"
    http_status = 404
    exit_status = 3
    remedy = "Check the path. It must be an existing directory on the machine that runs Pravah."


class SourceForbiddenError(PravahError, PermissionError):
    """The source is outside the allowed roots or not readable."""

    code = "source_forbidden"
    title = "Source not allowed"
    http_status = 403
    exit_status = 3
    remedy = "Choose a directory below an allowed root, or add a root to PRAVAH_ALLOWED_ROOTS and restart."


class JobNotFoundError(PravahError, LookupError):
    """No job has this id."""

    code = "job_not_found"
    title = "Job not found"
    http_status = 404
    exit_status = 3
    remedy = "The job may have been deleted. `pravah jobs list` shows all jobs."


class ScheduleNotFoundError(PravahError, LookupError):
    """No schedule has this name or id."""

    code = "schedule_not_found"
    title = "Schedule not found"
    http_status = 404
    exit_status = 3
    remedy = "The schedule may have been deleted. `pravah schedules list` shows all schedules."


class ArtifactNotFoundError(PravahError, LookupError):
    """The job has no such file or table."""

    code = "artifact_not_found"
    title = "Artifact not found"
    http_status = 404
    exit_status = 3
    remedy = "List the artifacts of the job. Only completed jobs have artifacts."


class JobConflictError(PravahError):
    """The status of the job does not allow this."""

    code = "job_conflict"
    title = "Conflict with the job's status"
    http_status = 409
    exit_status = 3
    remedy = "Check the status of the job. Cancel a running job before you delete it."


class LimitExceededError(PravahError):
    """A limit was reached."""

    code = "limit_exceeded"
    title = "Limit exceeded"
    http_status = 413
    exit_status = 4
    remedy = "Reduce the job, or raise the limit in the settings."


class QueueFullError(PravahError):
    """So many jobs wait that no other one is taken."""

    code = "queue_full"
    title = "Queue full"
    http_status = 503
    exit_status = 4
    remedy = "Wait until jobs have started, or cancel some. PRAVAH_QUEUED_JOBS_LIMIT is the limit."


class OutputError(PravahError, OSError):
    """The result could not be written."""

    code = "output_failed"
    title = "Output failed"
    http_status = 500
    exit_status = 5
    remedy = (
        "Check the free space and permissions of the data directory (PRAVAH_DATA_DIR). "
        "If the job has a destination, check that, too."
    )


class StorageError(PravahError, ConnectionError):
    """The storage does not respond.

    Attributes:
        is_passing: true where the same may succeed a little later, e.g. because the server does not listen.
    """

    is_passing = False

    code = "storage_unavailable"
    title = "Storage unavailable"
    http_status = 503
    exit_status = 5
    remedy = "Check PRAVAH_STORAGE, the endpoint and the AWS credentials, then retry."


class DatabaseError(PravahError, ConnectionError):
    """PostgreSQL does not respond."""

    code = "database_unavailable"
    title = "Database unavailable"
    http_status = 503
    exit_status = 5
    remedy = "Start the server of PRAVAH_DATABASE_URL, or unset it to use the embedded PostgreSQL."


class ServerUnavailableError(PravahError, ConnectionError):
    """The server of PRAVAH_URL does not answer, or not as this version of Pravah does."""

    code = "server_unavailable"
    title = "Server unavailable"
    http_status = 503
    exit_status = 5
    remedy = "Check PRAVAH_URL, and that the server runs there: pravah serve."


class CancelledError(PravahError):
    """The job was cancelled."""

    code = "cancelled"
    title = "Cancelled"
    http_status = 409
    exit_status = 130
    remedy = "Re-run the job."


class InternalError(PravahError, RuntimeError):
    """A bug."""


@dataclass(frozen=True)
class ErrorRow:
    """A row of the error table."""

    code: str
    cls: type[PravahError]
    http_status: int
    exit_status: int
    title: str
    remedy: str


_CLASSES: tuple[type[PravahError], ...] = (
    InvalidOptionsError,
    SourceNotFoundError,
    SourceForbiddenError,
    JobNotFoundError,
    ScheduleNotFoundError,
    ArtifactNotFoundError,
    JobConflictError,
    LimitExceededError,
    QueueFullError,
    OutputError,
    StorageError,
    DatabaseError,
    ServerUnavailableError,
    CancelledError,
    InternalError,
)

ERRORS: tuple[ErrorRow, ...] = tuple(
    ErrorRow(cls.code, cls, cls.http_status, cls.exit_status, cls.title, cls.remedy) for cls in _CLASSES
)


_OUTPUT_REMEDIES = (
    ({errno.ENOSPC, errno.EDQUOT}, "Free space on the disk of the path in the message, then re-run the job."),
    (
        {errno.EACCES, errno.EPERM, errno.EROFS},
        "Let the user that runs Pravah write to the path in the message, or choose another destination.",
    ),
)
_NOT_OF_THE_SYSTEM = (
    "The message says what is in the way. "
    "If nothing is wrong there, this is a bug in Pravah: report it with the message."
)


def _output_remedy(message: str) -> str | None:
    """Return what to do about an output that failed; ``None`` where the system gave another reason."""
    for numbers, remedy in _OUTPUT_REMEDIES:
        if any(os.strerror(number) in message for number in numbers):
            return remedy
    is_of_the_system = "os error" in message or any(os.strerror(number) in message for number in errno.errorcode)
    return None if is_of_the_system else _NOT_OF_THE_SYSTEM


def of_code(code: str, message: str, remedy: str | None = None) -> PravahError:
    """Return the error of a code; an unknown code is an internal error."""
    if code == OutputError.code:
        remedy = remedy or _output_remedy(message)
    for row in ERRORS:
        if row.code == code:
            return row.cls(message, remedy=remedy)
    return InternalError(message, remedy=remedy)


def of_unexpected(error: Exception) -> PravahError:
    """Return what a job is told that ended with an error nobody has foreseen: a bug, unless the disk is to blame."""
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        place = f" at {error.filename}" if error.filename else ""
        return OutputError(f"{error.strerror}{place}")
    return InternalError(f"{type(error).__name__}: {error}")


def as_problem(error: PravahError, instance: str | None = None) -> dict[str, Any]:
    """Return the RFC 9457 problem of an error."""
    problem: dict[str, Any] = {
        "type": f"urn:pravah:error:{error.code}",
        "title": error.title,
        "status": error.http_status,
        "detail": error.message,
        "code": error.code,
        "remedy": error.remedy,
    }
    if instance is not None:
        problem["instance"] = instance
    if error.details:
        problem["details"] = error.details
    return problem
