"""A dialog that makes a schedule of a preset, or of what a job did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pydantic
import streamlit as st

from pages.base import text
from pages.components import failure, moments, notice
from services import bootstrap, operations
from services.base import errors
from services.models import schedule_times
from services.models.jobs import JobRequest
from services.models.schedules import LONGEST_NAME, LONGEST_RULE, Occasion, ScheduleRequest

_WHEN_HELP = "An interval such as `every 6h` (m, h, d, w), or a cron expression such as `30 2 * * MON-FRI`"
_OCCASIONS = {Occasion.FAILURE: "Failures", Occasion.FINDING: "Findings"}


@st.dialog("Schedule a job", icon=":material/more_time:", width="medium")
def ask(services: bootstrap.Services, job: JobRequest | None) -> None:
    """Ask for a schedule and make it.

    Args:
        job: what it starts; ``None`` lets one choose a preset.
    """
    name, request = _what(services, job)
    when, zone = _when()
    told = _told(services)
    if not st.button("Create", type="primary", icon=":material/check:", key="schedule_make", disabled=request is None):
        return
    try:
        values: dict[str, Any] = {"name": name, "job": request, "when": when, "zone": zone, **told}
        made = services.schedules.create(ScheduleRequest.model_validate(values))
    except pydantic.ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        failure.show(errors.InvalidOptionsError(f"{field} is missing or invalid", field=field))
        return
    except errors.PravahError as error:
        failure.show(error)
        return
    notice.later(f"{text.code(made.name, limit=60)} is scheduled: {text.plain(made.words)}.", ":material/schedule:")
    st.switch_page("pages/schedules.py", query_params={})


def _what(services: bootstrap.Services, job: JobRequest | None) -> tuple[str, JobRequest | None]:
    suggested = job.name if job is not None else None
    if job is None:
        saved = services.presets.list()
        chosen = st.selectbox("Preset", list(saved), key="schedule_preset")
        job, suggested = saved.get(chosen or ""), chosen
    if job is not None:
        st.caption(f"{text.plain(operations.titles(job.names))} of {text.code(job.source.label, limit=80)}")
    start = (suggested or (operations.titles(job.names) if job else ""))[:LONGEST_NAME]
    # A key of the suggestion: another preset brings its own name.
    name = st.text_input("Name", start, max_chars=LONGEST_NAME, key=f"schedule_name_{suggested}")
    return name, job


def _when() -> tuple[str, str]:
    rule, zone = st.columns([3, 2])
    when = rule.text_input("When", "every 6h", max_chars=LONGEST_RULE, key="schedule_when", help=_WHEN_HELP)
    zones = schedule_times.zones()
    own = st.context.timezone
    start = zones.index(own) if own in zones else 0
    place = zone.selectbox(
        "Time zone", zones, index=start, key="schedule_zone", help="Time zone of the cron expression."
    )
    try:
        first = schedule_times.next_after(when, place, datetime.now(UTC))
        words = text.html(schedule_times.words(when, place))
        st.html(f'<div class="pravah-line">{words} · first {moments.ahead_html(first)}</div>')
    except errors.InvalidOptionsError as error:
        st.markdown(f":red[{text.plain(error.message)}]")
        st.caption(text.plain(error.remedy.replace("`", "")))
    return when, place


def _told(services: bootstrap.Services) -> dict[str, Any]:
    config = services.settings
    with st.expander("Notifications", icon=":material/notifications:", key="schedule_tell"):
        occasions = st.pills(
            "Notify of",
            list(Occasion),
            selection_mode="multi",
            default=list(Occasion),
            format_func=lambda one: _OCCASIONS[one],
            key="schedule_on",
            help="A finding is a failed verify or validate, or schemas that differ.",
        )
        no_hook = config.webhook_secret is None or not config.allowed_webhooks
        webhook = st.text_input("Webhook", key="schedule_webhook", disabled=no_hook, max_chars=2_048)
        if no_hook:
            st.caption(text.plain("To send webhooks, set PRAVAH_ALLOWED_WEBHOOKS and PRAVAH_WEBHOOK_SECRET."))
        no_mail = config.smtp_url is None or config.mail_from is None
        email = st.text_input("E-mail", key="schedule_email", disabled=no_mail, max_chars=320)
        if no_mail:
            st.caption(text.plain("To send e-mail, set PRAVAH_SMTP_URL and PRAVAH_MAIL_FROM."))
    return {"notify_on": occasions, "webhook_url": webhook.strip(), "email": email.strip()}
