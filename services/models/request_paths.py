"""The paths and jobs that the options of a request name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services import operations
from services.base import errors
from services.models.jobs import JobRequest, OperationRequest

JOB_REFERENCE = "job:"
"""A path option may name an earlier job's result: ``job:<id>``."""


@dataclass(frozen=True)
class PathOption:
    """A path that an option holds.

    Attributes:
        field: where in the request it stands.
        value: the path, or a reference to an earlier job.
        result_of: the operation whose results may be referred to.
        result_as: what of such a result is meant; ``None``: its main table.
        is_destination: it is written, not read.
    """

    field: str
    value: str
    result_of: str | None = None
    result_as: str | None = None
    is_destination: bool = False

    @property
    def job_id(self) -> UUID | None:
        """The job referred to; ``None`` for a path.

        Raises:
            InvalidOptionsError: the reference holds no job id.
        """
        if self.result_of is None or not self.value.startswith(JOB_REFERENCE):
            return None
        try:
            return UUID(self.value.removeprefix(JOB_REFERENCE))
        except ValueError:
            raise errors.InvalidOptionsError(f"{self.value!r} does not name a job", field=self.field) from None


def with_paths(request: JobRequest, replace: Callable[[PathOption], str]) -> JobRequest:
    """Return the request with each path in its options replaced; lists of paths one by one."""
    return request.with_options(
        _replaced(f"operations.{place}.options", one, replace) for place, one in enumerate(request.operations)
    )


def _replaced(prefix: str, wanted: OperationRequest, replace: Callable[[PathOption], str]) -> dict[str, Any]:
    options = dict(wanted.options)
    for name, field in operations.get(wanted.operation).options.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        widget = extra.get("widget")
        if widget not in {"path", "destination"} or not options.get(name):
            continue
        value = options[name]
        if isinstance(value, list):
            options[name] = [replace(PathOption(f"{prefix}.{name}.{place}", one)) for place, one in enumerate(value)]
        else:
            of, what = (str(extra[hint]) if hint in extra else None for hint in ("result_of", "result_as"))
            options[name] = replace(PathOption(f"{prefix}.{name}", value, of, what, widget == "destination"))
    return options


def path_options(request: JobRequest) -> list[PathOption]:
    """Return the paths that the options hold."""
    found: list[PathOption] = []

    def keep(option: PathOption) -> str:
        found.append(option)
        return option.value

    with_paths(request, keep)
    return found


def job_references(document: Any) -> set[UUID]:
    """Return the jobs that a stored request names anywhere, also one of another version."""
    if isinstance(document, dict):
        baseline = document.get("baseline")
        own = {UUID(baseline)} if isinstance(baseline, str) else set()
        return own.union(*(job_references(one) for one in document.values()))
    if isinstance(document, list):
        return set().union(*(job_references(one) for one in document))
    if isinstance(document, str) and document.startswith(JOB_REFERENCE):
        with contextlib.suppress(ValueError):
            return {UUID(document.removeprefix(JOB_REFERENCE))}
    return set()
