"""Numbers as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import hypothesis
import pytest
from hypothesis import strategies

from services.base import units

NOW = datetime(2026, 11, 24, 13, 5, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (None, "–"),
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (100 * 1024, "100 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1023 * 1024, "1,023 KiB"),
        (1024**3, "1.0 GiB"),
        (5 * 1024**6, "5.0 EiB"),
        (4096 * 1024**6, "4,096 EiB"),
        (-1536, "-1.5 KiB"),
    ],
)
def test_bytes(size: int | None, shown: str) -> None:
    assert units.format_bytes(size) == shown


@hypothesis.given(strategies.integers(0, 2**64))
def test_bytes_never_show_1024_of_a_unit(size: int) -> None:
    number = float(units.format_bytes(size).partition(" ")[0].replace(",", ""))
    assert number < 1024 or units.format_bytes(size).endswith("EiB")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("10 MiB", 10 << 20),
        ("1.5G", 3 << 29),
        ("1,024 b", 1024),
        ("2 kb", 2048),
        ("7 bytes", 7),
        ("0", 0),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_sizes_are_read_as_they_are_shown(text: str, size: int) -> None:
    assert units.parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1.2.3", "ten", "1 XiB", "1e3", "١", "1 M i B"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"10 MiB"):
        units.parse_bytes(text)


@pytest.mark.parametrize(("count", "shown"), [(None, "–"), (0, "0"), (999, "999"), (1_234_567, "1,234,567")])
def test_counts(count: int | None, shown: str) -> None:
    assert units.format_count(count) == shown


@pytest.mark.parametrize(("rate", "shown"), [(None, "–"), (0.0, "0 B/s"), (1.5 * 1024**3, "1.5 GiB/s")])
def test_rates(rate: float | None, shown: str) -> None:
    assert units.format_rate(rate) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.42, "420 ms"),
        (0.9996, "1.0 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 00 min"),
        (18_420, "5 h 07 min"),
        (3_600_000, "1,000 h 00 min"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert units.format_duration(seconds) == shown


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=1), "just now"),
        (timedelta(seconds=6), "6 seconds ago"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=2), "2 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_ago(ago: timedelta, shown: str) -> None:
    assert units.format_ago(NOW - ago, NOW) == shown


def test_moments_are_utc() -> None:
    assert units.format_moment(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-11-24 13:05:07 UTC"
    assert units.format_moment(None) == units.format_ago(None) == "–"


@pytest.mark.parametrize(
    ("ahead", "shown"),
    [
        (timedelta(seconds=-90), "now"),
        (timedelta(seconds=1), "in 1 second"),
        (timedelta(seconds=59.5), "in 59 seconds"),
        (timedelta(minutes=59, seconds=29), "in 59 minutes"),
        (timedelta(hours=5, minutes=59, seconds=58), "in 6 hours"),
        (timedelta(days=1), "in 1 day"),
    ],
)
def test_ahead(ahead: timedelta, shown: str) -> None:
    assert units.format_ahead(NOW + ahead, NOW) == shown
    assert units.format_ahead(None) == "–"
