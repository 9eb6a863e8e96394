"""What a job reads, made ready where it runs: its source, the paths in its options, the results it builds on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from services import artifacts, errors, operations, settings
from services.jobs import baselines, spec
from services.jobs.models import JobRequest
from services.jobs.service import JobService
from services.sources import SourceService

FOLDERS = ("source", "reference")
"""Below a work folder: copies, which are of no use to a later attempt."""


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

    def resolved(self, wanted: JobRequest, work: Path, check: Callable[[], None]) -> JobRequest:
        """Return the request with its source, and every path in its options, as they are to be opened here.

        Args:
            check: called often while something is copied; what it raises ends the copying.

        Raises:
            PravahError: one of them is not there or not allowed.
        """
        request = self._stage(wanted, work, check)
        source = wanted.source.os_path if wanted.source.path is not None else None
        return spec.with_paths(request, lambda option: str(self._resolve(option, work, source)))

    def _stage(self, request: JobRequest, work: Path, check: Callable[[], None]) -> JobRequest:
        source = request.source
        if source.path is not None:
            return request.with_path(self._sources.resolve(source.os_path))
        staged = work / "source"
        staged.mkdir()
        self._sources.stage_s3(source.s3_uri or "", staged, check)
        return request.with_path(staged)

    def _resolve(self, option: spec.PathOption, work: Path, source: str | None) -> Path:
        if option.is_destination:
            return self._sources.resolve_destination(option.value, source, option.field)
        if option.job_id is None:
            return self._sources.resolve_path(option.value)
        return self._fetch_result(option.job_id, f"{option.result_of}.{operations.MAIN_TABLE}", work)

    def baselines(self, wanted: JobRequest, work: Path) -> dict[str, list[Path]]:
        """Return the shards whose rows are taken over: of the job's baseline, and of its own earlier attempts."""
        found: dict[str, list[Path]] = {}
        baseline = wanted.baseline
        for name in baselines.reusing(wanted):
            found[name] = []
            if baseline is not None and self._jobs.exists(baseline):
                for table in baselines.tables(name, self._files.list(baseline)):
                    found[name] += sorted(self._fetch_result(baseline, table, work).glob("*.parquet"))
            found[name] += baselines.left_by_attempts(work, name)
        return found

    def _fetch_result(self, job_id: UUID, table: str, work: Path) -> Path:
        names = artifacts.shards_of(table, self._files.list(job_id))
        if not names:
            raise errors.ArtifactNotFoundError(f"job {job_id} has no table {table}")
        local = self._files.local_path(job_id, names[0])
        if local is not None:
            return local.parent
        # As the engine wrote it: it tells by their folders which tables are of one run.
        folder = work / "reference" / str(job_id) / Path(names[0]).parent
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            with (folder / Path(name).name).open("wb") as copy:
                copy.writelines(self._files.open(job_id, name).chunks)
        return folder

    def document(
        self,
        request: JobRequest,
        output: Path,
        origin: UUID,
        shards: dict[str, list[Path]] | None = None,
        parts: spec.Parts | None = None,
    ) -> bytes:
        """Return the engine's specification of a resolved request.

        Args:
            shards: by operation: those whose rows are taken over.
        """
        return spec.engine_spec(request, self._config, self._sources, output, origin, shards, parts)
