"""Whether a job can be the baseline of another."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.base import errors
from services.db.tables import JobRow
from services.models.jobs import JobRequest, Status


def check(session: Session, request: JobRequest) -> None:
    """Look whether the baseline that a request names, if any, is one.

    Raises:
        InvalidOptionsError: it is not.
    """
    if request.baseline is None:
        return
    query = sa.select(JobRow.status, JobRow.operations, JobRow.request).where(JobRow.id == request.baseline)
    found = session.execute(query).one_or_none()
    if found is None:
        state = "there is no such job"
    elif found.status != Status.COMPLETED:
        state = f"it is {found.status}"
    elif not set(found.operations) & set(request.names):
        state = f"it is of {', '.join(found.operations)}"
    elif found.request["source"] != request.source.model_dump(mode="json"):
        state = "it has another source"
    else:
        return
    raise errors.InvalidOptionsError(
        f"job {request.baseline} is no baseline: {state}",
        remedy="Name a completed job of the same operation and source, or none.",
        field="baseline",
    )
