"""The job that users see, made of its row."""

from __future__ import annotations

import pydantic

from services.db.rows import JobRow
from services.models import findings
from services.models.jobs import JobError, JobEvent, JobRequest, JobView, OperationRequest, Progress, Source, Status


def _request(row: JobRow) -> JobRequest:
    try:
        return JobRequest.model_validate(row.request)
    except pydantic.ValidationError:
        # Of another version: it must not hide the other jobs, and can still be looked at and deleted.
        source = Source.model_construct(path=str(row.request.get("source", {}).get("path") or row.label))
        wanted = tuple(OperationRequest(operation=name) for name in row.operations)
        return JobRequest.model_construct(operations=wanted, source=source, name=row.request.get("name"))


def to_view(row: JobRow, position: int | None = None, history: list[JobEvent] | None = None) -> JobView:
    """Return the job that everybody sees."""
    request = _request(row)
    return JobView(
        id=row.id,
        operations=request.operations,
        name=request.name,
        source=request.source,
        walk=request.walk,
        status=Status(row.status),
        attempt=row.attempt,
        rerun_of=row.rerun_of,
        baseline=request.baseline,
        schedule_id=row.schedule_id,
        schedule_name=row.schedule_name,
        queue_position=position,
        cancel_requested=row.cancel_requested,
        pause_requested=row.pause_requested,
        pinned=row.pinned,
        progress=Progress.model_validate(row.progress) if row.progress else None,
        samples=row.samples,
        issues_count=row.issues_count,
        outcome=row.outcome,
        verdict=findings.verdict(row.outcome),
        error=JobError.model_validate(row.error) if row.error else None,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        heartbeat_at=row.heartbeat_at,
        events=history or [],
    )
