"""Pages and exports of a table of Parquet files."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from typing import Any, TypeVar

from services.base import paths, settings
from services.models.results import ResultPage, ResultQuery
from services.results import export as exporter
from services.results.cache import ShardCache
from services.results.duck import Duck
from services.results.sql import Question, Schema, Statement

_REMEMBERED = 512

K = TypeVar("K")
T = TypeVar("T")


class Reader:
    """Answers questions to a table; the numbers of rows that match are remembered."""

    def __init__(self, duck: Duck, cache: ShardCache, config: settings.Settings) -> None:
        """Keep the parts."""
        self.duck = duck
        self._cache = cache
        self._config = config
        self._lock = threading.Lock()
        self._totals: OrderedDict[tuple[Hashable, Statement], int] = OrderedDict()

    def described(self, files: Sequence[str]) -> Schema:
        """Return the columns of Parquet files.

        Raises:
            StorageError: one could not be read.
        """
        bare = Schema(types={}, files=tuple(files))
        rows = self.duck.fetch(Statement(f"DESCRIBE SELECT * FROM {bare.source}"))
        return Schema(types={row[0]: row[1] for row in rows}, files=bare.files)

    def page(self, name: Hashable, schema: Schema, query: ResultQuery) -> ResultPage:
        """Return one page of a table.

        Args:
            name: tells this table from every other.

        Raises:
            InvalidOptionsError: a column, filter or sort is not acceptable.
            StorageError: a file could not be read.
        """
        started = time.perf_counter()
        limit = min(query.limit, self._config.page_rows_limit)
        question = Question(schema, query, limit)
        rows, total = self._rows((name, question.where), question, limit)
        shown = [shown_as(schema.types[column]) for column in question.columns]
        page = [
            {column: show(value) for column, show, value in zip(question.columns, shown, row, strict=False)}
            for row in rows
        ]
        elapsed = time.perf_counter() - started
        return ResultPage(columns=question.columns, rows=page, total_rows=total, elapsed_seconds=elapsed)

    def _rows(
        self, key: tuple[Hashable, Statement], question: Question, limit: int
    ) -> tuple[list[tuple[Any, ...]], int]:
        with self._lock:
            total = self._totals.get(key)
        rows: list[tuple[Any, ...]] | None = None
        if total is None and question.where.text and limit:
            rows = self.duck.fetch(question.counted_page())
            total = int(rows[0][-1]) if rows else None
        if total is None:
            total = int(self.duck.fetch(question.count())[0][0])
        if rows is None:
            rows = self.duck.fetch(question.page()) if limit else []
        with self._lock:
            remember(self._totals, key, total)
        return rows, total

    def export(self, schema: Schema, form: exporter.Form, query: ResultQuery | None = None) -> Iterator[bytes]:
        """Return a whole table, filtered and sorted, as a stream; memory is bounded.

        Raises:
            InvalidOptionsError: before the first byte.
            StorageError: also in the middle.
        """
        wanted = query or ResultQuery()
        statement = Question(schema, wanted, 0).everything()
        return self.stream(schema.files, statement, form, spreadsheet=wanted.spreadsheet)

    def stream(
        self, files: Sequence[str], statement: Statement, form: exporter.Form, *, spreadsheet: bool = False
    ) -> Iterator[bytes]:
        """Return a statement's rows as a stream; the files that it reads are kept until its end.

        Raises:
            InvalidOptionsError, StorageError: as `export`.
        """

        def chunks() -> Generator[bytes]:
            with self._cache.pinned(files), self.duck.reader(statement) as reader:
                yield from exporter.stream(reader, form, spreadsheet=spreadsheet)

        return resumed(chunks())


def resumed(chunks: Generator[bytes]) -> Iterator[bytes]:
    """Run a stream to its first chunk now: a value that does not fit is an error of this call."""
    return _Resumed(next(chunks, b""), chunks)


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


def remember(answers: OrderedDict[K, T], key: K, answer: T) -> None:
    """Keep an answer, and forget the oldest beyond a limit."""
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
