"""Sends notifications, each at least once; safe beside other processes on the same database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.base import errors, settings, units
from services.base.loops import Loop
from services.db import job_rows, job_views, outbox
from services.db.database import Database, Session
from services.db.outbox import Channel, State
from services.db.rows import NotificationRow
from services.models.jobs import JobView, Status
from services.notifications import calls, mails, message, webhooks
from services.use_cases.jobs import JobService

log = logging.getLogger(__name__)

WAITS_SECONDS = (10.0, 60.0, 300.0, 1_800.0)
"""Between one try and the next; after the last one it is given up."""
_CLAIM_SECONDS = 60.0
"""Longer than any try: whoever has not said by then how it went has died."""


@dataclass(frozen=True)
class Claim:
    """A notification that this process sends."""

    id: int
    channel: Channel
    target: str
    findings: tuple[str, ...]
    attempt: int
    view: JobView


class Messenger(Loop):
    """Sends until it is stopped."""

    def __init__(
        self,
        database: Database,
        jobs: JobService,
        config: settings.Settings,
        clock: Callable[[Session], datetime] = job_rows.now,
    ) -> None:
        """Keep the parts; `start` begins.

        Args:
            clock: what time it is; the database's by default.
        """
        super().__init__("pravah-messenger", jobs.ended)
        self._database = database
        self._config = config
        self._clock = clock
        self._over = threading.Event()

    def stop(self) -> None:
        """Stop; a try that is under way is broken off and made again by the next process."""
        self.stopping.set()
        self._over.set()
        super().stop()

    def look(self) -> float | None:
        """Send everything that is to be sent by now; return the seconds until the next try, if there is one."""
        while not self.stopping.is_set() and self._send_one():
            pass
        with self._database.transaction() as session:
            next_at = outbox.next_attempt_at(session)
            return None if next_at is None else (next_at - self._clock(session)).total_seconds()

    def _send_one(self) -> bool:
        with self._database.transaction() as session:
            row = outbox.claim(session, self._clock(session), _CLAIM_SECONDS)
            if row is None:
                return False
            view = job_views.to_view(job_rows.get_row(session, row.job_id))
            claim = Claim(row.id, Channel(row.channel), row.target, tuple(row.findings), row.attempts, view)
        try:
            self._end(claim, State.SENT, self._deliver(claim))
        except calls.NotSentError as error:
            self._not_sent(claim, str(error), is_final=error.is_final)
        except errors.InvalidOptionsError as error:
            # The settings are others than when the schedule was made.
            self._not_sent(claim, error.message, is_final=True)
        except errors.DatabaseError:
            raise
        except Exception:
            # Else it would be tried for ever.
            log.exception("notification %s could not be sent", claim.id)
            self._not_sent(claim, "unexpected error; see the log", is_final=False)
        return True

    def _deliver(self, claim: Claim) -> str:
        self._over = over = threading.Event()
        if self.stopping.is_set():
            over.set()
        delivery = f"{claim.view.id}-{claim.channel}"
        if claim.channel == Channel.WEBHOOK:
            webhooks.check(claim.target, self._config)
            assert self._config.webhook_secret is not None
            secret = self._config.webhook_secret.get_secret_value()
            return webhooks.send(claim.target, message.body(claim.view, claim.findings), secret, delivery, over)
        mails.check(claim.target, self._config)
        subject, text = message.subject(claim.view, claim.findings), message.text(claim.view, claim.findings)
        return mails.send(claim.target, subject, text, self._config, delivery, over)

    def _not_sent(self, claim: Claim, reason: str, *, is_final: bool) -> None:
        if self.stopping.is_set():
            self._give_back(claim)
            return
        log.warning("job %s: %s: %s", claim.view.id, claim.channel, reason)
        if is_final or claim.attempt > len(WAITS_SECONDS):
            tries = "" if claim.attempt == 1 else f" after {claim.attempt} tries"
            self._end(claim, State.GIVEN_UP, f"notification failed: {reason}; given up{tries}")
            return
        seconds = WAITS_SECONDS[claim.attempt - 1]
        words = f"notification failed: {reason}; retry in {units.format_duration(seconds)}"
        self._end(claim, State.PENDING, words, seconds)

    def _end(self, claim: Claim, state: State, words: str, again_seconds: float = 0) -> None:
        """Write how a try ended, also into the history of the job."""
        with self._database.transaction() as session:
            row = self._held(session, claim)
            if row is None:
                return
            outbox.end(session, row.id, state, self._clock(session) + timedelta(seconds=again_seconds))
            said = (
                f"{claim.channel}: {words}" if claim.channel == Channel.WEBHOOK else f"e-mail to {row.target}: {words}"
            )
            job_rows.add_event(session, row.job_id, Status(claim.view.status), said)

    def _give_back(self, claim: Claim) -> None:
        with self._database.transaction() as session:
            row = self._held(session, claim)
            if row is not None:
                outbox.give_back(session, row.id, self._clock(session))

    def _held(self, session: Session, claim: Claim) -> NotificationRow | None:
        """Lock and return the row of a try; ``None`` when its job is gone, or another process tries by now."""
        try:
            # The job first, as whoever deletes it does: the other way round the two would wait for each other.
            job_rows.get_row(session, claim.view.id, lock=True)
        except errors.JobNotFoundError:
            return None
        return outbox.held(session, claim.id, claim.attempt)
