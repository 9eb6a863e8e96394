"""Pages, charts and exports of result tables."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from services import operations
from services.base import errors, settings
from services.models.jobs import IssueView, JobView, Status
from services.models.results import KeepRule, PlanForm, RemovalPreview, ResultPage, ResultQuery, TableInfo
from services.results import broken_rules, first_errors, profile_problems, reading, removal, table_schema, treemap
from services.results import export as exporter
from services.results.cache import ShardCache
from services.results.duck import Duck
from services.results.sql import Schema
from services.results.table_schema import CommonSchema
from services.use_cases.artifacts import ArtifactService
from services.use_cases.jobs import JobService

_TREEMAP_CHILDREN = 60
_TREE = "inventory"
_DUPLICATES = "duplicates.result"
_PROFILE = "profile"
ISSUES = "issues"

T = TypeVar("T")


class ResultService:
    """Tables, pages, exports and issues of results."""

    def __init__(self, files: ArtifactService, jobs: JobService, config: settings.Settings) -> None:
        """Open an in-memory DuckDB; it holds no data, the shards do."""
        self._files = files
        self._jobs = jobs
        self.cache = ShardCache(files, config)
        """Local files of results, and of what was made from them."""
        self._duck = Duck(config)
        self._lock = threading.Lock()
        self._schemas: OrderedDict[tuple[UUID, str], Schema] = OrderedDict()
        self.reader = reading.Reader(self._duck, self.cache, config)
        """How any table is asked, also one that was made from results."""

    def close(self) -> None:
        """Close DuckDB."""
        self._duck.close()

    def tables(self, job_id: UUID) -> list[TableInfo]:
        """Return the tables of a job's result: of each operation the main one first; `issues` last.

        Raises:
            JobNotFoundError: the job does not exist.
            ArtifactNotFoundError: it has no result yet.
        """
        view = self.completed(job_id)
        found = [table for result in (view.outcome or {})["results"] for table in self._tables(job_id, result)]
        columns = [
            {"name": name, "dtype": "text", "unit": None, "meaning": ""} for name in self.schema(job_id, ISSUES).types
        ]
        issues = TableInfo(name=ISSUES, title="Issues", rows=view.issues_count, size_bytes=0, columns=columns)
        return [*found, issues]

    def _tables(self, job_id: UUID, result: dict[str, Any]) -> Iterator[TableInfo]:
        written = {table["name"]: table for table in result["tables"]}
        for table in operations.get(result["operation"]).tables:
            if table.name in written:
                name, facts = f"{result['operation']}.{table.name}", written[table.name]
                present = self.schema(job_id, name).types
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
        wanted = query or ResultQuery()
        return self._ask(job_id, table, lambda schema: self.reader.page((job_id, table), schema, wanted))

    def export(
        self, job_id: UUID, table: str, form: exporter.Form, query: ResultQuery | None = None
    ) -> Iterator[bytes]:
        """Return a whole table, filtered and sorted, as a stream; memory is bounded.

        Raises:
            JobNotFoundError, ArtifactNotFoundError, InvalidOptionsError: before the first byte.
            StorageError: also in the middle.
        """
        return self.reader.export(self.schema(job_id, table), form, query)

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
            folders = self.schema(job_id, f"{_TREE}.directories")
            rows = self._duck.fetch(treemap.children(folders, entries, path, limit, by=by, inner_limit=inner_limit))
            return [treemap.node(row) for row in rows]

        return self._ask(job_id, f"{_TREE}.{operations.MAIN_TABLE}", ask)

    def removal_preview(self, job_id: UUID, rule: KeepRule) -> RemovalPreview:
        """Return what a rule on the result of duplicates would remove.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such result.
            InvalidOptionsError: the rule is not acceptable.
        """

        def ask(table: Schema) -> RemovalPreview:
            plan = self._plan(table, rule)
            return removal.preview(self._duck.fetch(plan.sums())[0], self._duck.fetch(plan.first()))

        return self._ask(job_id, _DUPLICATES, ask)

    def removal_plan(self, job_id: UUID, rule: KeepRule, form: PlanForm) -> Iterator[bytes]:
        """Return the plan to remove what a rule does not keep, as a stream: a script, or a table.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such result.
            InvalidOptionsError: the rule is not acceptable, or the source is no directory.
        """
        view = self.completed(job_id)
        if view.source.path is None:
            raise errors.InvalidOptionsError(
                "a plan is only possible for a local directory; this job read S3", field="job_id"
            )
        table = self.schema(job_id, _DUPLICATES)
        plan = self._plan(table, rule)
        if form == "csv":
            return self.reader.stream(table.files, plan.rows(), "csv")

        def script() -> Generator[bytes]:
            with self.cache.pinned(table.files):
                sums = self._duck.fetch(plan.sums())[0]
                with self._duck.reader(plan.rows()) as reader:
                    yield from removal.script(reader, str(job_id), rule, view.source, sums)

        return reading.resumed(script())

    def _plan(self, table: Schema, rule: KeepRule) -> removal.Removal:
        plan = removal.Removal(table, rule)
        if rule.keep == "under" and not self._duck.fetch(plan.below())[0][0]:
            raise errors.InvalidOptionsError(
                f"no duplicate is below the folder {rule.folder!r}",
                remedy="Give the folder as the result shows it, relative to the source, for example photos/2024.",
                field="folder",
            )
        return plan

    def table_schema(self, job_id: UUID) -> CommonSchema:
        """Return what the files of a profile's largest dataset have in common, as a Table Schema has it.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such profile.
        """
        return next(iter(self.table_schemas(job_id).values()), CommonSchema((), (), None))

    def schema_document(self, job_id: UUID) -> dict[str, Any]:
        """Return what the files of a profile have in common: a Table Schema, or a Data Package of several datasets.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such profile.
        """
        return table_schema.document(self.table_schemas(job_id))

    def table_schemas(self, job_id: UUID) -> dict[str, CommonSchema]:
        """Return what the files of each dataset of a profile have in common; the largest 100 datasets, in order.

        Cost: for each dataset a scan of the columns of each file.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such profile.
        """
        options = self.completed(job_id).result(_PROFILE)["options"]
        defaults = operations.get(_PROFILE).options().model_dump(mode="json")
        null_values = None if options["null_values"] == defaults["null_values"] else options["null_values"]

        def ask(_: Schema) -> dict[str, CommonSchema]:
            tables = {name: self.schema(job_id, f"{_PROFILE}.{name}") for name in table_schema.TABLES}
            found = {}
            for rank, (dataset,) in enumerate(self._duck.fetch(table_schema.names(tables))):
                asked = table_schema.statements(tables, rank)
                answers = {name: self._duck.fetch(one) for name, one in asked.items()}
                found[str(dataset)] = table_schema.common(answers, null_values)
            return found

        return self._ask(job_id, f"{_PROFILE}.{operations.MAIN_TABLE}", ask)

    def profile_problems(
        self, job_id: UUID, limit: int, schemas: Mapping[str, CommonSchema] | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """Return what is odd about the files of a profile: file, place and problem; and how many problems there are.

        Args:
            schemas: what the files of each dataset have in common, if it is known already.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such profile.
        """
        common = self.table_schemas(job_id) if schemas is None else schemas
        are_compared = _DUPLICATES.partition(".")[0] in self.completed(job_id).names

        def ask(issues: Schema) -> list[tuple[Any, ...]]:
            tables = {name: self.schema(job_id, f"{_PROFILE}.{name}") for name in profile_problems.TABLES}
            tables |= {"issues": issues} | ({"copies": self.schema(job_id, _DUPLICATES)} if are_compared else {})
            return self._duck.fetch(profile_problems.statement(tables, common, limit))

        return _counted(self._ask(job_id, ISSUES, ask), profile_problems.COLUMNS)

    def first_errors(self, job_id: UUID, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Return the first error of each rule, column and file of a validation, and how many such errors there are.

        Cost: one scan of the listed errors.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such validation.
        """

        def ask(errors: Schema) -> list[tuple[Any, ...]]:
            return self._duck.fetch(first_errors.statement(errors, limit))

        return _counted(self._ask(job_id, "validate.errors", ask), first_errors.COLUMNS)

    def broken_rules(self, job_id: UUID, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Return the rules that records of a validation break, with their first places, and how many rules there are.

        Cost: one scan of the errors by file, column and rule.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such validation.
        """

        def ask(counts: Schema) -> list[tuple[Any, ...]]:
            return self._duck.fetch(broken_rules.statement(counts, limit))

        return _counted(self._ask(job_id, "validate.counts", ask), broken_rules.COLUMNS)

    def issues(self, job_id: UUID, after: int = 0, limit: int = 100) -> list[IssueView]:
        """Return issues with index > `after` (1 = the first); of a job that is not completed, its first 1,000 only.

        Raises:
            JobNotFoundError: the job does not exist.
        """
        if self._jobs.get(job_id).status != Status.COMPLETED:
            return self._jobs.first_issues(job_id, after, limit)
        page = self.query(job_id, ISSUES, ResultQuery(offset=after, limit=limit))
        return [
            IssueView(
                index=after + place, stage=row["stage"], path=row["path"], kind=row["kind"], message=row["message"]
            )
            for place, row in enumerate(page.rows, start=1)
        ]

    def completed(self, job_id: UUID) -> JobView:
        """Return a job that has a result.

        Raises:
            JobNotFoundError: the job does not exist.
            ArtifactNotFoundError: it has no result yet.
        """
        view = self._jobs.get(job_id)
        if view.status != Status.COMPLETED or view.outcome is None:
            raise errors.ArtifactNotFoundError(f"job {job_id} has no result; it is {view.status}")
        return view

    def _ask(self, job_id: UUID, table: str, ask: Callable[[Schema], T]) -> T:
        """Answer a question, once more when a copy was evicted in the middle of it."""
        try:
            return ask(self.schema(job_id, table))
        except errors.StorageError:
            return ask(self.schema(job_id, table))

    def schema(self, job_id: UUID, table: str) -> Schema:
        """Return a table's columns and its files, as local files.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such table.
            StorageError: it could not be read.
        """
        if not self._jobs.exists(job_id):
            self.cache.forget(job_id)
            raise errors.JobNotFoundError(f"job {job_id} does not exist")
        with self._lock:
            known = self._schemas.get((job_id, table))
        if known is not None and self.cache.are_there(known.files):
            return known
        schema = self.reader.described(self.cache.files(job_id, table))
        with self._lock:
            reading.remember(self._schemas, (job_id, table), schema)
        return schema


def _counted(rows: list[tuple[Any, ...]], columns: Sequence[str]) -> tuple[list[dict[str, Any]], int]:
    """Return rows by the names of their columns, and the number of all rows, which stands behind them."""
    found = [dict(zip(columns, row, strict=False)) for row in rows]
    return found, int(rows[0][-1]) if rows else 0
