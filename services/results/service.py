"""Pages, charts and exports of result tables."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar
from uuid import UUID

from services import errors, operations, paths, settings
from services.artifacts import ArtifactService
from services.jobs.models import IssueView, JobView, Status
from services.jobs.service import JobService
from services.results import export as exporter
from services.results import removal, treemap
from services.results.cache import ShardCache
from services.results.duck import Duck
from services.results.query import ResultPage, ResultQuery, TableInfo
from services.results.sql import Question, Schema, Statement

_REMEMBERED = 512
_TREEMAP_CHILDREN = 60
_TREE = "inventory"
_DUPLICATES = "duplicates.result"
ISSUES = "issues"

K = TypeVar("K")
T = TypeVar("T")


class ResultService:
    """Questions to the results of completed jobs."""

    def __init__(self, files: ArtifactService, jobs: JobService, config: settings.Settings) -> None:
        """Open an in-memory DuckDB; it holds no data, the shards do."""
        self._files = files
        self._jobs = jobs
        self._config = config
        self._cache = ShardCache(files, config)
        self._duck = Duck(config)
        self._lock = threading.Lock()
        self._schemas: OrderedDict[tuple[UUID, str], Schema] = OrderedDict()
        self._totals: OrderedDict[tuple[UUID, str, Statement], int] = OrderedDict()

    def close(self) -> None:
        """Close DuckDB."""
        self._duck.close()

    def tables(self, job_id: UUID) -> list[TableInfo]:
        """Return the tables of a job's result: of each operation the main one first; `issues` last.

        Raises:
            JobNotFoundError: there is no such job.
            ArtifactNotFoundError: it has no result yet.
        """
        view = self._completed(job_id)
        found = [table for result in (view.outcome or {})["results"] for table in self._tables(job_id, result)]
        columns = [
            {"name": name, "dtype": "text", "unit": None, "meaning": ""} for name in self._schema(job_id, ISSUES).types
        ]
        issues = TableInfo(name=ISSUES, title="Issues", rows=view.issues_count, size_bytes=0, columns=columns)
        return [*found, issues]

    def _tables(self, job_id: UUID, result: dict[str, Any]) -> Iterator[TableInfo]:
        written = {table["name"]: table for table in result["tables"]}
        for table in operations.get(result["operation"]).tables:
            if table.name in written:
                name, facts = f"{result['operation']}.{table.name}", written[table.name]
                present = self._schema(job_id, name).types
                columns = [column.model_dump() for column in table.columns if column.name in present]
                yield TableInfo(
                    name=name, title=table.title, rows=facts["rows"], size_bytes=facts["bytes"], columns=columns
                )

    def query(self, job_id: UUID, table: str, query: ResultQuery | None = None) -> ResultPage:
        """Return one page of a table.

        Cost: one scan of the columns a filter or sort needs, then the page's rows; totals are remembered.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such table.
            InvalidOptionsError: a column, filter or sort is not acceptable.
            StorageError: it could not be read.
        """
        started = time.perf_counter()
        wanted = query or ResultQuery()
        limit = min(wanted.limit, self._config.page_rows_limit)

        def ask(schema: Schema) -> ResultPage:
            question = Question(schema, wanted, limit)
            rows, total = self._page((job_id, table, question.where), question, limit)
            shown = [shown_as(schema.types[column]) for column in question.columns]
            page = [
                {column: show(value) for column, show, value in zip(question.columns, shown, row, strict=False)}
                for row in rows
            ]
            elapsed = time.perf_counter() - started
            return ResultPage(columns=question.columns, rows=page, total_rows=total, elapsed_seconds=elapsed)

        return self._ask(job_id, table, ask)

    def _page(
        self, key: tuple[UUID, str, Statement], question: Question, limit: int
    ) -> tuple[list[tuple[Any, ...]], int]:
        with self._lock:
            total = self._totals.get(key)
        rows: list[tuple[Any, ...]] | None = None
        if total is None and question.where.text and limit:
            rows = self._duck.fetch(question.counted_page())
            total = int(rows[0][-1]) if rows else None
        if total is None:
            total = int(self._duck.fetch(question.count())[0][0])
        if rows is None:
            rows = self._duck.fetch(question.page()) if limit else []
        with self._lock:
            _remember(self._totals, key, total)
        return rows, total

    def export(
        self, job_id: UUID, table: str, form: exporter.Form, query: ResultQuery | None = None
    ) -> Iterator[bytes]:
        """Return a whole table, filtered and sorted, as a stream; memory is bounded.

        Raises:
            JobNotFoundError, ArtifactNotFoundError, InvalidOptionsError: before the first byte.
            StorageError: also in the middle.
        """
        schema = self._schema(job_id, table)
        statement = Question(schema, query or ResultQuery(), 0).everything()
        chunks = self._exported(schema, statement, form)
        # Run to the first chunk now: a value that does not fit is an error of this call.
        return _Resumed(next(chunks, b""), chunks)

    def _exported(self, schema: Schema, statement: Statement, form: exporter.Form) -> Generator[bytes]:
        with self._cache.pinned(schema.files), self._duck.reader(statement) as reader:
            yield from exporter.stream(reader, form)

    def treemap(
        self,
        job_id: UUID,
        path: str = ".",
        limit: int = _TREEMAP_CHILDREN,
        *,
        by: treemap.Measure = "size_bytes",
        inner_limit: int = 0,
    ) -> list[dict[str, Any]]:
        """Return what a folder of an inventory holds, the largest first.

        Args:
            limit: most children of the folder.
            by: what "largest" means.
            inner_limit: most children of each of these children; 0 = one level only.

        Returns:
            ``{"path", "parent", "name", "kind", "size_bytes", "allocated_bytes", "files"}`` for each; what is
            beyond the limits is left out. `kind` is ``directory`` or ``file``. A child comes before its own.

        Cost: one scan of the columns path, kind and sizes, whatever the limits.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such inventory.
            InvalidOptionsError: `by` is no size.
        """

        def ask(entries: Schema) -> list[dict[str, Any]]:
            folders = self._schema(job_id, f"{_TREE}.directories")
            rows = self._duck.fetch(treemap.children(folders, entries, path, limit, by=by, inner_limit=inner_limit))
            return [treemap.node(row) for row in rows]

        return self._ask(job_id, f"{_TREE}.{operations.MAIN_TABLE}", ask)

    def removal_preview(self, job_id: UUID, rule: removal.KeepRule) -> removal.RemovalPreview:
        """Return what a rule on the result of duplicates would remove.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such result.
            InvalidOptionsError: the rule is not acceptable.
        """

        def ask(table: Schema) -> removal.RemovalPreview:
            plan = removal.Removal(table, rule)
            return removal.preview(self._duck.fetch(plan.sums())[0], self._duck.fetch(plan.first()))

        return self._ask(job_id, _DUPLICATES, ask)

    def removal_plan(self, job_id: UUID, rule: removal.KeepRule, form: removal.PlanForm) -> Iterator[bytes]:
        """Return the plan to remove what a rule does not keep, as a stream: a script, or a table.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such result.
            InvalidOptionsError: the rule is not acceptable, or the source is no directory.
        """
        view = self._completed(job_id)
        if view.source.path is None:
            raise errors.InvalidOptionsError("a plan is for files of a directory; this job read S3", field="job_id")
        table = self._schema(job_id, _DUPLICATES)
        plan = removal.Removal(table, rule)
        if form == "csv":
            chunks = self._exported(table, plan.rows(), "csv")
            return _Resumed(next(chunks, b""), chunks)

        def script() -> Generator[bytes]:
            with self._cache.pinned(table.files):
                sums = self._duck.fetch(plan.sums())[0]
                with self._duck.reader(plan.rows()) as reader:
                    yield from removal.script(reader, str(job_id), rule, view.source, sums)

        chunks = script()
        return _Resumed(next(chunks, b""), chunks)

    def issues(self, job_id: UUID, after: int, limit: int) -> list[IssueView]:
        """Return issues with index > `after` (1 = the first)."""
        page = self.query(job_id, ISSUES, ResultQuery(offset=after, limit=limit))
        return [
            IssueView(
                index=after + place, stage=row["stage"], path=row["path"], kind=row["kind"], message=row["message"]
            )
            for place, row in enumerate(page.rows, start=1)
        ]

    def _completed(self, job_id: UUID) -> JobView:
        view = self._jobs.get(job_id)
        if view.status != Status.COMPLETED or view.outcome is None:
            raise errors.ArtifactNotFoundError(f"job {job_id} has no result; it is {view.status}")
        return view

    def _ask(self, job_id: UUID, table: str, ask: Callable[[Schema], T]) -> T:
        """Answer a question, once more when a copy was evicted in the middle of it."""
        try:
            return ask(self._schema(job_id, table))
        except errors.StorageError:
            return ask(self._schema(job_id, table))

    def _schema(self, job_id: UUID, table: str) -> Schema:
        if not self._jobs.exists(job_id):
            self._cache.forget(job_id)
            raise errors.JobNotFoundError(f"there is no job {job_id}")
        with self._lock:
            known = self._schemas.get((job_id, table))
        if known is not None and self._cache.are_there(known.files):
            return known
        files = Schema(types={}, files=tuple(self._cache.files(job_id, table)))
        described = self._duck.fetch(Statement(f"DESCRIBE SELECT * FROM {files.source}"))
        schema = Schema(types={row[0]: row[1] for row in described}, files=files.files)
        with self._lock:
            _remember(self._schemas, (job_id, table), schema)
        return schema


class _Resumed(Iterator[bytes]):
    """A stream whose first chunk was taken already; `close` ends its query, also before anybody took a chunk."""

    def __init__(self, first: bytes, rest: Generator[bytes]) -> None:
        self._first: bytes | None = first
        self._rest = rest

    def __next__(self) -> bytes:
        chunk, self._first = self._first, None
        return next(self._rest) if chunk is None else chunk

    def close(self) -> None:
        self._rest.close()


def _remember(answers: OrderedDict[K, T], key: K, answer: T) -> None:
    answers[key] = answer
    answers.move_to_end(key)
    if len(answers) > _REMEMBERED:
        answers.popitem(last=False)


def shown_as(kind: str) -> Callable[[Any], Any]:
    """Return how a column's values become JSON values: bytes as escaped text, times in ISO 8601."""
    if kind == "BLOB":
        return lambda value: None if value is None else paths.escape(value)
    if kind.startswith("TIMESTAMP"):
        return lambda value: None if value is None else exporter.iso_time(value)
    return lambda value: value
