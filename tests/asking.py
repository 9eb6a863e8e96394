"""Requests for one operation, as most tests need them."""

from __future__ import annotations

from typing import Any

from services.models.jobs import JobRequest, OperationRequest, Source


def one_job(*, operation: str, source: Source, options: dict[str, Any] | None = None, **more: Any) -> JobRequest:
    """Return the request of a job with one operation."""
    asked = OperationRequest(operation=operation, options=options or {})
    return JobRequest.model_validate({"operations": (asked,), "source": source, **more})


def other(request: JobRequest, *, operation: str | None = None, options: dict[str, Any] | None = None) -> JobRequest:
    """Return the request of a job with one operation, that operation or its options replaced."""
    first = request.operations[0]
    changed = OperationRequest(
        operation=operation or first.operation, options=options or ({} if operation else first.options)
    )
    return request.model_copy(update={"operations": (changed,)})


def body(operation: str, source: Any, options: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return the same as a body of ``POST /api/jobs``."""
    asked = {"operation": operation} | ({} if options is None else {"options": options})
    return {"operations": [asked], "source": source if isinstance(source, dict) else {"path": str(source)}, **more}
