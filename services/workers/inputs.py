"""Prepares what a job reads: its source, the paths in its options, earlier results."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from services import operations
from services.base import errors, private, settings
from services.engine import spec
from services.models import request_paths, stored_files
from services.models.jobs import JobRequest
from services.use_cases import artifacts
from services.use_cases.jobs import JobService
from services.use_cases.sources import SourceService
from services.workers import baselines

if TYPE_CHECKING:
    from services.storage.s3 import Access

COPIES = "reference"
"""A folder below a work folder: copies, which are of no use to a later attempt."""


@dataclass(frozen=True)
class Ready:
    """A request as the engine takes it here.

    Attributes:
        access: to a source in S3.
    """

    request: JobRequest
    access: Access | None

    @property
    def keys(self) -> Callable[[], bytes | None] | None:
        """What gives the credentials of the moment; ``None`` for a directory."""
        return None if self.access is None else self.access.keys


class Inputs:
    """Makes the inputs of jobs ready on this machine."""

    def __init__(
        self, jobs: JobService, sources: SourceService, files: artifacts.ArtifactService, config: settings.Settings
    ) -> None:
        """Keep the parts."""
        self._jobs = jobs
        self._sources = sources
        self._files = files
        self._config = config

    def ready(self, wanted: JobRequest, work: Path) -> Ready:
        """Return the request with its source, and every path in its options, as they are to be opened here.

        Raises:
            PravahError: one of them is not there or not allowed.
        """
        access = self._sources.s3_access(wanted.source)
        source = wanted.source.os_path if access is None else None
        request = wanted.with_path(self._sources.resolve(source)) if source is not None else wanted
        return Ready(request_paths.with_paths(request, lambda option: str(self._resolve(option, work, source))), access)

    def _resolve(self, option: request_paths.PathOption, work: Path, source: str | None) -> Path:
        if option.is_destination:
            return self._sources.resolve_destination(option.value, source, option.field)
        if option.job_id is None:
            return self._sources.resolve_path(option.value, option.field)
        if option.result_as == "schema":
            return self._fetch_schema(option.job_id, work)
        return self._fetch_result(option.job_id, f"{option.result_of}.{operations.MAIN_TABLE}", work)

    def baselines(self, wanted: JobRequest, work: Path) -> dict[str, list[Path]]:
        """Return the shards whose rows are taken over: of the job's baseline, and of its own earlier attempts."""
        found: dict[str, list[Path]] = {}
        baseline = wanted.baseline
        for name in baselines.resuming(wanted):
            found[name] = []
            if baseline is not None and operations.get(name).reuses and self._jobs.exists(baseline):
                for table in baselines.tables(name, self._files.list(baseline)):
                    found[name] += sorted(self._fetch_result(baseline, table, work).glob("*.parquet"))
            found[name] += baselines.left_by_attempts(work, name)
        return found

    def _fetch_schema(self, job_id: UUID, work: Path) -> Path:
        # DuckDB is imported by the jobs that need it.
        from services.use_cases.results import ResultService

        results = ResultService(self._files, self._jobs, self._config)
        try:
            document = results.schema_document(job_id)
        finally:
            results.close()
        folder = work / COPIES / str(job_id)
        private.make_directory(folder)
        path = folder / "schema.json"
        with private.open_file(path) as file:
            file.write(json.dumps(document, ensure_ascii=False, indent=1).encode())
        return path

    def _fetch_result(self, job_id: UUID, table: str, work: Path) -> Path:
        names = stored_files.shards_of(table, self._files.list(job_id))
        if not names:
            raise errors.ArtifactNotFoundError(f"job {job_id} has no table {table}")
        local = self._files.local_path(job_id, names[0])
        if local is not None:
            return local.parent
        # As the engine wrote it: it tells by their folders which tables are of one run.
        folder = work / COPIES / str(job_id) / Path(names[0]).parent
        private.make_directory(folder)
        for name in names:
            with private.open_file(folder / Path(name).name) as copy:
                copy.writelines(self._files.open(job_id, name).chunks)
        return folder

    def document(
        self,
        ready: Ready,
        output: Path,
        origin: UUID,
        parts: spec.Parts,
    ) -> bytes:
        """Return the engine's specification of a request that is ready."""
        return spec.engine_spec(ready.request, self._config, self._sources, output, origin, parts, ready.access)
