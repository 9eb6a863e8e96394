"""What the commands use: the services of this process and a server (`remote`) both have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from uuid import UUID

    from services.models.comparisons import Comparison
    from services.models.jobs import Artifact, IssueView, JobFilter, JobPage, JobRequest, JobView
    from services.models.previews import Preview, RecordsPreview
    from services.models.results import KeepRule, PlanForm, RemovalPreview, ResultPage, ResultQuery, TableInfo
    from services.results import export as exporter
    from services.results.table_schema import CommonSchema


class Jobs(Protocol):
    """As `JobService`."""

    def submit(self, request: JobRequest) -> tuple[JobView, bool]: ...  # noqa: D102
    def preview(self, request: JobRequest) -> Preview: ...  # noqa: D102
    def preview_records(self, request: JobRequest, path: str) -> RecordsPreview: ...  # noqa: D102
    def find(self, text: str) -> UUID: ...  # noqa: D102
    def get(self, job_id: UUID) -> JobView: ...  # noqa: D102
    def list(self, wanted: JobFilter | None = None, cursor: str | None = None, limit: int = 50) -> JobPage: ...  # noqa: D102
    def cancel(self, job_id: UUID) -> JobView: ...  # noqa: D102
    def pause(self, job_id: UUID) -> JobView: ...  # noqa: D102
    def resume(self, job_id: UUID) -> JobView: ...  # noqa: D102
    def rerun(self, job_id: UUID, *, from_scratch: bool = False) -> JobView: ...  # noqa: D102
    def pin(self, job_id: UUID, *, pinned: bool) -> JobView: ...  # noqa: D102
    def delete(self, job_id: UUID) -> None: ...  # noqa: D102


class Stream(Protocol):
    """As `ArtifactStream`."""

    @property
    def artifact(self) -> Artifact: ...  # noqa: D102
    @property
    def chunks(self) -> Iterator[bytes]: ...  # noqa: D102


class Artifacts(Protocol):
    """As `ArtifactService`."""

    def list(self, job_id: UUID) -> list[Artifact]: ...  # noqa: D102
    def open(self, job_id: UUID, name: str) -> Stream: ...  # noqa: D102


class Results(Protocol):
    """As `ResultService`."""

    def tables(self, job_id: UUID) -> list[TableInfo]: ...  # noqa: D102
    def query(self, job_id: UUID, table: str, query: ResultQuery) -> ResultPage: ...  # noqa: D102
    def export(self, job_id: UUID, table: str, form: exporter.Form, query: ResultQuery) -> Iterator[bytes]: ...  # noqa: D102
    def issues(self, job_id: UUID, after: int = 0, limit: int = 100) -> list[IssueView]: ...  # noqa: D102
    def broken_rules(self, job_id: UUID, limit: int) -> tuple[list[dict[str, Any]], int]: ...  # noqa: D102
    def schema_document(self, job_id: UUID) -> dict[str, Any]: ...  # noqa: D102
    def table_schemas(self, job_id: UUID) -> dict[str, CommonSchema]: ...  # noqa: D102
    def profile_problems(self, job_id: UUID, limit: int) -> tuple[list[dict[str, Any]], int]: ...  # noqa: D102
    def removal_preview(self, job_id: UUID, rule: KeepRule) -> RemovalPreview: ...  # noqa: D102
    def removal_plan(self, job_id: UUID, rule: KeepRule, form: PlanForm) -> Iterator[bytes]: ...  # noqa: D102


class Comparisons(Protocol):
    """As `CompareService`."""

    def compare(self, after: UUID, operation: str, before: UUID) -> Comparison: ...  # noqa: D102
    def query(  # noqa: D102
        self, after: UUID, operation: str, before: UUID, table: str, query: ResultQuery
    ) -> ResultPage: ...
    def export(  # noqa: D102
        self, after: UUID, operation: str, before: UUID, table: str, form: exporter.Form, query: ResultQuery
    ) -> Iterator[bytes]: ...


class Services(Protocol):
    """As `bootstrap.Services`; the commands that work for a server use no more of them."""

    @property
    def jobs(self) -> Jobs: ...  # noqa: D102
    @property
    def artifacts(self) -> Artifacts: ...  # noqa: D102
    @property
    def results(self) -> Results: ...  # noqa: D102
    @property
    def comparisons(self) -> Comparisons: ...  # noqa: D102
    @property
    def page_rows_limit(self) -> int: ...  # noqa: D102
    def start_worker(self, only: UUID | None = None) -> object: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102
