"""When a rule is due: intervals, cron in a zone, the days on which the clocks change, and what is no rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import hypothesis
import hypothesis.strategies as st
import pytest

from services.base import errors
from services.models import schedule_times


def following(rule: str, zone: str, start: str, count: int) -> list[str]:
    """Return the next times after one, as day and time in UTC."""
    moment = datetime.fromisoformat(start)
    found = []
    for _ in range(count):
        moment = schedule_times.next_after(rule, zone, moment)
        found.append(moment.strftime("%d %H:%M"))
    return found


def test_an_interval_begins_when_it_is_made_and_keeps_its_rhythm() -> None:
    start = datetime(2026, 5, 1, 10, 17, tzinfo=UTC)
    due = schedule_times.next_after("every 6h", "UTC", start)
    assert due == start + timedelta(hours=6)
    # A look that is late, by a little or by days, shifts nothing.
    assert schedule_times.next_after("every 6h", "UTC", due + timedelta(seconds=3), due) == due + timedelta(hours=6)
    late = due + timedelta(days=3, hours=1)
    assert schedule_times.next_after("every 6h", "UTC", late, due) == due + timedelta(days=3, hours=6)
    assert schedule_times.next_after("every 6h", "UTC", due, due) == due + timedelta(hours=6)


@pytest.mark.parametrize(
    ("rule", "span"),
    [
        ("every 1m", timedelta(minutes=1)),
        ("EVERY 90 minutes", timedelta(minutes=90)),
        ("every hour", timedelta(hours=1)),
        ("every 2 days", timedelta(days=2)),
        ("every 1w", timedelta(weeks=1)),
        ("  every 366d ", timedelta(days=366)),
    ],
)
def test_an_interval_is_written_in_several_ways(rule: str, span: timedelta) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert schedule_times.next_after(rule, "UTC", start) - start == span


def test_an_interval_of_a_day_is_24_hours_when_the_clocks_change() -> None:
    assert following("every 1d", "Europe/Berlin", "2026-03-28T12:00+00:00", 2) == ["29 12:00", "30 12:00"]


def test_cron_is_the_clock_on_the_wall_of_its_zone() -> None:
    assert following("30 2 * * *", "UTC", "2026-01-01T00:00+00:00", 2) == ["01 02:30", "02 02:30"]
    assert following("30 2 * * *", "Asia/Kolkata", "2026-01-01T00:00+00:00", 2) == ["01 21:00", "02 21:00"]
    assert following("0 9 * * mon-fri", "Europe/Berlin", "2026-05-01T12:00+00:00", 2) == ["04 07:00", "05 07:00"]


def test_an_hour_that_is_skipped_in_spring_runs_right_after_the_gap() -> None:
    # On 2026-03-29 02:00 becomes 03:00 in Berlin.
    found = following("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00+00:00", 3)
    assert found == ["28 01:30", "29 01:00", "30 00:30"]


def test_an_hour_that_comes_twice_in_autumn_runs_once() -> None:
    # On 2026-10-25 03:00 becomes 02:00 in Berlin.
    found = following("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00+00:00", 2)
    assert found == ["25 00:30", "26 01:30"]
    # Also when somebody looks within the second one of the two hours.
    assert following("30 2 * * *", "Europe/Berlin", "2026-10-25T01:15+00:00", 1) == ["26 01:30"]


def test_every_hour_is_every_hour_that_passes() -> None:
    spring = following("30 * * * *", "Europe/Berlin", "2026-03-29T00:00+00:00", 3)
    assert spring == ["29 00:30", "29 01:30", "29 02:30"]
    autumn = following("30 * * * *", "Europe/Berlin", "2026-10-25T00:00+00:00", 3)
    assert autumn == ["25 00:30", "25 01:30", "25 02:30"]


@hypothesis.given(
    rule=st.sampled_from(["*/7 * * * *", "30 2 * * *", "15 1-3 * * *", "0 0 1 * *", "every 5h", "0 2 * * SUN"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
    minutes=st.integers(0, 15 * 366 * 1440),
)
def test_the_next_time_is_always_later(rule: str, zone: str, minutes: int) -> None:
    moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    assert schedule_times.next_after(rule, zone, moment) > moment


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "every",
        "every 0m",
        "every 1s",
        "every 400d",
        "every -1h",
        "every 5 parsecs",
        "every 999999999w",
        "* * * *",
        "* * * * * *",
        "61 * * * *",
        "0 24 * * *",
        "0 0 31 2 *",
        "0 0 29 2 MON#5,TUE#9",
        "@daily",
        "a\0 * * * *",
        "\u0661 * * * *",
    ],
)
def test_what_is_no_rule_is_refused_with_the_form_of_one(rule: str) -> None:
    with pytest.raises(errors.InvalidOptionsError) as caught:
        schedule_times.check(rule, "UTC")
    assert caught.value.details["field"] == "when"
    assert "every 6h" in caught.value.remedy
    assert schedule_times.words(rule, "UTC")


@pytest.mark.parametrize("zone", ["", "Mars/Base", "America", "../../etc/passwd", "/etc/localtime", "\ud800", "a\0"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    for rule in ("0 0 * * *", "every 6h"):
        with pytest.raises(errors.InvalidOptionsError) as caught:
            schedule_times.check(rule, zone)
        assert caught.value.details["field"] == "zone"


def test_rules_are_said_in_words() -> None:
    assert schedule_times.words("every 6h", "UTC") == "Every 6 hours"
    assert schedule_times.words("every 1d", "UTC") == "Every day"
    assert (
        schedule_times.words("30 2 * * mon-fri", "Europe/Berlin") == "At 02:30 on Monday through Friday (Europe/Berlin)"
    )


def test_zones_begin_with_utc() -> None:
    assert schedule_times.zones()[0] == "UTC"
    assert "Europe/Berlin" in schedule_times.zones()
