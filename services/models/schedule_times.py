"""When a schedule is due: ``every 6h``, or five fields of cron in a time zone.

An interval is elapsed time: ``every 1d`` is 24 hours, also on the day the clocks change. A cron expression is the
clock on the wall of its zone, with Debian's rules: a fixed hour that is skipped in spring runs right after the gap,
one that comes twice in autumn runs once; ``*`` hours run each hour that passes.
"""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from services.base import errors

_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(days=366)
_EVERY = re.compile(r"every\s+(?:([0-9]{1,6})\s*)?(m|min|minutes?|h|hours?|d|days?|w|weeks?)", re.IGNORECASE | re.ASCII)
_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}
_REMEDY = (
    "Use an interval such as `every 6h`, or a cron expression such as `30 2 * * MON-FRI` "
    "(minute, hour, day, month, weekday)."
)


def check(rule: str, zone: str) -> None:
    """Return when a rule can be kept.

    Raises:
        InvalidOptionsError: the rule or the zone is none, or the rule never comes true; ``details["field"]`` is
            ``when`` or ``zone``.
    """
    next_after(rule, zone, datetime.now(UTC))


def next_after(rule: str, zone: str, moment: datetime, due: datetime | None = None) -> datetime:
    """Return the first time after a moment, in UTC.

    Args:
        due: a time at which an interval was due before: its later ones keep the rhythm. ``None`` begins at `moment`.

    Raises:
        InvalidOptionsError: as for `check`.
    """
    interval = _interval(rule)
    place = _zone(zone)
    if interval is not None:
        begin = moment if due is None else due
        passed = max(0, (moment - begin) // interval)
        return (begin + (passed + 1) * interval).astimezone(UTC)
    # Within a doubled hour the library also gives a time that has passed.
    for found in _cron(rule, moment.astimezone(place)):
        if found > moment:
            return found.astimezone(UTC)
    raise _wrong(rule, "it never matches a date")


def words(rule: str, zone: str) -> str:
    """Return a rule as a person says it, e.g. ``At 02:30 on Monday (Europe/Berlin)``; one that is none as it is."""
    try:
        found = _EVERY.fullmatch(rule.strip())
        if found:
            count = int(found[1] or 1)
            unit = _UNITS[found[2][0].lower()]
            return f"Every {unit}" if count == 1 else f"Every {count:,} {unit}s"
        return f"{_cron(rule, datetime.now(UTC)).explain()} ({zone})"
    except errors.InvalidOptionsError:
        return f"{rule} ({zone})"


def zones() -> list[str]:
    """Return the names of the time zones, UTC first."""
    return ["UTC", *sorted(zoneinfo.available_timezones() - {"UTC", "localtime", "Factory"})]


def _interval(rule: str) -> timedelta | None:
    if not rule.strip().lower().startswith("every"):
        return None
    found = _EVERY.fullmatch(rule.strip())
    if found is None:
        raise _wrong(rule, "an interval must be a number with m, h, d or w")
    interval = int(found[1] or 1) * timedelta(**{f"{_UNITS[found[2][0].lower()]}s": 1})
    if not _SHORTEST <= interval <= _LONGEST:
        raise _wrong(rule, "an interval must be between 1 minute and 366 days")
    return interval


def _cron(rule: str, moment: datetime) -> CronSim:
    # The library also takes a field of seconds, and `*` of a second would start a job each second.
    if len(rule.split()) != 5:
        raise _wrong(rule, "a cron expression must have five fields")
    try:
        return CronSim(rule.upper(), moment)
    except CronSimError as error:
        reason = str(error)
        raise _wrong(rule, reason[:1].lower() + reason[1:]) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such name; no name at all; a folder of names
        message = f"{name!r} is not a valid time zone"
        remedy = "Use a name from the IANA database, e.g. UTC, Europe/Berlin or Asia/Kolkata."
        raise errors.InvalidOptionsError(message, remedy=remedy, field="zone") from None


def _wrong(rule: str, reason: str) -> errors.InvalidOptionsError:
    return errors.InvalidOptionsError(f"{rule!r} is not a valid schedule: {reason}", remedy=_REMEDY, field="when")
