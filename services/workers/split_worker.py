"""The part of a worker that runs splits, one after the other, of its own job and of others, until none is left."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from services import engine, operations
from services.base import disk, errors, private, settings
from services.db import splits
from services.db.database import Database, Session
from services.db.job_rows import Hold
from services.db.splits import SplitClaim
from services.engine import spec
from services.models import versions
from services.models.jobs import Progress
from services.storage import Storage
from services.workers import watching
from services.workers.inputs import Inputs
from services.workers.lease import Lease

log = logging.getLogger(__name__)

T = TypeVar("T")

_AHEAD_SECONDS = 0.15
"""How long before the split that is read comes to its end the next one is claimed; a claim takes a tenth of that."""


_TRIES = 20
"""How often a folder is created again."""


class SplitLease(Lease):
    """A worker's hold on a split."""

    ask_seconds = watching.SPLIT_SECONDS

    def __init__(self, database: Database, claim: SplitClaim, config: settings.Settings, stop: threading.Event) -> None:
        """Keep what a heartbeat needs."""
        super().__init__(database, claim.job_id, claim.token, config, stop)
        self._claim = claim

    def _ask(self, session: Session, *, beat: bool) -> Hold:
        if beat:
            held = splits.extend(session, self._claim, self._config.lease_seconds)
            return splits.look(session, self._claim) if held else Hold.LOST
        return splits.look(session, self._claim)


class _End(Enum):
    """Why a split was not done."""

    STOPPED = "stopped"
    """Somebody asked for it, or it is another worker's by now."""
    FAILED = "failed"


def _tried(claim: SplitClaim, work: Callable[[], T]) -> T | _End:
    """Return what `work` gives, or how it ended; only a database that stays away is raised."""
    try:
        return work()
    except errors.CancelledError:
        return _End.STOPPED
    except errors.DatabaseError:
        raise
    except errors.PravahError as error:
        log.warning("%s failed: %s", claim.label, error)
    except Exception:  # of whatever kind: the job itself tells what is wrong with these files
        log.exception("%s failed", claim.label)
    return _End.FAILED


def _is_nearly_read(progress: Progress) -> bool:
    if progress.bytes_total is None or not progress.bytes_per_second:
        return False
    return (progress.bytes_total - progress.bytes_done) / progress.bytes_per_second < _AHEAD_SECONDS


def _is_read(progress: Progress) -> bool:
    """Return whether an engine is at its last stage, in which it writes."""
    return progress.stage_index == progress.stage_count - 1


def _make(work: Path) -> None:
    for left in range(_TRIES, -1, -1):
        try:
            return private.make_directory(work)
        except FileNotFoundError:
            # The job's folder was empty, and another thread removed it at this moment.
            if not left:
                raise
    return None


def _remove(work: Path) -> None:
    """Remove the folder of a split, and that of its job when nothing else is in it.

    A job that ends has its folder removed by its own worker; an engine that is still being stopped may create it again.
    """
    shutil.rmtree(work, ignore_errors=True)
    with contextlib.suppress(OSError):
        work.parent.rmdir()


