"""Numbers as people read them: separators, units, relative times. Used by pages, CLI and docs."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SPANS = (("year", 31_556_952), ("month", 2_629_746), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def format_count(count: int | None) -> str:
    """Return e.g. ``1,234,567``; a dash for ``None``."""
    return "–" if count is None else f"{count:,}"


def format_number(number: float | None) -> str:
    """Return a number with six significant digits, e.g. ``1,234.57``; a dash for ``None``."""
    if number is None:
        return "–"
    if number == 0 or 1e-4 <= abs(number) < 1e15:
        whole = len(str(int(abs(number))))
        shown = f"{number:,.{max(0, 6 - whole)}f}"
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    return f"{number:.6g}"


def format_percent(percent: float | None) -> str:
    """Return e.g. ``12.3 %``; what is little is not shown as nothing."""
    if percent is None:
        return "–"
    if 0 < percent < 0.01:
        return "< 0.01 %"
    return f"{percent:.3g} %" if percent < 99.95 or percent == 100 else "> 99.9 %"


def format_bytes(size_bytes: float | None) -> str:
    """Return e.g. ``1.2 GiB`` (binary units); a dash for ``None``."""
    if size_bytes is None:
        return "–"
    size = float(size_bytes)
    for unit in _BINARY:
        # 1,023.95 KiB would be shown as 1,024.0 KiB: it is 1.0 MiB.
        if abs(size) < (1024 if unit == "B" else 1023.5) or unit == _BINARY[-1]:
            break
        size /= 1024
    return f"{size:,.0f} {unit}" if unit == "B" or abs(size) >= 100 else f"{size:,.1f} {unit}"


def format_times(count: int) -> str:
    """Return how often something happened, e.g. ``once`` or ``1,200 times``."""
    return "once" if count == 1 else f"{count:,} times"


def parse_bytes(text: str) -> int:
    """Read e.g. ``10 MiB``, ``1.5G`` or ``4096``; units are binary, as in `format_bytes`.

    Raises:
        ValueError: it is no such text; the message names a right one.
    """
    found = re.fullmatch(r"([0-9][0-9,_ ]*(?:\.[0-9]+)?)\s*(?:([kmgtpe])i?b?|b|bytes)?", text.strip().lower())
    if not found:
        raise ValueError(f"{text!r} is not a valid size; use e.g. 4096, 10 MiB or 1.5 GiB")
    number = re.sub("[,_ ]", "", found[1])
    factor = 1 << (10 * "bkmgtpe".index(found[2] or "b"))
    return int(number) * factor if number.isdecimal() else round(float(number) * factor)


def format_rate(bytes_per_second: float | None) -> str:
    """Return e.g. ``1.2 GiB/s``; a dash for ``None``."""
    return "–" if bytes_per_second is None else f"{format_bytes(bytes_per_second)}/s"


def format_duration(seconds: float | None) -> str:
    """Return e.g. ``420 ms``, ``12.3 s``, ``3 min 20 s``, ``5 h 07 min``; a dash for ``None``."""
    if seconds is None:
        return "–"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min"


def format_ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Return e.g. ``3 minutes ago``; a dash for ``None``."""
    if moment is None:
        return "–"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 5:
        return "just now"
    for unit, length in _SPANS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def format_ahead(moment: datetime | None, now: datetime | None = None) -> str:
    """Return e.g. ``in 3 hours``; ``now`` for what is due; a dash for ``None``."""
    if moment is None:
        return "–"
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    if seconds < 1:
        return "now"
    if seconds > 60:
        seconds = round(seconds / 60) * 60  # six hours are not to be shown as five a moment later
    unit, length = next((unit, length) for unit, length in _SPANS if seconds >= length)
    count = int(seconds // length)
    return f"in {count} {unit}{'s' if count > 1 else ''}"


def format_moment(moment: datetime | None) -> str:
    """Return the exact time in UTC, e.g. ``2026-11-24 13:05:07 UTC``; a dash for ``None``."""
    return "–" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
