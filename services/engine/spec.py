"""From a request to the job specification that the engine takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from services.base import settings
from services.models.jobs import JobRequest, Source
from services.models.request_paths import with_paths

if TYPE_CHECKING:
    from services.storage.s3 import Access


class Bounds(Protocol):
    """Where the engine may read."""

    def roots(self) -> tuple[Path, ...]:
        """Return the allowed roots."""

    def closed(self) -> tuple[Path, ...]:
        """Return the directories that no job reads."""


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


_ALL = Parts()


def engine_spec(
    request: JobRequest,
    config: settings.Settings,
    bounds: Bounds,
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
        "source": _source(request.source, bounds, access),
        "excluded": _texts(bounds.closed()),
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


def _source(source: Source, bounds: Bounds, access: Access | None) -> dict[str, Any]:
    if source.s3_uri is None or access is None:
        return {"path": source.path, "path_bytes": source.path_bytes, "boundaries": _texts(bounds.roots())}
    name, _, prefix = source.s3_uri.removeprefix("s3://").partition("/")
    bucket = {"name": name, "prefix": prefix, "endpoint": access.endpoint, "region": access.region}
    return {"path": source.s3_uri, "bucket": bucket}


def checked_spec(request: JobRequest, config: settings.Settings, bounds: Bounds) -> bytes:
    """Return the specification as far as it is known before a worker has it, to be validated only."""
    placeholder = Path("/")
    request = with_paths(request, lambda option: option.value if option.job_id is None else os.fspath(placeholder))
    if request.source.path is None:
        request = request.with_path(placeholder)
    return engine_spec(request, config, bounds, placeholder)


def _texts(paths: Iterable[Path]) -> list[str]:
    # JSON holds no name that is not text; a link into such a root is then not followed.
    return [os.fspath(path) for path in paths if os.fsencode(path).decode("utf-8", "replace") == os.fspath(path)]
