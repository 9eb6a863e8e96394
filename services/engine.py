"""The only importer of ``pravah_core``: starts jobs, translates errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from services import errors, paths
from services.jobs.models import IssueView, Progress

if TYPE_CHECKING:
    import pravah_core


def version() -> str:
    """Return the engine's version."""
    import pravah_core

    return pravah_core.engine_version()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    # Imported at the call: declarations, docs and the API's schema need no native module.
    import pravah_core

    try:
        yield
    except pravah_core.EngineError as error:
        raise errors.of_code(error.code, str(error)) from error


class Handle:
    """A running job of the engine; see ``pravah_core/_native.pyi``."""

    def __init__(self, handle: pravah_core.JobHandle) -> None:
        """Wrap a handle of the engine."""
        self._handle = handle
        self._issues_seen = 0
        self._shards_seen = 0

    def wait(self, seconds: float) -> bool:
        """Wait for at most `seconds`; return True when the job has finished."""
        return self._handle.wait(seconds)

    def cancel(self) -> None:
        """Ask the job to stop."""
        self._handle.cancel()

    def progress(self) -> Progress:
        """Return a snapshot."""
        snapshot = self._handle.progress()
        return Progress(**{name: getattr(snapshot, name) for name in Progress.model_fields})

    def new_issues(self, limit: int) -> list[IssueView]:
        """Return up to `limit` issues that were not returned before."""
        found = self._handle.issues(self._issues_seen, limit)
        self._issues_seen += len(found)
        return [
            IssueView(
                index=issue.index,
                stage=issue.stage,
                path=paths.escape(bytes(issue.path)) or ".",
                kind=issue.kind,
                message=issue.message.replace("\0", "\\0"),
            )
            for issue in found
        ]

    def new_shards(self) -> list[dict[str, object]]:
        """Return the shards that became final since the last call, as columns of the shards table."""
        found = self._handle.shards(self._shards_seen)
        self._shards_seen += len(found)
        return [{"path": s.path, "table_name": s.table, "rows": s.rows, "size_bytes": s.size_bytes} for s in found]

    def result(self) -> bytes:
        """Wait for the end and return the outcome as JSON.

        Raises:
            PravahError: what ended the job, by the error table.
        """
        with _translated():
            return self._handle.result()


def start(spec_json: bytes) -> Handle:
    """Start a job.

    Raises:
        PravahError: the specification or the source is not acceptable.
    """
    import pravah_core

    with _translated():
        return Handle(pravah_core.start(spec_json))


def preview(spec_json: bytes, limit_files: int, limit_seconds: float) -> bytes:
    """Count what a job would touch; see ``pravah_core/_native.pyi``.

    Raises:
        PravahError: the specification or the source is not acceptable.
    """
    import pravah_core

    with _translated():
        return pravah_core.preview(spec_json, limit_files, limit_seconds)
