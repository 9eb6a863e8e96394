"""The parts that the commands use, of a server: each method is a request (`PRAVAH_URL`, `PRAVAH_TOKEN`)."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.base import errors
from services.cli.connection import Connection, Query
from services.models.comparisons import Comparison
from services.models.jobs import LATEST, Artifact, IssueView, JobFilter, JobPage, JobRequest, JobView, id_digits
from services.models.previews import Preview, RecordsPreview
from services.models.results import Filter, KeepRule, PlanForm, RemovalPreview, ResultPage, ResultQuery, TableInfo
from services.results import export as exporter
from services.results.table_schema import CommonSchema

_PAGE_JOBS = 200
_PAGE_ISSUES = 1_000
_OTHER = frozenset({"filters", "offset", "limit", "spreadsheet"})
"""What of a query is no text and no list of columns."""


@dataclass(frozen=True)
class Stream:
    """A file of a job as it comes."""

    artifact: Artifact
    chunks: Iterator[bytes]


class Services:
    """What a server does for the commands."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self.jobs = Jobs(connection)
        self.artifacts = Artifacts(connection)
        self.results = Results(connection)
        self.comparisons = Comparisons(connection)

    @functools.cached_property
    def page_rows_limit(self) -> int:
        """Most rows in a page of a result."""
        return int(self._connection.json("GET", "/config")[1]["page_rows_limit"])

    def start_worker(self, only: UUID | None = None) -> None:
        """Do nothing: the server has workers."""

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Jobs:
    """Jobs of a server."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def submit(self, request: JobRequest) -> tuple[JobView, bool]:
        """Queue a job; return it, and whether it is new."""
        status, job = self._connection.json("POST", "/jobs", body=_body(request))
        return JobView.model_validate(job), status == 201

    def preview(self, request: JobRequest) -> Preview:
        """Count what a job would read."""
        return Preview.model_validate(self._connection.json("POST", "/jobs/preview", body=_body(request))[1])

    def preview_records(self, request: JobRequest, path: str) -> RecordsPreview:
        """Read the beginning of a file."""
        found = self._connection.json("POST", "/jobs/preview/records", [("path", path)], _body(request))[1]
        return RecordsPreview.model_validate(found)

    def find(self, text: str) -> UUID:
        """Return the job that a text names."""
        named = text if text == LATEST else id_digits(text)
        return UUID(self._connection.json("GET", f"/jobs/named/{named}")[1]["id"])

    def get(self, job_id: UUID) -> JobView:
        """Return a job."""
        return JobView.model_validate(self._connection.json("GET", f"/jobs/{job_id}")[1])

    def list(self, wanted: JobFilter | None = None, cursor: str | None = None, limit: int = 50) -> JobPage:
        """Return jobs, newest first."""
        given: dict[str, Any] = {} if wanted is None else wanted.model_dump(mode="json", exclude_none=True)
        found: list[JobView] = []
        while True:
            asked = {**given, "details": "true", "limit": min(limit - len(found), _PAGE_JOBS)}
            if cursor is not None:
                asked["cursor"] = cursor
            query = [(name, str(value)) for name, value in asked.items()]
            page = JobPage.model_validate(self._connection.json("GET", "/jobs", query)[1])
            found += page.items
            cursor = page.next_cursor
            if cursor is None or len(found) >= limit:
                return JobPage(items=found, next_cursor=cursor)

    def cancel(self, job_id: UUID) -> JobView:
        """Cancel a job."""
        return self._changed("POST", job_id, "cancel")

    def pause(self, job_id: UUID) -> JobView:
        """Pause a job."""
        return self._changed("POST", job_id, "pause")

    def resume(self, job_id: UUID) -> JobView:
        """Resume a paused job."""
        return self._changed("POST", job_id, "resume")

    def rerun(self, job_id: UUID, *, from_scratch: bool = False) -> JobView:
        """Start a job with the same request."""
        return self._changed("POST", job_id, "rerun", [("from_scratch", str(from_scratch).lower())])

    def pin(self, job_id: UUID, *, pinned: bool) -> JobView:
        """Pin or unpin a job."""
        return self._changed("POST" if pinned else "DELETE", job_id, "pin")

    def delete(self, job_id: UUID) -> None:
        """Delete a job."""
        self._connection.json("DELETE", f"/jobs/{job_id}")

    def _changed(self, method: str, job_id: UUID, what: str, query: Query | None = None) -> JobView:
        return JobView.model_validate(self._connection.json(method, f"/jobs/{job_id}/{what}", query)[1])


class Artifacts:
    """Files of jobs of a server."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def list(self, job_id: UUID) -> list[Artifact]:
        """Return a job's files by name."""
        items = self._connection.json("GET", f"/jobs/{job_id}/artifacts")[1]["items"]
        return [Artifact.model_validate(one) for one in items]

    def open(self, job_id: UUID, name: str) -> Stream:
        """Return a file as it comes."""
        for artifact in self.list(job_id):
            if artifact.name == name:
                return Stream(artifact, self._connection.stream(f"/jobs/{job_id}/artifacts/{name}"))
        raise errors.ArtifactNotFoundError(f"job {job_id} has no artifact {name!r}")


