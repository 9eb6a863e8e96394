"""Pages, charts and exports of result tables."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import duckdb

from services import errors, operations, paths, settings
from services.artifacts import ArtifactService
from services.jobs.models import IssueView, JobView, Status
from services.jobs.service import JobService
from services.results import export as exporter
from services.results.cache import ShardCache
from services.results.query import ResultPage, ResultQuery, Schema, TableInfo, order, where

_REMEMBERED = 512
_TREEMAP_CHILDREN = 60
_EXPORT_ROWS = 16_384
ISSUES = "issues"


class ResultService:
    """Questions to the results of completed jobs."""

    def __init__(self, files: ArtifactService, jobs: JobService, config: settings.Settings) -> None:
        """Open an in-memory DuckDB; it holds no data, the shards do."""
        self._files = files
        self._jobs = jobs
        self._config = config
        self._cache = ShardCache(files, config)
        self._connection = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
        self._connection.execute("SET parquet_metadata_cache = true")
        self._lock = threading.Lock()
        self._schemas: OrderedDict[tuple[UUID, str], Schema] = OrderedDict()
        self._counts: OrderedDict[tuple[UUID, str, str, tuple[Any, ...]], int] = OrderedDict()

    def close(self) -> None:
        """Close DuckDB."""
        self._connection.close()

    def tables(self, job_id: UUID) -> list[TableInfo]:
        """Return the tables of a job's result, the main one first; `issues` last.

        Raises:
            JobNotFoundError: there is no such job.
            ArtifactNotFoundError: it has no result yet.
        """
        view = self._completed(job_id)
        declared = {table.name: table for table in operations.get(view.operation).tables}
        written = {table["name"]: table for table in (view.outcome or {})["tables"]}
        found = []
        for name, table in declared.items():
            if name in written:
                present = self._schema(job_id, name).types
                columns = [column.model_dump() for column in table.columns if column.name in present]
                size = written[name]["bytes"]
                found.append(
                    TableInfo(
                        name=name, title=table.title, rows=written[name]["rows"], size_bytes=size, columns=columns
                    )
                )
        columns = [
            {"name": name, "dtype": "text", "unit": None, "meaning": ""} for name in self._schema(job_id, ISSUES).types
        ]
        issues = TableInfo(name=ISSUES, title="Issues", rows=view.issues_count, size_bytes=0, columns=columns)
        return [*found, issues]

    def query(self, job_id: UUID, table: str, query: ResultQuery | None = None) -> ResultPage:
        """Return one page of a table.

        Cost: one scan of the columns a filter or sort needs, then the page's rows; counts are remembered.

        Raises:
            JobNotFoundError, ArtifactNotFoundError: there is no such table.
            InvalidOptionsError: a column, filter or sort is not acceptable.
        """
        started = time.perf_counter()
        query = query or ResultQuery()
        schema = self._schema(job_id, table)
        columns = list(query.columns) or list(schema.types)
        limit = min(query.limit, self._config.page_rows_limit)
        selected = ", ".join(schema.quoted(name) for name in columns)
        clause, values = where(schema, query)
        page_of = f"{order(schema, query)} LIMIT {limit} OFFSET {query.offset}"
        sql = f"SELECT {selected} FROM {schema.source} {clause} {page_of}"
        rows = self._fetch(sql, values)
        total = self._count(job_id, table, schema, clause, values)
        page = [dict(zip(columns, (to_json(value) for value in row), strict=True)) for row in rows]
        elapsed = time.perf_counter() - started
        return ResultPage(columns=columns, rows=page, total_rows=total, elapsed_seconds=elapsed)

    def export(
        self, job_id: UUID, table: str, form: exporter.Form, query: ResultQuery | None = None
    ) -> Iterator[bytes]:
        """Return a whole table, filtered and sorted, as a stream; memory is bounded.

        Raises:
            JobNotFoundError, ArtifactNotFoundError, InvalidOptionsError: before the first byte.
        """
        query = query or ResultQuery()
        schema = self._schema(job_id, table)
        selected = ", ".join(schema.quoted(name) for name in query.columns or schema.types)
        clause, values = where(schema, query)
        sql = f"SELECT {selected} FROM {schema.source} {clause} {order(schema, query)}"
        cursor = self._connection.cursor()
        # A relation streams; `execute` would hold the whole answer in memory first.
        with _translated():
            reader = cursor.sql(sql, params=values).to_arrow_reader(_EXPORT_ROWS)
        return exporter.stream(reader, form, cursor.close)

    def treemap(self, job_id: UUID, path: str = ".", limit: int = _TREEMAP_CHILDREN) -> list[dict[str, Any]]:
        """Return the children of a folder of an inventory, the largest first.

        Returns:
            ``{"path", "name", "kind", "size_bytes", "allocated_bytes", "files"}`` per child; files and
            folders beyond `limit` are left out. `kind` is ``directory`` or ``file``.
        """
        folders = self._schema(job_id, "directories")
        entries = self._schema(job_id, "result")
        prefix = "" if path == "." else f"{path}/"
        below = "starts_with(path, ?) AND strpos(substr(path, length(?) + 1), '/') = 0 AND path <> '.'"
        sql = f"""
            SELECT path, 'directory' AS kind, size_bytes, allocated_bytes, files FROM {folders.source} WHERE {below}
            UNION ALL
            SELECT path, 'file', size_bytes, allocated_bytes, 1 FROM {entries.source}
            WHERE kind <> 'directory' AND {below}
            ORDER BY size_bytes DESC, path LIMIT {int(limit)}"""
        rows = self._fetch(sql, [prefix, prefix, prefix, prefix])
        names = ("path", "kind", "size_bytes", "allocated_bytes", "files")
        return [{**dict(zip(names, row, strict=True)), "name": row[0].removeprefix(prefix)} for row in rows]

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

    def _schema(self, job_id: UUID, table: str) -> Schema:
        with self._lock:
            known = self._schemas.get((job_id, table))
        if known is not None and all(self._cache.is_there(path) for path in known.files[:1]):
            return known
        files = self._cache.files(job_id, table)
        schema = Schema(types={}, files=tuple(files))
        types = {row[0]: row[1] for row in self._fetch(f"DESCRIBE SELECT * FROM {schema.source}", [])}
        schema = Schema(types=types, files=schema.files)
        with self._lock:
            self._schemas[job_id, table] = schema
            if len(self._schemas) > _REMEMBERED:
                self._schemas.popitem(last=False)
        return schema

    def _count(self, job_id: UUID, table: str, schema: Schema, clause: str, values: list[Any]) -> int:
        key = (job_id, table, clause, tuple(values))
        with self._lock:
            if key in self._counts:
                return self._counts[key]
        count = int(self._fetch(f"SELECT count(*) FROM {schema.source} {clause}", values)[0][0])
        with self._lock:
            self._counts[key] = count
            if len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)
        return count

    def _fetch(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor, _translated():
            return cursor.execute(sql, values).fetchall()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException) as error:
        message = str(error).partition("\n")[0]
        raise errors.InvalidOptionsError(
            f"a filter's value does not fit its column: {message}", field="filter"
        ) from None
    except duckdb.IOException as error:
        raise errors.StorageError(f"a result file cannot be read: {str(error).partition(chr(10))[0]}") from error


def to_json(value: Any) -> Any:
    """Return a value that JSON holds: bytes as escaped text, times in ISO 8601."""
    if isinstance(value, bytes):
        return paths.escape(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value
