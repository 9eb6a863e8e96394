"""The whole contract between Python and the engine.

One job is one `start`: JSON in, a folder of Parquet out, progress pulled in between. Rows never cross
this boundary as objects; the engine writes files and Python opens what it shows. Formats of the job
specification, of the folder and of the outcome stand in ``docs/architecture.md``.
"""

from pathlib import Path
from typing import final

__all__ = [
    "CancelledError",
    "EngineError",
    "InternalError",
    "InvalidOptionsError",
    "Issue",
    "JobHandle",
    "LimitExceededError",
    "OutputError",
    "Progress",
    "Shard",
    "SourceForbiddenError",
    "SourceNotFoundError",
    "SourceUnavailableError",
    "check",
    "engine_version",
    "plan",
    "preview",
    "preview_records",
    "start",
]

def engine_version() -> str:
    """Return the engine's version, e.g. ``"0.1.0"``."""

def check(spec_json: bytes) -> None:
    """Validate a job specification without opening its source or output.

    Raises:
        InvalidOptionsError: the JSON, an option or a rule is not acceptable.
    """

def start(spec_json: bytes, credentials: bytes | None = None) -> JobHandle:
    """Validate a job specification, start the job on its own threads and return at once.

    Args:
        spec_json: a JobSpec as UTF-8 JSON.
        credentials: of a source in a bucket: UTF-8 JSON ``{"key_id", "secret_key", "token"}``; without them requests
            are not signed.

    Raises:
        InvalidOptionsError: the JSON, an option or a rule is not acceptable; nothing was started.
        SourceNotFoundError: the source does not exist or is not a directory.
        SourceForbiddenError: the source cannot be opened.
        OutputError: the output directory cannot be created.
    """

def plan(
    spec_json: bytes,
    folder: Path,
    least_files: int,
    least_bytes: int,
    workers: int,
    credentials: bytes | None = None,
) -> JobHandle:
    """Walk without reading any file and cut the job into splits, for so many workers; return at once.

    What the baselines know of all operations is in no split. The first splits are the largest, an eighth of the job for
    each worker; the last ones have about `least_files` files or `least_bytes` bytes. Each is a list in `folder`, to be
    named as ``files`` in a job specification; the handle's result is UTF-8 JSON
    ``{"splits": [{"list": name, "files": int, "bytes": int}, …]}``.

    Raises:
        InvalidOptionsError, SourceNotFoundError, SourceForbiddenError, SourceUnavailableError: as `start`.
    """

def preview(spec_json: bytes, limit_files: int, limit_seconds: float, credentials: bytes | None = None) -> bytes:
    """Walk without reading any file and count what a job would touch.

    Returns:
        UTF-8 JSON ``{"files", "bytes", "directories", "first_names": [str, …] (at most 20), "first_tables": those of
        files that an operation reads as tables (at most 20), "complete": bool}``; ``files`` and ``bytes`` are of
        regular files; ``complete`` is false when a limit ended the walk first. The GIL is released.
    """

def preview_records(spec_json: bytes, path: bytes, credentials: bytes | None = None) -> bytes:
    """Read the beginning of one file of records, as the job's first operation that reads such files would read it.

    At most the first MiB is read, and of a table (Parquet, Arrow) its first rows.

    Args:
        path: relative to the source.

    Returns:
        UTF-8 JSON ``{"path", "is_whole": bool, "notes": [str, …], "table": null or {"format", "packed", "encoding",
        "delimiter", "quote", "confidence": 0 to 1, "reason", "has_header", "header_reason", "header_lines": int,
        "names", "columns": int, "lines", "records": [{"values": [str, …], "fields": int or null}, …]}}``; at most 20
        lines and records, 200 columns, and 500 characters of each text. A record with another number of fields than
        the table has columns is one value, its text, with that number in ``fields``. The GIL is released.
    """

@final
class JobHandle:
    """A running or finished job. Dropping it cancels the job and joins its threads."""

    def wait(self, seconds: float) -> bool:
        """Block for at most `seconds` with the GIL released; return True when the job has finished."""

    def progress(self) -> Progress:
        """Return a snapshot of the counters. Costs well under a microsecond; callable from any thread."""

    def issues(self, after: int, limit: int = 1000) -> list[Issue]:
        """Return up to `limit` issues with index > `after` (0 = from the first), oldest first.

        The engine keeps the first 10,000 in memory for this call; ``issues.parquet`` has all of them.
        """

    def shards(self, after: int) -> list[Shard]:
        """Return the shards that became final, with index > `after`, oldest first."""

    def renew(self, credentials: bytes) -> None:
        """Make further requests with these credentials; nothing of a job that began without.

        Raises:
            InvalidOptionsError: they are none.
        """

    def cancel(self) -> None:
        """Ask the job to stop; idempotent; `wait` answers True within 200 ms."""

    def result(self) -> bytes:
        """Wait for the end and return the outcome (``outcome.json``) as bytes.

        Raises:
            CancelledError: the job was cancelled.
            EngineError: the error that ended the job, as one of its subclasses.
        """

@final
class Progress:
    """A frozen snapshot. ``None`` means "not known yet", never 0."""

    stage: str
    stage_index: int
    stage_count: int
    files_done: int
    files_total: int | None
    bytes_done: int
    bytes_total: int | None
    issues: int
    bytes_per_second: float | None
    elapsed_seconds: float

@final
class Issue:
    """Trouble with one file; counted and listed, never fatal."""

    index: int
    stage: str
    path: bytes
    kind: str
    message: str

@final
class Shard:
    """A part of a result table that is final on disk."""

    index: int
    operation: str
    table: str
    path: str
    rows: int
    size_bytes: int

class EngineError(Exception):
    """Base of what ends a job. ``code`` is the error table's code."""

    code: str

class InvalidOptionsError(EngineError, ValueError): ...
class SourceNotFoundError(EngineError, FileNotFoundError): ...
class SourceForbiddenError(EngineError, PermissionError): ...
class SourceUnavailableError(EngineError, ConnectionError): ...
class LimitExceededError(EngineError): ...
class OutputError(EngineError, OSError): ...
class CancelledError(EngineError): ...
class InternalError(EngineError, RuntimeError): ...
