"""From a request to what the engine takes."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services import errors, operations, settings
from services.jobs.models import JobRequest, OperationRequest, Source

if TYPE_CHECKING:
    from services.sources import SourceService
    from services.storage.s3 import Access

JOB_REFERENCE = "job:"
"""A path option may name an earlier job's result: ``job:<id>``."""


@dataclass(frozen=True)
class PathOption:
    """A path that an option holds.

    Attributes:
        field: where in the request it stands.
        value: the path, or a reference to an earlier job.
        result_of: the operation whose results may be referred to.
        is_destination: it is written, not read.
    """

    field: str
    value: str
    result_of: str | None = None
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
            raise errors.InvalidOptionsError(f"{self.value!r} names no job", field=self.field) from None


@dataclass(frozen=True)
class Parts:
    """What of a source is done already, and what of it is to be done.

    Attributes:
        baselines: by operation: shards of the tables that it keeps, of earlier attempts or jobs, each below a folder
            of its table.
        shards: the same of the job's own splits.
        files: the list of the only files to visit, in a split.
    """

    baselines: Mapping[str, Sequence[Path]] = default(default_factory=dict)
    shards: Mapping[str, Sequence[Path]] = default(default_factory=dict)
    files: Path | None = None


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
        value, result_of = options[name], extra.get("result_of")
        if isinstance(value, list):
            options[name] = [replace(PathOption(f"{prefix}.{name}.{place}", one)) for place, one in enumerate(value)]
        else:
            reference = str(result_of) if result_of else None
            options[name] = replace(PathOption(f"{prefix}.{name}", value, reference, widget == "destination"))
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


_ALL = Parts()


def engine_spec(
    request: JobRequest,
    config: settings.Settings,
    sources: SourceService,
    output: Path,
    job: UUID | None = None,
    parts: Parts = _ALL,
    access: Access | None = None,
) -> bytes:
    """Return the engine's job specification (``docs/architecture.md``) as JSON.

    Args:
        request: its paths resolved.
        job: whose leftovers at a destination are its own, from an earlier attempt.
        access: to a source in S3.
    """
    document = {
        "version": 1,
        "operations": [one.model_dump(mode="json") for one in request.operations],
        "source": _source(request.source, sources, access),
        "excluded": _texts(sources.closed()),
        "walk": request.walk.model_dump(mode="json"),
        "output": {
            "directory": os.fspath(output),
            "job": str(job) if job else None,
            "shard_rows": config.shard_rows,
            "shard_bytes": config.shard_bytes,
        },
        "files": os.fspath(parts.files) if parts.files else None,
        "baselines": {name: _texts(shards) for name, shards in parts.baselines.items()},
        "splits": {name: _texts(shards) for name, shards in parts.shards.items()},
        "threads": config.engine_threads,
    }
    return json.dumps(document).encode()


def _source(source: Source, sources: SourceService, access: Access | None) -> dict[str, Any]:
    if source.s3_uri is None or access is None:
        return {"path": source.path, "path_bytes": source.path_bytes, "boundaries": _texts(sources.roots())}
    name, _, prefix = source.s3_uri.removeprefix("s3://").partition("/")
    bucket = {"name": name, "prefix": prefix, "endpoint": access.endpoint, "region": access.region}
    return {"path": source.s3_uri, "bucket": bucket}


def checked_spec(request: JobRequest, config: settings.Settings, sources: SourceService) -> bytes:
    """Return the specification as far as it is known before a runner has it, to be validated only."""
    placeholder = Path("/")
    request = with_paths(request, lambda option: option.value if option.job_id is None else os.fspath(placeholder))
    if request.source.path is None:
        request = request.with_path(placeholder)
    return engine_spec(request, config, sources, placeholder)


def _texts(paths: Iterable[Path]) -> list[str]:
    # JSON holds no name that is not text; a link into such a root is then not followed.
    return [os.fspath(path) for path in paths if os.fsencode(path).decode("utf-8", "replace") == os.fspath(path)]
