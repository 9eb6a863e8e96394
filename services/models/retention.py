"""Sweeps: frozen models of what they deleted and why."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.models.jobs import Model


class Reason(StrEnum):
    """Which limit a job is beyond."""

    AGE = "age"
    """PRAVAH_KEEP_DAYS."""
    NUMBER = "number"
    """PRAVAH_KEEP_JOBS."""
    BYTES = "bytes"
    """PRAVAH_KEEP_BYTES."""


class OrphanKind(StrEnum):
    """Where files lie that belong to no job."""

    DELETED = "deleted"
    """Of a deleted job: they could not be removed with it."""
    STORED = "stored"
    """In the storage."""
    WORK = "work"
    """In the work folder: a killed worker's."""
    CACHE = "cache"
    """A local copy, or what a killed process's sorting left."""


class SweptJob(Model):
    """A job that is deleted, or would be.

    Attributes:
        label: its name and source.
        size_bytes: of its stored files.
    """

    id: UUID
    operations: tuple[str, ...]
    label: str
    finished_at: datetime
    size_bytes: int
    reason: Reason


class Orphan(Model):
    """Files that belong to no job.

    Attributes:
        name: where they are, within the storage or the data directory.
    """

    kind: OrphanKind
    name: str
    size_bytes: int


class Trouble(Model):
    """What could not be looked at or removed; the next sweep tries again."""

    name: str
    message: str


class Held(Model):
    """The finished jobs there are.

    Attributes:
        pinned: of them, those that are pinned.
        size_bytes: of their stored files.
    """

    jobs: int
    pinned: int
    size_bytes: int


class Sweep(Model):
    """What a sweep did, or with `dry_run` would do.

    Attributes:
        freed_bytes: by jobs and orphans together.
        foreign: why files in the storage that belong to no job are left alone; null when they are not.
        held: afterwards, or with `dry_run` now.
    """

    at: datetime
    dry_run: bool
    jobs: list[SweptJob]
    orphans: list[Orphan]
    troubles: list[Trouble]
    freed_bytes: int
    foreign: str | None
    held: Held


class LastSweep(Model):
    """What the last sweep of any process did."""

    at: datetime
    jobs: int
    orphans: int
    troubles: int
    freed_bytes: int
