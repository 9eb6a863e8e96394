"""From a request to what the engine takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services import errors, operations, settings
from services.jobs.models import JobRequest

if TYPE_CHECKING:
    from services.sources import SourceService

JOB_REFERENCE = "job:"
"""A path option may name an earlier job's result: ``job:<id>``."""


def path_options(request: JobRequest) -> dict[str, str]:
    """Return the options that are paths."""
    fields = operations.get(request.operation).options.model_fields
    return {
        name: request.options[name]
        for name, field in fields.items()
        if isinstance(field.json_schema_extra, dict)
        and field.json_schema_extra.get("widget") == "path"
        and request.options.get(name)
    }


def check_paths(request: JobRequest, sources: SourceService) -> None:
    """Refuse path options outside the allowed roots: they are read as the source is.

    Raises:
        InvalidOptionsError, SourceNotFoundError, SourceForbiddenError: naming the path.
    """
    for value in path_options(request).values():
        if not value.startswith(JOB_REFERENCE):
            sources.resolve_path(value)


def referenced_jobs(request: JobRequest) -> dict[str, UUID]:
    """Return the jobs whose results path options name, by option.

    Raises:
        InvalidOptionsError: a reference holds no job id.
    """
    found = {}
    for name, value in path_options(request).items():
        if value.startswith(JOB_REFERENCE):
            try:
                found[name] = UUID(value.removeprefix(JOB_REFERENCE))
            except ValueError:
                raise errors.InvalidOptionsError(f"{value!r} names no job", field=f"options.{name}") from None
    return found


def engine_spec(
    request: JobRequest,
    config: settings.Settings,
    sources: SourceService,
    output: Path,
    overrides: dict[str, Any] | None = None,
) -> bytes:
    """Return the engine's job specification (``docs/architecture.md``) as JSON.

    Args:
        overrides: options that differ from the request's, e.g. a resolved ``job:`` reference.
    """
    source = request.source
    document = {
        "version": 1,
        "operation": request.operation,
        "options": {**request.options, **(overrides or {})},
        "source": {
            "path": source.path,
            "path_bytes": source.path_bytes,
            "boundaries": _texts(sources.roots()),
        },
        "excluded": _texts(sources.closed()),
        "walk": request.walk.model_dump(mode="json"),
        "output": {
            "directory": os.fspath(output),
            "shard_rows": config.shard_rows,
            "shard_bytes": config.shard_bytes,
        },
        "threads": config.engine_threads,
    }
    return json.dumps(document).encode()


def checked_spec(request: JobRequest, config: settings.Settings, sources: SourceService) -> bytes:
    """Return the specification as far as it is known before a runner has it, to be validated only."""
    placeholder = Path("/")
    overrides = dict.fromkeys(referenced_jobs(request), os.fspath(placeholder))
    if request.source.path is None:
        request = request.with_path(placeholder)
    return engine_spec(request, config, sources, placeholder, overrides)


def _texts(paths: Iterable[Path]) -> list[str]:
    # JSON holds no name that is not text; a link into such a root is then not followed.
    return [os.fspath(path) for path in paths if os.fsencode(path).decode("utf-8", "replace") == os.fspath(path)]
