"""Every query on notifications. Takes a session; never commits. They are written with the end of their job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.tables import JobRow, NotificationRow, ScheduleRow
from services.models.schedules import Occasion


class Channel(StrEnum):
    """The road a message takes."""

    WEBHOOK = "webhook"
    EMAIL = "email"


class State(StrEnum):
    """Where a notification is in its life."""

    PENDING = "PENDING"
    SENT = "SENT"
    GIVEN_UP = "GIVEN_UP"


def add_failure(session: Session, job: JobRow) -> None:
    """Have it told that a job failed, if a schedule started it that wants this."""
    _add(session, job, Occasion.FAILURE, [])


def add_findings(session: Session, job: JobRow, findings: Sequence[str]) -> None:
    """Have it told what a job found, if a schedule started it that wants this; no finding is nothing to tell."""
    if findings:
        _add(session, job, Occasion.FINDING, findings)


def _add(session: Session, job: JobRow, occasion: Occasion, findings: Sequence[str]) -> None:
    schedule = None if job.schedule_id is None else session.get(ScheduleRow, job.schedule_id)
    if schedule is None or occasion not in schedule.notify_on:
        return
    common = {"job_id": job.id, "findings": list(findings), "state": State.PENDING, "attempts": 0}
    targets = {Channel.WEBHOOK: schedule.webhook_url, Channel.EMAIL: schedule.email}
    for channel, target in targets.items():
        if target:
            row = insert(NotificationRow).values(
                **common, channel=channel, target=target, next_attempt_at=sa.func.clock_timestamp()
            )
            session.execute(row.on_conflict_do_nothing())


def claim(session: Session, now: datetime, seconds: float) -> NotificationRow | None:
    """Take the notification that waits longest; nobody else takes it for some seconds.

    It is taken and not locked: no transaction stays open while another machine answers.
    """
    query = (
        sa.select(NotificationRow)
        .where(NotificationRow.state == State.PENDING, NotificationRow.next_attempt_at <= now)
        .order_by(NotificationRow.next_attempt_at, NotificationRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.scalar(query)
    if row is not None:
        row.attempts += 1
        row.next_attempt_at = now + timedelta(seconds=seconds)
    return row


def next_attempt_at(session: Session) -> datetime | None:
    """Return when the next notification waits to be sent."""
    waiting = NotificationRow.state == State.PENDING
    return session.scalar(sa.select(sa.func.min(NotificationRow.next_attempt_at)).where(waiting))
