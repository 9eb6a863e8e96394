"""Schedules: frozen models of requests and views."""

from __future__ import annotations

import urllib.parse
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from services.models.jobs import JobRequest, Model, Status
from services.operations import Text

LONGEST_NAME = 100
LONGEST_RULE = 200


class Occasion(StrEnum):
    """What somebody wants to be told of."""

    FAILURE = "failure"
    """The job failed."""
    FINDING = "finding"
    """The job found something: a verdict that is not good, a schema that has drifted."""


class ScheduleRequest(Model):
    """What a user asks for.

    Attributes:
        job: as a preset keeps it; its idempotency key is left aside.
        when: ``every 6h``, or five fields of cron.
        zone: of a cron expression; a name of the IANA database.
        notify_on: what `webhook_url` and `email` are told of.
        webhook_url: below one of the allowed ones; empty = none.
        email: one address; empty = none.
    """

    name: Text = Field(min_length=1, max_length=LONGEST_NAME)
    job: JobRequest
    when: Text = Field(max_length=LONGEST_RULE)
    zone: Text = Field(default="UTC", max_length=100)
    enabled: bool = True
    notify_on: tuple[Occasion, ...] = tuple(Occasion)
    webhook_url: Text = Field(default="", max_length=2_048)
    email: Text = Field(default="", max_length=320)


class ScheduleChange(Model):
    """What of a schedule shall be another; ``None`` leaves it as it is, an empty address removes it."""

    name: Text | None = Field(default=None, min_length=1, max_length=LONGEST_NAME)
    job: JobRequest | None = None
    when: Text | None = Field(default=None, max_length=LONGEST_RULE)
    zone: Text | None = Field(default=None, max_length=100)
    enabled: bool | None = None
    notify_on: tuple[Occasion, ...] | None = None
    webhook_url: Text | None = Field(default=None, max_length=2_048)
    email: Text | None = Field(default=None, max_length=320)


class LastRun(Model):
    """The newest job that a schedule has started.

    Attributes:
        findings: in words; empty for a job that is good, or has not ended.
    """

    job_id: UUID
    status: Status
    issues_count: int
    findings: list[str]
    created_at: datetime
    finished_at: datetime | None


class ScheduleView(Model):
    """A schedule as everybody sees it.

    Attributes:
        job: ``None`` when an earlier version kept it in a form that this one does not understand.
        words: `when` as a person says it.
        next_run_at: ``None`` while it is paused.
        note: why the last due time started no job, at `noted_at`.
        webhook: its address as far as it is no secret: scheme and host.
    """

    id: UUID
    name: str
    job: JobRequest | None
    when: str
    zone: str
    words: str
    enabled: bool
    notify_on: tuple[Occasion, ...]
    webhook: str | None
    email: str | None
    next_run_at: datetime | None
    note: str | None
    noted_at: datetime | None
    created_at: datetime
    last_run: LastRun | None


def webhook_origin(url: str) -> str:
    """Return scheme and host of an address: its path may be a secret by itself."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
