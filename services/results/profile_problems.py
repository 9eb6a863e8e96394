"""What is odd about the files of a profile: for each problem its file, its place and what to see there.

Columns and types of the largest dataset are compared with the schema that its files have in common. Issues are part of
the list: whoever reads it need not look elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.results.sql import Schema, Statement
from services.results.table_schema import HOLDS, CommonSchema, largest, looks

TABLES = ("by_file", "files", "types", "exceptions", "schemas", "datasets")
"""The tables of profile that it is made from, besides the issues."""

COLUMNS = ("path", "record", "problem")
_TYPED = "('Parquet', 'Arrow', 'Avro', 'spreadsheet')"


def statement(tables: Mapping[str, Schema], issues: Schema, schema: CommonSchema, limit: int) -> Statement:
    """Return the question for the problems: `COLUMNS` and the number of all of them, by file."""
    files, types, exceptions = (tables[name].source for name in ("files", "types", "exceptions"))
    by_file = looks(tables["by_file"].source, files)
    compared = f"schema IN (SELECT schema FROM {tables['schemas'].source} WHERE dataset = {largest(tables)})"
    held = ", ".join(f"('{kind}', '{one}')" for kind, kinds in HOLDS.items() for one in sorted(kinds))
    text = f"""
        WITH field AS (
            SELECT unnest($names) AS "column", unnest($kinds) AS kind, unnest($gaps) AS is_rarely_missing
        ), held(kind, type) AS (VALUES {held}), file AS (
            SELECT *, coalesce(header = 'no' AND delimiter NOT LIKE 'JSON%', false) AS is_unnamed,
                {compared} AS is_compared, delimiter IN {_TYPED} AS is_typed, delimiter LIKE 'JSON%' AS is_json
            FROM {files}
        ), met AS (
            SELECT b.*, f.kind, f."column" AS wanted, f.is_rarely_missing
            FROM ({by_file}) b JOIN file o USING (path) LEFT JOIN field f ON f."column" = b."column" AND o.is_compared
        ), missing AS (
            SELECT path, string_agg("column", ', ') AS names
            FROM (SELECT f.path, w."column" FROM file f CROSS JOIN field w WHERE f.columns > 0 AND f.records > 0
                AND NOT f.is_unnamed AND f.is_compared EXCEPT SELECT path, "column" FROM met) GROUP BY path
        ), extra AS (
            SELECT m.path, string_agg(m."column", ', ' ORDER BY m.position) AS names FROM met m JOIN file f USING (path)
            WHERE m.wanted IS NULL AND NOT f.is_unnamed AND f.is_compared GROUP BY m.path
        ), odd AS (
            SELECT m.path, m."column", m.type, m.kind,
                EXISTS (FROM held h WHERE h.kind = m.kind AND h.type = m.looks) AS is_stored_as_text
            FROM met m WHERE m.kind <> 'text' AND m."values" > 0
                AND NOT EXISTS (FROM held h WHERE h.kind = m.kind AND h.type = m.type)
        ), example AS (
            SELECT path, "column", type, min(record) AS record, min(value) AS value FROM {types} GROUP BY ALL
        ), exception AS (
            SELECT path, "column", min(record) AS record, arg_min(value, record) AS value FROM {exceptions} GROUP BY ALL
        ), found AS (
            SELECT DISTINCT path, NULL::BIGINT AS record, message AS problem, 0 AS turn FROM {issues.source}
            UNION ALL SELECT path, NULL, 'has no record', 1 FROM file WHERE records = 0
            UNION ALL SELECT path, NULL, 'has no header row', 1 FROM file WHERE is_unnamed AND records > 0
            UNION ALL SELECT path, NULL, concat_ws('; ', 'lacks columns that most files have: ' || m.names,
                'has columns that most files do not have: ' || e.names), 2
            FROM missing m FULL JOIN extra e USING (path)
            UNION ALL SELECT o.path, x.record, o."column" || ': ' || o.type || ', in most files ' || o.kind
                || coalesce('; the first is "' || x.value || '"', ''), 3
            FROM odd o LEFT JOIN example x ON x.path = o.path AND x."column" = o."column" AND x.type = o.type
            WHERE NOT o.is_stored_as_text
            UNION ALL SELECT o.path, NULL, o."column" || ': ' || o.kind || ' stored as text', 3
            FROM odd o JOIN file f USING (path) WHERE o.is_stored_as_text
                AND (f.is_typed OR (f.is_json AND o.kind IN ('integer', 'float', 'boolean')))
            UNION ALL SELECT m.path, x.record, m."column" || ': ' || m.exceptions || ' of ' || m."values"
                || ' values not ' || m.type || coalesce('; the first is "' || x.value || '"', ''), 3
            FROM met m LEFT JOIN exception x ON x.path = m.path AND x."column" = m."column" WHERE m.exceptions > 0
            UNION ALL SELECT path, NULL, "column" || ': ' || null_words || ' – counted as null', 4
            FROM met WHERE null_words IS NOT NULL
            UNION ALL SELECT m.path, NULL, m."column" || ': ' || m.nulls || ' of ' || (m.nulls + m."values")
                || ' fields without a value, in most files none', 4
            FROM met m JOIN file f USING (path)
            WHERE m.nulls > 0 AND m.is_rarely_missing AND m.null_words IS NULL AND f.ragged = 0
        )
        SELECT {", ".join(COLUMNS)}, count(*) OVER () FROM found ORDER BY path, turn, record, problem LIMIT $limit"""
    return Statement(text, _values(schema, limit))


def _values(schema: CommonSchema, limit: int) -> dict[str, Any]:
    return {
        "names": [one.name for one in schema.fields],
        "kinds": [one.kind for one in schema.fields],
        "gaps": [one.is_rarely_missing for one in schema.fields],
        "limit": limit,
    }
