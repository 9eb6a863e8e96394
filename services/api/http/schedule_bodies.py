"""Bodies of requests and responses of the routes on schedules."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from services.api.http.bodies import AskedBody, example
from services.models import jobs
from services.models.schedules import (
    LONGEST_NAME,
    LONGEST_RULE,
    Occasion,
    ScheduleChange,
    ScheduleRequest,
    ScheduleView,
)
from services.operations import OPERATIONS, Text

_WHEN = "An interval such as `every 6h` (m, h, d, w), or a cron expression: minute, hour, day, month, weekday."
_ZONE = "Time zone of the cron expression, a name from the IANA database."
_NOTIFY_ON = "Events to notify of. failure: the job failed. finding: verify or validate failed, or schemas differ."
_WEBHOOK = "URL for signed notifications; must match PRAVAH_ALLOWED_WEBHOOKS. Empty = none."
_EMAIL = "E-mail address for notifications, sent by PRAVAH_SMTP_URL. Empty = none."


class ScheduleBody(jobs.Model):
    """A job that starts by the clock."""

    name: Text = Field(min_length=1, max_length=LONGEST_NAME, description="Unique name of the schedule.")
    job: AskedBody
    when: Text = Field(max_length=LONGEST_RULE, description=_WHEN, examples=["30 2 * * MON-FRI"])
    zone: Text = Field(default="UTC", max_length=100, description=_ZONE, examples=["Europe/Berlin"])
    enabled: bool = Field(default=True, description="False creates the schedule paused.")
    notify_on: list[Occasion] = Field(default=list(Occasion), max_length=len(Occasion), description=_NOTIFY_ON)
    webhook_url: Text = Field(default="", max_length=2_048, description=_WEBHOOK)
    email: Text = Field(default="", max_length=320, description=_EMAIL)

    def request(self) -> ScheduleRequest:
        """Return the request as the services take it."""
        values = {name: getattr(self, name) for name in ScheduleRequest.model_fields}
        return ScheduleRequest.model_validate(values | {"job": self.job.asked()})


class ScheduleChangeBody(jobs.Model):
    """What shall be another; what is left out or null stays."""

    name: Text | None = Field(default=None, min_length=1, max_length=LONGEST_NAME, description="New name.")
    job: AskedBody | None = None
    when: Text | None = Field(default=None, max_length=LONGEST_RULE, description=_WHEN, examples=["every 6h"])
    zone: Text | None = Field(default=None, max_length=100, description=_ZONE)
    enabled: bool | None = Field(
        default=None, description="False pauses, true resumes. Runs missed during a pause are not made up for."
    )
    notify_on: list[Occasion] | None = Field(default=None, max_length=len(Occasion), description=_NOTIFY_ON)
    webhook_url: Text | None = Field(default=None, max_length=2_048, description=_WEBHOOK)
    email: Text | None = Field(default=None, max_length=320, description=_EMAIL)

    def change(self) -> ScheduleChange:
        """Return the change as the services take it."""
        values = {name: getattr(self, name) for name in ScheduleChange.model_fields}
        return ScheduleChange.model_validate(values | {"job": None if self.job is None else self.job.asked()})


class ScheduleList(jobs.Model):
    """All schedules, by name."""

    items: list[ScheduleView]


def _example(summary: str, **values: Any) -> dict[str, Any]:
    return {"summary": summary, "value": {"job": example(OPERATIONS[0]), **values}}


EXAMPLES = {
    "interval": _example("Every six hours", name="look around", when="every 6h"),
    "cron": _example("Every night on weekdays", name="nightly", when="30 2 * * MON-FRI", zone="Europe/Berlin"),
}
