"""Times: relative to read, exact in UTC to hover."""

from __future__ import annotations

from datetime import datetime

from pages.base import text
from services.base import units


def html(moment: datetime | None) -> str:
    """Return HTML with the time as "3 minutes ago" and the exact time on hovering."""
    if moment is None:
        return units.format_ago(None)
    return _time(moment, units.format_ago(moment))


def ahead_html(moment: datetime) -> str:
    """Return HTML with the time as "in 3 hours" and the exact time on hovering."""
    return _time(moment, units.format_ahead(moment))


def _time(moment: datetime, words: str) -> str:
    exact = text.html(units.format_moment(moment))
    return f'<time datetime="{moment.isoformat()}" title="{exact}">{words}</time>'
