"""The errors of a validation, each rule once for each column of each file: how many, and where the first one is.

Columns that a file lacks, or has besides, are one row.
"""

from __future__ import annotations

from services.results.sql import Schema, Statement

COLUMNS = ("path", "column", "rule", "errors", "record", "line", "value", "expected")


def statement(errors: Schema, limit: int) -> Statement:
    """Return the question for the first errors: `COLUMNS` and the number of all rows, by file."""
    # Errors of a whole file have no record.
    first = ", ".join(
        f'arg_min(struct_pack(v := "{name}"), coalesce(record, 0)).v AS "{name}"'
        for name in ("line", "value", "expected")
    )
    whole = "rule IN ('missing_column', 'extra_column')"
    text = f"""
        SELECT path, CASE WHEN {whole} THEN string_agg("column", ', ' ORDER BY "column") FILTER ({whole})
                ELSE min("column") END AS "column",
            rule, count(*) AS errors, min(record) AS record, {first}, count(*) OVER ()
        FROM {errors.source} GROUP BY path, rule, CASE WHEN {whole} THEN '' ELSE "column" END
        ORDER BY path, record, rule, "column" LIMIT $limit"""
    return Statement(text, {"limit": limit})
