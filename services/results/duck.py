"""DuckDB with limits: it reads only result files, with bounded memory and threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.base import errors, settings
from services.base.once import made_once
from services.results.sql import Statement

# DuckDB and Arrow are imported by the first question: most commands ask none.
if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_EXPORT_ROWS = 16_384


class Duck:
    """An in-memory DuckDB; it holds no data, the result files do."""

    def __init__(self, config: settings.Settings) -> None:
        """Keep the settings; the first question opens it, with access to the results and their cached copies only."""
        self._spill = config.data_dir / "cache" / f"spill-{os.getpid()}"
        self._config = config

    @made_once
    def _connection(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        connection = duckdb.connect()
        config = self._config
        readable = [config.data_dir / "results", config.data_dir / "cache"]
        for statement in (
            "SET TimeZone = 'UTC'",
            "SET parquet_metadata_cache = true",
            "SET python_enable_replacements = false",
            f"SET memory_limit = '{config.query_memory_bytes // 1024}KiB'",
            f"SET temp_directory = {_quoted(self._spill)}",
            f"SET allowed_directories = [{', '.join(map(_quoted, readable))}]",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            connection.execute(statement)
        return connection

    def close(self) -> None:
        """Close it."""
        if "_connection" in self.__dict__:
            self._connection.close()
        with contextlib.suppress(OSError):
            self._spill.rmdir()

    def fetch(self, statement: Statement) -> list[tuple[Any, ...]]:
        """Return all rows.

        Raises:
            InvalidOptionsError: a value does not fit its column.
            StorageError: a file could not be read.
        """
        with translated(), self._connection.cursor() as cursor:
            return cursor.execute(statement.text, _bound(statement)).fetchall()

    @contextlib.contextmanager
    def reader(self, statement: Statement) -> Iterator[pa.RecordBatchReader]:
        """Yield a reader of all rows; memory is bounded.

        Raises:
            InvalidOptionsError, StorageError: as `fetch`.
        """
        with translated(), self._connection.cursor() as cursor:
            # A relation streams; `execute` would hold the whole answer in memory first.
            relation = cursor.sql(statement.text, params=_bound(statement))
            yield relation.to_arrow_reader(_EXPORT_ROWS)

    def write(self, statement: Statement, path: Path) -> None:
        """Write all rows into a Parquet file, in their order.

        Raises:
            LimitExceededError: it needs more memory than it may take, and more disk than there is.
            StorageError: a file could not be read or written.
        """
        options = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 16384, USE_TMP_FILE false"
        with translated(), self._connection.cursor() as cursor:
            cursor.execute(f"COPY ({statement.text}) TO {_quoted(path)} ({options})", _bound(statement))


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn DuckDB's errors into ours."""
    import duckdb

    try:
        yield
    except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException) as error:
        raise errors.InvalidOptionsError(
            f"the value of a filter is invalid for its column: {_first_line(error)}", field="filter"
        ) from None
    except duckdb.IOException as error:
        raise errors.StorageError(f"cannot read a result file: {_first_line(error)}") from error
    except duckdb.OutOfMemoryException as error:
        raise errors.LimitExceededError(
            f"the query needs more memory than allowed: {_first_line(error)}",
            remedy="Add filters, or raise PRAVAH_QUERY_MEMORY_BYTES.",
        ) from error


def _bound(statement: Statement) -> list[Any] | dict[str, Any]:
    return statement.values if isinstance(statement.values, dict) else list(statement.values)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _quoted(path: Path) -> str:
    return "'" + os.fspath(path).replace("'", "''") + "'"
