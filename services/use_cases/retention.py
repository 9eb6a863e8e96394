"""The sweep: deletes jobs beyond the limits and files that belong to no job."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from services.base import errors, settings
from services.db import job_rows, retention_rows
from services.db.database import Database
from services.models.retention import Held, LastSweep, Orphan, OrphanKind, Sweep, SweptJob, Trouble
from services.models.retention_rules import Limits
from services.storage import Entry, Storage
from services.use_cases import job_files, orphans
from services.use_cases.owner import Owner

log = logging.getLogger(__name__)

_BATCH = 500
"""Jobs deleted in one transaction; others see them go in such steps."""


@dataclass
class _Found:
    """What a sweep has done so far."""

    jobs: list[SweptJob] = field(default_factory=list)
    orphans: list[Orphan] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    freed_bytes: int = 0
    foreign: str | None = None


class RetentionService:
    """Deletes expired jobs and orphaned files."""

    def __init__(self, database: Database, storage: Storage, config: settings.Settings) -> None:
        """Keep the parts; nothing is looked at."""
        self._database = database
        self._storage = storage
        self._config = config
        self._owner = Owner(database, storage)
        self._limits = Limits(config.keep_days, config.keep_jobs, config.keep_bytes)

    def held(self) -> Held:
        """Return how much the finished jobs hold."""
        with self._database.transaction() as session:
            return retention_rows.held(session)

    def last(self) -> LastSweep | None:
        """Return what the last sweep of any process did; ``None`` before the first."""
        with self._database.transaction() as session:
            return retention_rows.last_sweep(session)

    def sweep(self, *, dry_run: bool = False, stopping: threading.Event | None = None) -> Sweep:
        """Delete finished jobs beyond a limit, the oldest first, and files that belong to no job.

        Any number of processes may do it at once. What cannot be removed is told, and left to the next sweep.

        Args:
            dry_run: delete nothing, only tell what would go.
            stopping: once it is set, the sweep ends early.

        Raises:
            DatabaseError: the database does not answer; what was deleted stays deleted.
            CancelledError: `stopping` was set.

        Cost: one look at each job's row and at each file of the storage, the work folder and the cache.
        """

        def check() -> None:
            if stopping is not None and stopping.is_set():
                raise errors.CancelledError("the sweep was stopped")

        found = _Found()
        if dry_run:
            self._foresee(found)
        else:
            with contextlib.suppress(errors.StorageError):  # told below
                # Before the first deletion: whose results these are, the jobs that there still are say.
                self._owner.mark()
            self._delete_jobs(found, check)
            self._remove_deleted(found, check)
        self._sweep_orphans(found, check, dry_run=dry_run)
        return self._ended(found, dry_run=dry_run)

    def _foresee(self, found: _Found) -> None:
        with self._database.transaction() as session:
            found.jobs = retention_rows.beyond(session, self._limits)
            pending = retention_rows.pending(session)
        found.orphans = [_of_deleted(str(job_id), size) for job_id, size in pending.items()]
        found.freed_bytes = sum(job.size_bytes for job in found.jobs) + sum(pending.values())

    def _delete_jobs(self, found: _Found, check: Callable[[], None]) -> None:
        passed: set[UUID] = set()
        while not self._limits.are_none:
            check()
            with self._database.transaction() as session:
                tried, gone = retention_rows.delete_beyond(session, self._limits, passed, _BATCH)
            passed |= tried
            found.jobs += gone
            if not tried:
                return

    def _remove_deleted(self, found: _Found, check: Callable[[], None]) -> None:
        """Remove the files of jobs just deleted, and those that an earlier deletion left."""
        with self._database.transaction() as session:
            pending = retention_rows.pending(session)
        own = {job.id for job in found.jobs}
        for job_id, size_bytes in pending.items():
            check()
            try:
                job_files.remove(self._database, self._storage, self._config, job_id)
            except errors.StorageError as error:
                found.troubles.append(Trouble(name=f"jobs/{job_id}/", message=error.message))
                continue
            found.freed_bytes += size_bytes
            if job_id not in own:
                found.orphans.append(_of_deleted(str(job_id), size_bytes))

    def _sweep_orphans(self, found: _Found, check: Callable[[], None], *, dry_run: bool) -> None:
        grace = max(self._config.orphan_grace_seconds, self._config.lease_seconds)
        before = time.time() - grace
        folders = orphans.local(self._config)
        files = self._stored(found, dry_run=dry_run)
        with self._database.transaction() as session:
            known = retention_rows.known(session)
            pending = retention_rows.pending(session)
        there = list(orphans.local_orphans(self._config, folders, known, before))
        of_others = {at: entries for at, entries in files.items() if at.job_id not in pending}
        stored = list(orphans.stored_orphans(self._storage, of_others, known, before))
        if not found.foreign:
            there += stored
        elif not stored:
            found.foreign = None  # there is nothing that it could be about
        for one in there:
            check()
            if not dry_run and not self._remove(one, found):
                continue
            found.orphans.append(one.orphan)
            found.freed_bytes += one.orphan.size_bytes

    def _stored(self, found: _Found, *, dry_run: bool) -> dict[orphans.Place, list[Entry]]:
        try:
            if not dry_run:
                self._owner.mark()
            others = self._owner.others()
            if others:
                found.foreign = (
                    "orphaned files in the storage are not deleted, because another database stores results there, "
                    f"too ({', '.join(others)}). Delete its mark when that database no longer exists."
                )
            return orphans.stored(self._storage)
        except errors.StorageError as error:
            found.troubles.append(Trouble(name="jobs/", message=error.message))
            return {}

    def _remove(self, one: orphans.Found, found: _Found) -> bool:
        try:
            one.remove()
        except (errors.StorageError, OSError) as error:
            message = error.message if isinstance(error, errors.PravahError) else str(error)
            found.troubles.append(Trouble(name=one.orphan.name, message=message))
            return False
        return True

    def _ended(self, found: _Found, *, dry_run: bool) -> Sweep:
        with self._database.transaction() as session:
            at = job_rows.now(session)
            if not dry_run:
                counts = (len(found.jobs), len(found.orphans), len(found.troubles))
                names = ("jobs", "orphans", "troubles")
                last = LastSweep(at=at, freed_bytes=found.freed_bytes, **dict(zip(names, counts, strict=True)))
                retention_rows.note_sweep(session, last)
            held = retention_rows.held(session)
        for trouble in found.troubles:
            log.warning("%s is left to the next sweep: %s", trouble.name, trouble.message)
        return Sweep(
            at=at,
            dry_run=dry_run,
            jobs=found.jobs,
            orphans=found.orphans,
            troubles=found.troubles,
            freed_bytes=found.freed_bytes,
            foreign=found.foreign,
            held=held,
        )


def _of_deleted(job_id: str, size_bytes: int) -> Orphan:
    return Orphan(kind=OrphanKind.DELETED, name=f"jobs/{job_id}/", size_bytes=size_bytes)
