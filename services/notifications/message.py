"""The message about a job: JSON for programs, text for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from services import operations
from services.base import units
from services.models.jobs import JobView


def body(view: JobView, findings: Sequence[str]) -> bytes:
    """Return the JSON of a webhook, in ASCII; the same for every try of a message.

    ``event`` is ``job.failed`` or ``job.finding``; ``job.page`` is a path below the dashboard's address.
    """
    job = view.model_dump(mode="json", include={"id", "name", "status", "issues_count", "started_at", "finished_at"})
    document: dict[str, Any] = {
        "event": "job.finding" if findings else "job.failed",
        "schedule": {"id": str(view.schedule_id) if view.schedule_id else None, "name": view.schedule_name},
        "job": {**job, "operations": list(view.names), "source": view.source.label, "page": f"/job?id={view.id}"},
        "findings": list(findings),
        "error": None if view.error is None else view.error.model_dump(),
    }
    return json.dumps(document).encode()


def subject(view: JobView, findings: Sequence[str]) -> str:
    """Return the subject of a mail."""
    return f"Pravah: {_plain(view.schedule_name or view.name or 'a job')}: {', '.join(findings) or 'failed'}"


def text(view: JobView, findings: Sequence[str]) -> str:
    """Return the text of a mail."""
    lines = [*findings] if findings else [view.error.message if view.error else "The job failed.", ""]
    if view.error is not None:
        lines[1] = view.error.remedy
    facts = {
        "Schedule": view.schedule_name or "",
        "Job": str(view.id),
        "What": operations.titles(view.names),
        "Source": view.source.label,
        "Ended": units.format_moment(view.finished_at),
        "Issues": units.format_count(view.issues_count),
    }
    lines += ["", *(f"{name}: {value}" for name, value in facts.items())]
    lines += ["", f"More: pravah jobs show {str(view.id)[:8]}, or /job?id={view.id} of the dashboard."]
    return "\n".join(_plain(line) for line in lines) + "\n"


def _plain(line: str) -> str:
    return line if line.isprintable() else line.encode("unicode_escape").decode()
