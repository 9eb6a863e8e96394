"""The rules that the records of a validation break: each once for each column, with its first places.

All errors are counted here, also those that are not listed.
"""

from __future__ import annotations

from services.results.sql import Schema, Statement

COLUMNS = ("rule", "column", "errors", "files", "places")
_PLACES = 3


def statement(counts: Schema, limit: int) -> Statement:
    """Return the question for the broken rules: `COLUMNS` and the number of all rows, the most broken first."""
    # Errors of a whole file have no record.
    place = "path || coalesce(', record ' || first_record, '')"
    text = f"""
        SELECT rule, "column", sum(errors)::BIGINT AS errors, count(DISTINCT path) AS files,
            arg_min({place}, path, {_PLACES}) AS places, count(*) OVER ()
        FROM {counts.source} GROUP BY rule, "column"
        ORDER BY errors DESC, rule, "column" LIMIT $limit"""
    return Statement(text, {"limit": limit})
