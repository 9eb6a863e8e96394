"""Statements on notifications. Takes a session; never commits. They are written with the end of their job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from psycopg.types.json import Jsonb

from services.db.database import Session
from services.db.rows import JobRow, NotificationRow, columns
from services.models.schedules import Occasion

_COLUMNS = columns(NotificationRow)


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
    if job.schedule_id is None:
        return
    schedule = session.row("SELECT notify_on, webhook_url, email FROM schedules WHERE id = %(id)s", id=job.schedule_id)
    if schedule is None or occasion not in schedule.notify_on:
        return
    for channel, target in {Channel.WEBHOOK: schedule.webhook_url, Channel.EMAIL: schedule.email}.items():
        if target:
            session.execute(
                """INSERT INTO notifications (job_id, channel, target, findings, state, attempts, next_attempt_at)
                VALUES (%(job_id)s, %(channel)s, %(target)s, %(findings)s, 'PENDING', 0, clock_timestamp())
                ON CONFLICT DO NOTHING""",
                job_id=job.id,
                channel=channel,
                target=target,
                findings=Jsonb(list(findings)),
            )


def claim(session: Session, now: datetime, seconds: float) -> NotificationRow | None:
    """Take the notification that waits longest; nobody else takes it for some seconds.

    It is taken and not locked: no transaction stays open while another machine answers.
    """
    return session.first(
        NotificationRow,
        f"""UPDATE notifications SET attempts = attempts + 1, next_attempt_at = %(until)s
        WHERE id = (
            SELECT id FROM notifications WHERE state = 'PENDING' AND next_attempt_at <= %(now)s
            ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
        ) RETURNING {_COLUMNS}""",
        now=now,
        until=now + timedelta(seconds=seconds),
    )


def held(session: Session, notification_id: int, attempt: int) -> NotificationRow | None:
    """Lock and return a notification; ``None`` when it is gone, or another process tries by now."""
    return session.first(
        NotificationRow,
        f"SELECT {_COLUMNS} FROM notifications WHERE id = %(id)s AND attempts = %(attempt)s FOR UPDATE",
        id=notification_id,
        attempt=attempt,
    )


def end(session: Session, notification_id: int, state: State, next_attempt_at: datetime) -> None:
    """Write how a try ended.

    Args:
        next_attempt_at: of one that is PENDING again.
    """
    session.execute(
        "UPDATE notifications SET state = %(state)s, next_attempt_at = %(at)s WHERE id = %(id)s",
        id=notification_id,
        state=state,
        at=next_attempt_at,
    )


def give_back(session: Session, notification_id: int, next_attempt_at: datetime) -> None:
    """Let another process make a try that was broken off; it does not count."""
    session.execute(
        "UPDATE notifications SET attempts = attempts - 1, next_attempt_at = %(at)s WHERE id = %(id)s",
        id=notification_id,
        at=next_attempt_at,
    )


def next_attempt_at(session: Session) -> datetime | None:
    """Return when the next notification waits to be sent."""
    at: datetime | None = session.scalar("SELECT min(next_attempt_at) FROM notifications WHERE state = 'PENDING'")
    return at
