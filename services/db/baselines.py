"""Whether a job can be the baseline of another."""

from __future__ import annotations

from services.base import errors
from services.db.database import Session
from services.models.jobs import JobRequest, Status


def check(session: Session, request: JobRequest) -> None:
    """Look whether the baseline that a request names, if any, is one.

    Raises:
        InvalidOptionsError: it is not.
    """
    if request.baseline is None:
        return
    statement = "SELECT status, operations, request->'source' AS source FROM jobs WHERE id = %(id)s"
    found = session.row(statement, id=request.baseline)
    if found is None:
        state = "the job does not exist"
    elif found.status != Status.COMPLETED:
        state = f"it is {found.status}"
    elif not set(found.operations) & set(request.names):
        state = f"it has the operations {', '.join(found.operations)}"
    elif found.source != request.source.model_dump(mode="json"):
        state = "it has a different source"
    else:
        return
    raise errors.InvalidOptionsError(
        f"job {request.baseline} cannot be the baseline: {state}",
        remedy="Choose a completed job with the same operations and source, or none.",
        field="baseline",
    )