class SplitWorker:
    """Runs splits; several threads may call it at once."""

    def __init__(
        self,
        database: Database,
        inputs: Inputs,
        storage: Storage,
        config: settings.Settings,
        stop: threading.Event,
    ) -> None:
        """Keep the parts.

        Args:
            stop: once it is set, what is held is given back.

        Attributes:
            moved: set whenever a split was done.
        """
        self.moved = threading.Event()
        self._database = database
        self._inputs = inputs
        self._storage = storage
        self._config = config
        self._stop = stop
        self._strange: set[UUID] = set()
        # One is read while others are written and stored: two at once would take as many threads again.
        self._next_reader = threading.Lock()
        self._reader: engine.Handle | None = None

    def is_wanted(self, job_id: UUID | None = None) -> bool:
        """Return whether there is a split that nobody has, of one job or of any.

        Raises:
            DatabaseError: the server does not answer.
        """
        with self._database.transaction() as session:
            return splits.is_any_free(session, job_id, self._strange)

    def work(self, job_id: UUID | None = None) -> int:
        """Run splits, of one job or of any, until none is left; return how many were done."""
        done = 0
        while not self._stop.is_set():
            try:
                ended = self._next(job_id)
            except errors.DatabaseError as error:
                log.warning("a split lost the database and will be taken up again: %s", error)
                return done
            if ended is None:
                return done
            done += ended
            self.moved.set()
        return done

    def _next(self, job_id: UUID | None) -> bool | None:
        """Claim a split and run it; return whether it was done, ``None`` when there is none."""
        with contextlib.ExitStack() as stack:
            with self._next_reader:
                # Claimed only when it can begin: who holds more than that keeps others waiting at the end.
                self._wait_for_reader(_is_nearly_read, _AHEAD_SECONDS / 3)
                claim = self._claim(job_id)
                if claim is None:
                    return None
                work = self._config.work_dir / str(claim.job_id) / str(claim.token)
                stack.callback(_remove, work)
                lease = stack.enter_context(SplitLease(self._database, claim, self._config, self._stop))
                begun = _tried(claim, lambda: self._begin(claim, work, lease))
            made = begun if isinstance(begun, _End) else _tried(claim, lambda: self._shards(claim, begun, lease))
            if isinstance(made, list):
                names = made
                stored = _tried(claim, lambda: self._store(claim, work / "out", lease, names))
                if isinstance(stored, list) and lease.insist(lambda session: splits.finish(session, claim, stored)):
                    return True
                made = _End.STOPPED if isinstance(stored, list) else stored
            failed = made is _End.FAILED
            with contextlib.suppress(errors.StorageError):
                self._storage.delete(claim.prefix)
            lease.insist(lambda session: splits.give_back(session, claim, failed=failed))
            return False

    def _claim(self, job_id: UUID | None) -> SplitClaim | None:
        while True:
            try:
                with self._database.transaction() as session:
                    return splits.claim(session, self._config.lease_seconds, job_id, self._strange)
            except versions.StrangeJobError as error:
                # Its own worker understands it.
                self._strange.add(error.job_id)

    def _wait_for_reader(self, is_enough: Callable[[Progress], bool], look_seconds: float) -> None:
        """Wait until the split that is read has come so far."""
        reader = self._reader
        while reader is not None and not self._stop.is_set() and not reader.wait(look_seconds):
            if is_enough(reader.progress()):
                return

    def _begin(self, claim: SplitClaim, work: Path, lease: Lease) -> engine.Handle:
        """Start the engine over the split's files, once nothing else is read."""
        try:
            _make(work)
            listed = work / "files.list"
            with private.open_file(listed) as file:
                file.writelines(self._storage.open(claim.list_key))
        except OSError as error:
            if isinstance(error, errors.PravahError):
                raise
            raise errors.OutputError(f"cannot create the work folder: {error}") from error
        disk.check(self._config)
        ready = self._inputs.ready(claim.request, work)
        document = self._inputs.document(ready, work / "out", claim.origin, parts=spec.Parts(files=listed))
        self._wait_for_reader(_is_read, _AHEAD_SECONDS / 30)
        lease.check()
        handle = self._reader = engine.start(document, ready.keys)
        lease.when_over(handle.cancel)
        return handle

    def _shards(self, claim: SplitClaim, handle: engine.Handle, lease: Lease) -> list[str]:
        """Wait for the engine; return the names of the shards it made."""
        watching.outcome(handle, self._config, lease, lambda: self._report(claim, handle), watching.SPLIT_SECONDS)
        is_wanted = {(name, table) for name in claim.request.names for table in operations.get(name).baseline_tables}
        shards = [shard for shard in handle.shards(0) if (shard["operation"], shard["table_name"]) in is_wanted]
        return [str(shard["path"]) for shard in shards]

    def _report(self, claim: SplitClaim, handle: engine.Handle) -> None:
        progress = handle.progress()
        done = {"files_done": progress.files_done, "bytes_done": progress.bytes_done}
        try:
            with self._database.transaction() as session:
                splits.extend(session, claim, self._config.lease_seconds, **done)
        except errors.DatabaseError as error:
            log.warning("progress of %s is not written: %s", claim.label, error)

    def _store(self, claim: SplitClaim, folder: Path, lease: Lease, names: list[str]) -> list[str]:
        for name in names:
            lease.store(self._storage.put, claim.prefix + name, folder / name)
        return names
