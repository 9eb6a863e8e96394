"""Comparisons: made once for a pair of jobs, stored with the copies of results, read as any table is."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from services import operations
from services.base import errors
from services.models.comparisons import ComparedFigure, ComparedJob, ComparedTable, Comparison, KindCount
from services.models.jobs import JobFilter, JobView, Status
from services.models.results import ResultPage, ResultQuery
from services.results import export as exporter
from services.results import reading, treemap
from services.results.compare import checksum, inventory, profile, search
from services.results.compare.parts import ISSUES, Compared, Make, Pair, Plan, Side, common_notes
from services.results.sql import Schema, Statement
from services.use_cases.jobs import JobService
from services.use_cases.results import ResultService

_FORM = 2
"""Of the stored files: another one when the tables of a plan become others."""
_OFFERED = 30
_RATES = frozenset({"bytes/s", "seconds"})

PLANS: dict[str, Plan] = {plan.operation: plan for plan in (inventory.PLAN, checksum.PLAN, search.PLAN, profile.PLAN)}
"""The operations whose results can be compared."""

T = TypeVar("T")


class CompareService:
    """Differences between two results of one operation."""

    def __init__(self, results: ResultService, jobs: JobService) -> None:
        """Keep the parts."""
        self._results = results
        self._jobs = jobs
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, ...], list[KindCount]] = OrderedDict()

    def offered(self, job: JobView, operation: str) -> list[JobView]:
        """Return completed jobs that a job's result can be compared with: its baseline, those on its source, others."""
        wanted = JobFilter(operation=operation, status=Status.COMPLETED)
        on_source = self._jobs.list(wanted.model_copy(update={"text": job.source.label[:500]}), limit=_OFFERED).items
        found = {one.id: one for one in [*on_source, *self._jobs.list(wanted, limit=_OFFERED).items]}
        earlier = [one for one in found.values() if one.created_at < job.created_at]
        earlier.sort(key=lambda one: (one.id != job.baseline, one.source != job.source, -one.created_at.timestamp()))
        return earlier[:_OFFERED]

    def compare(self, after: UUID, operation: str, before: UUID) -> Comparison:
        """Return what is different, in numbers.

        Cost: the first time one join of both results, on disk where memory does not do; then the counts alone.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: a job has no result of this operation.
            InvalidOptionsError: such results cannot be compared, or not these two.
            LimitExceededError: memory and disk do not do.
            StorageError, OutputError: a file could not be read or written.
        """
        plan = _plan(operation)
        pair = self._pair(plan, before, after)
        tables = self._again(lambda: [self._counted(pair, plan, one) for one in plan.tables])
        return Comparison(
            operation=operation,
            before=ComparedJob.of(pair.before.job),
            after=ComparedJob.of(pair.after.job),
            same_source=pair.before.job.source == pair.after.job.source,
            differs=any(one.rows for table in tables for one in table.kinds if one.kind not in plan.harmless),
            by=plan.by(pair),
            notes=[*common_notes(pair), *plan.notes(pair)],
            figures=list(_figures(pair, operation)),
            tables=tables,
        )

    def query(
        self, after: UUID, operation: str, before: UUID, table: str = "", query: ResultQuery | None = None
    ) -> ResultPage:
        """Return one page of a table of differences.

        Args:
            table: as `compare` names it; empty for the main one.

        Raises:
            ArtifactNotFoundError: there is no such table.
            InvalidOptionsError: also when a column, filter or sort is not acceptable.
            JobNotFoundError, LimitExceededError, StorageError, OutputError: as `compare`.
        """

        def ask() -> ResultPage:
            schema = self._schema(after, operation, before, table)
            return self._results.reader.page(schema.files, schema, query or ResultQuery())

        return self._again(ask)

    def export(
        self,
        after: UUID,
        operation: str,
        before: UUID,
        table: str,
        form: exporter.Form,
        query: ResultQuery | None = None,
    ) -> Iterator[bytes]:
        """Return a whole table of differences, filtered and sorted, as a stream; memory is bounded.

        Raises:
            ArtifactNotFoundError, InvalidOptionsError, JobNotFoundError, LimitExceededError, OutputError: before the
                first byte, as `query`.
            StorageError: also in the middle.
        """

        def ask() -> Iterator[bytes]:
            return self._results.reader.export(self._schema(after, operation, before, table), form, query)

        return self._again(ask)

    def treemap(
        self,
        after: UUID,
        before: UUID,
        path: str = ".",
        limit: int = 60,
        *,
        by: treemap.Measure = "size_bytes",
        inner_limit: int = 0,
    ) -> list[dict[str, Any]]:
        """Return what a folder of two inventories holds, on either side; the largest first.

        Args:
            limit, by, inner_limit: as for `ResultService.treemap`.

        Returns:
            The nodes of `ResultService.treemap`, each amount the larger of the two, with ``before_bytes`` and
            ``after_bytes`` of the size that `by` names.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: a job has no inventory.
            InvalidOptionsError: `by` is no size.
        """

        def ask() -> list[dict[str, Any]]:
            pair = self._pair(inventory.PLAN, before, after)
            question = inventory.children(pair, path, limit, by=by, inner_limit=inner_limit)
            return [treemap.node(row, inventory.NODE) for row in self._results.reader.duck.fetch(question)]

        return self._again(ask)

    def _schema(self, after: UUID, operation: str, before: UUID, table: str) -> Schema:
        plan = _plan(operation)
        wanted = table or plan.tables[0].table.name
        for one in plan.tables:
            if one.table.name == wanted:
                return self._made(self._pair(plan, before, after), plan, one)
        known = ", ".join(one.table.name for one in plan.tables)
        message = f"the comparison of {operation} has no table {wanted!r}"
        raise errors.ArtifactNotFoundError(message, remedy=f"Use one of: {known}.")

    def _pair(self, plan: Plan, before: UUID, after: UUID) -> Pair:
        pair = Pair(before=self._side(plan, before), after=self._side(plan, after))
        plan.check(pair)
        return pair

    def _side(self, plan: Plan, job_id: UUID) -> Side:
        view = self._results.completed(job_id)
        result = view.result(plan.operation)
        tables = {name: self._results.schema(job_id, f"{plan.operation}.{name}") for name in plan.reads}
        return Side(job=view, result=result, tables={**tables, ISSUES: self._results.schema(job_id, ISSUES)})

    def _made(self, pair: Pair, plan: Plan, compared: Compared) -> Schema:
        def write(path: Path) -> None:
            read = [file for side in (pair.before, pair.after) for one in side.tables.values() for file in one.files]
            with self._results.cache.pinned(read), self._steps(path) as make:
                self._results.reader.duck.write(Statement(compared.select(pair, make)), path)

        name = f"compare/{pair.before.job.id}/{_FORM}-{plan.operation}-{compared.table.name}"
        file = self._results.cache.made(pair.after.job.id, name, write)
        return self._results.reader.described((file,))

    @contextlib.contextmanager
    def _steps(self, path: Path) -> Iterator[Make]:
        """Yield a function that writes the rows of a SELECT beside a file; they are removed at the end."""
        made: list[Path] = []

        def make(select: str) -> str:
            made.append(path.with_name(f"{path.name}-{len(made)}"))
            self._results.reader.duck.write(Statement(select), made[-1])
            return Schema(types={}, files=(str(made[-1]),)).source

        try:
            yield make
        finally:
            for step in made:
                step.unlink(missing_ok=True)

    def _counted(self, pair: Pair, plan: Plan, compared: Compared) -> ComparedTable:
        schema = self._made(pair, plan, compared)
        kinds = self._kinds(schema, compared)
        declared = compared.table
        return ComparedTable(
            name=declared.name,
            title=declared.title,
            rows=sum(one.rows for one in kinds),
            size_bytes=Path(schema.files[0]).stat().st_size,
            columns=[column.model_dump() for column in declared.columns if column.name in schema.types],
            same_rows=pair.after.rows(compared.of) - sum(one.rows_after for one in kinds),
            kinds=kinds,
        )

    def _kinds(self, schema: Schema, compared: Compared) -> list[KindCount]:
        with self._lock:
            known = self._counts.get(schema.files)
        if known is None:
            sums = "sum(before_bytes)::BIGINT, sum(after_bytes)::BIGINT" if compared.has_sums else "NULL, NULL"
            counted = f"count(*), count(*) FILTER ({compared.has_after}), {sums}"
            rows = self._results.reader.duck.fetch(
                Statement(f"SELECT kind, {counted} FROM {schema.source} GROUP BY kind")
            )
            found = {row[0]: row[1:] for row in rows}
            known = [
                KindCount.of(kind, meaning, found[kind]) for kind, meaning in compared.kinds.items() if kind in found
            ]
            with self._lock:
                reading.remember(self._counts, schema.files, known)
        return known

    def _again(self, ask: Callable[[], T]) -> T:
        """Answer a question, once more when a file was evicted in the middle of it."""
        try:
            return ask()
        except (errors.StorageError, FileNotFoundError):
            return ask()


def main_table(operation: str) -> str:
    """Return the name of the first table that a comparison makes.

    Raises:
        InvalidOptionsError: results of this operation cannot be compared.
    """
    return _plan(operation).tables[0].table.name


def _plan(operation: str) -> Plan:
    if operation not in PLANS:
        message = f"results of {operation!r} cannot be compared; only results of {', '.join(PLANS)} can"
        raise errors.InvalidOptionsError(message, remedy="Choose one of these operations.", field="operation")
    return PLANS[operation]


def _figures(pair: Pair, operation: str) -> Iterator[ComparedFigure]:
    for figure in operations.get(operation).figures:
        before, after = (_figure(side, figure.key) for side in (pair.before, pair.after))
        if before is None or after is None or figure.unit in _RATES:
            continue
        yield ComparedFigure(
            key=figure.key,
            title=figure.title,
            unit=figure.unit,
            before=before,
            after=after,
            change=after - before,
        )


def _figure(side: Side, key: str) -> int | float | None:
    found: Any = side.result["summary"]
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None
