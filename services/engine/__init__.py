"""The only importer of ``pravah_core``: starts jobs, translates errors."""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from services.base import errors, paths
from services.models.jobs import IssueView, Progress

if TYPE_CHECKING:
    import pravah_core

log = logging.getLogger(__name__)

Keys = Callable[[], bytes | None]
"""Gives the credentials of the moment for a source that asks who reads it."""


def _core() -> ModuleType:
    # Imported at the first call: declarations, docs and the API's schema need no native module.
    return importlib.import_module("pravah_core")


def version() -> str:
    """Return the engine's version."""
    return str(_core().engine_version())


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _core().EngineError as error:
        raise errors.of_code(error.code, str(error)) from error


class Handle:
    """A running job of the engine; see ``pravah_core/_native.pyi``."""

    def __init__(self, handle: pravah_core.JobHandle, keys: Keys | None = None, known: bytes | None = None) -> None:
        """Wrap a handle of the engine, that began with `known` credentials of `keys`."""
        self._handle = handle
        self._keys = keys
        self._known = known

    def renew(self) -> None:
        """Hand on credentials that were renewed since; where that fails the old ones may do for a while."""
        if self._keys is None or self._known is None:
            return
        try:
            now = self._keys()
        except errors.StorageError as error:
            log.warning("credentials are not renewed: %s", error)
            return
        if now is not None and now != self._known:
            self._handle.renew(now)
            self._known = now

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

    def issues(self, after: int, limit: int) -> list[IssueView]:
        """Return up to `limit` issues with index > `after`, oldest first."""
        return [
            IssueView(
                index=issue.index,
                stage=issue.stage,
                path=paths.escape(bytes(issue.path)) or ".",
                kind=issue.kind,
                message=issue.message.replace("\0", "\\0"),
            )
            for issue in self._handle.issues(after, limit)
        ]

    def shards(self, after: int) -> list[dict[str, object]]:
        """Return the shards that became final, with index > `after`, as columns of the shards table."""
        return [
            {
                "path": shard.path,
                "operation": shard.operation,
                "table_name": shard.table,
                "rows": shard.rows,
                "size_bytes": shard.size_bytes,
            }
            for shard in self._handle.shards(after)
        ]

    def result(self) -> bytes:
        """Wait for the end and return the outcome as JSON.

        Raises:
            PravahError: what ended the job, by the error table.
        """
        with _translated():
            return self._handle.result()


def start(spec_json: bytes, keys: Keys | None = None) -> Handle:
    """Start a job.

    Raises:
        PravahError: the specification or the source is not acceptable.
    """
    known = keys() if keys is not None else None
    with _translated():
        return Handle(_core().start(spec_json, known), keys, known)


def plan(
    spec_json: bytes, folder: Path, least_files: int, least_bytes: int, workers: int, keys: Keys | None = None
) -> Handle:
    """Start to cut a job into splits; see ``pravah_core/_native.pyi``.

    Raises:
        PravahError: the specification or the source is not acceptable.
    """
    known = keys() if keys is not None else None
    with _translated():
        return Handle(_core().plan(spec_json, folder, least_files, least_bytes, workers, known), keys, known)


def check(spec_json: bytes) -> None:
    """Look for what the engine would refuse in options and rules; nothing is opened.

    Raises:
        InvalidOptionsError: naming it.
    """
    with _translated():
        _core().check(spec_json)


def preview(spec_json: bytes, limit_files: int, limit_seconds: float, keys: bytes | None = None) -> bytes:
    """Count what a job would touch; see ``pravah_core/_native.pyi``.

    Raises:
        PravahError: the specification or the source is not acceptable.
    """
    with _translated():
        return bytes(_core().preview(spec_json, limit_files, limit_seconds, keys))


def preview_records(spec_json: bytes, path: bytes, keys: bytes | None = None) -> bytes:
    """Read the beginning of one file of records; see ``pravah_core/_native.pyi``.

    Raises:
        PravahError: the specification, the source or the file is not acceptable.
    """
    with _translated():
        return bytes(_core().preview_records(spec_json, path, keys))