class Results:
    """Results of jobs of a server."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def tables(self, job_id: UUID) -> list[TableInfo]:
        """Return the tables of a result."""
        return [TableInfo.model_validate(one) for one in self._connection.json("GET", _results(job_id))[1]["tables"]]

    def query(self, job_id: UUID, table: str, query: ResultQuery) -> ResultPage:
        """Return a page of rows."""
        return _page(self._connection.json("GET", _results(job_id), _asked(table, query))[1], query)

    def export(self, job_id: UUID, table: str, form: exporter.Form, query: ResultQuery) -> Iterator[bytes]:
        """Return all rows as a stream."""
        return self._connection.stream(_results(job_id), [*_asked(table, query), ("format", form)])

    def issues(self, job_id: UUID, after: int = 0, limit: int = 100) -> list[IssueView]:
        """Return issues after a number."""
        query = [("after", str(after)), ("limit", str(min(limit, _PAGE_ISSUES)))]
        items = self._connection.json("GET", f"/jobs/{job_id}/issues", query)[1]["items"]
        return [IssueView.model_validate(one) for one in items]

    def broken_rules(self, job_id: UUID, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Return the rules that records break, and how many there are."""
        return self._counted(job_id, "broken-rules", limit)

    def profile_problems(self, job_id: UUID, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Return what is odd about files, and how much there is."""
        return self._counted(job_id, "problems", limit)

    def schema_document(self, job_id: UUID) -> dict[str, Any]:
        """Return the schema of a profile."""
        return dict(self._connection.json("GET", f"/jobs/{job_id}/schema")[1])

    def table_schemas(self, job_id: UUID) -> dict[str, CommonSchema]:
        """Refuse: the API has the document only."""
        message = "the table of columns is not available over PRAVAH_URL"
        raise errors.InvalidOptionsError(message, remedy="Add --json.", field="json")

    def removal_preview(self, job_id: UUID, rule: KeepRule) -> RemovalPreview:
        """Return what a rule would remove."""
        found = self._connection.json("GET", f"/jobs/{job_id}/removal", _kept(rule))[1]
        return RemovalPreview.model_validate(found)

    def removal_plan(self, job_id: UUID, rule: KeepRule, form: PlanForm) -> Iterator[bytes]:
        """Return the plan as a stream."""
        return self._connection.stream(f"/jobs/{job_id}/removal", [*_kept(rule), ("format", form)])

    def _counted(self, job_id: UUID, what: str, limit: int) -> tuple[list[dict[str, Any]], int]:
        found = self._connection.json("GET", f"/jobs/{job_id}/{what}", [("limit", str(limit))])[1]
        return found["items"], found["total"]


class Comparisons:
    """Comparisons of results of a server."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def compare(self, after: UUID, operation: str, before: UUID) -> Comparison:
        """Return the figures of a comparison."""
        path = f"/jobs/{after}/compare/{operation}"
        return Comparison.model_validate(self._connection.json("GET", path, [("with", str(before))])[1])

    def query(self, after: UUID, operation: str, before: UUID, table: str, query: ResultQuery) -> ResultPage:
        """Return a page of the differences."""
        asked = [("with", str(before)), *_asked(table, query)]
        return _page(self._connection.json("GET", f"/jobs/{after}/compare/{operation}", asked)[1], query)

    def export(
        self, after: UUID, operation: str, before: UUID, table: str, form: exporter.Form, query: ResultQuery
    ) -> Iterator[bytes]:
        """Return all differences as a stream."""
        asked = [("with", str(before)), *_asked(table, query), ("format", form)]
        return self._connection.stream(f"/jobs/{after}/compare/{operation}", asked)


def _body(request: JobRequest) -> dict[str, Any]:
    return request.model_dump(mode="json", exclude_none=True)


def _results(job_id: UUID) -> str:
    return f"/jobs/{job_id}/results"


def _asked(table: str, query: ResultQuery) -> Query:
    return [
        ("table", table),
        *(("filter", _filter(one)) for one in query.filters),
        *((name, value if isinstance(value, str) else ",".join(value)) for name, value in query if name not in _OTHER),
        ("offset", str(query.offset)),
        # The API gives a row at least.
        ("limit", str(max(query.limit, 1))),
        *([("spreadsheet", "true")] if query.spreadsheet else []),
    ]


def _filter(one: Filter) -> str:
    return f"{one.column}:{one.operator}:{one.value}"


def _page(found: dict[str, Any], query: ResultQuery) -> ResultPage:
    page = ResultPage.model_validate({name: found[name] for name in ResultPage.model_fields})
    return page if query.limit else page.model_copy(update={"rows": []})


def _kept(rule: KeepRule) -> Query:
    return [("keep", rule.keep), ("folder", rule.folder), *(("filter", _filter(one)) for one in rule.filters)]
