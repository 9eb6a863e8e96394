"""What is odd about the files of a profile: for each problem its file, its place and what to see there.

Columns and types are compared with the schema that the files of a dataset have in common. Issues are part of the list:
whoever reads it need not look elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.results.sql import Schema, Statement
from services.results.table_schema import HOLDS, CommonSchema, looks

TABLES = ("by_file", "files", "types", "exceptions", "formats", "schemas")
"""The tables of profile that it is made from, besides the issues."""

COLUMNS = ("path", "record", "problem")
_TYPED = "('Parquet', 'Arrow', 'Avro', 'spreadsheet')"


def statement(tables: Mapping[str, Schema], schemas: Mapping[str, CommonSchema], limit: int) -> Statement:
    """Return the question for the problems: `COLUMNS` and the number of all of them, by file.

    Args:
        tables: `TABLES` of profile, ``issues``, and ``copies`` if the job looked for duplicates.
        schemas: of datasets, by their names; files of others are not compared.
    """
    text = f"""
        WITH {_views(tables)}, found AS (
            SELECT DISTINCT path, NULL::BIGINT AS record, message AS problem, 0 AS turn FROM {tables["issues"].source}
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
            UNION ALL SELECT x.path, x.record, x."column" || ': ' || x.exceptions || ' of ' || x."values"
                || ' values in all files not ' || x.format || '; the first is "' || x.first_exception || '"', 3
            FROM {tables["formats"].source} x LEFT JOIN field f
                ON f."column" = x."column" AND f.dataset = x.dataset
            WHERE coalesce(f.kind, 'text') = 'text' AND x.verdict = 'proven' AND x.exceptions > 0
            UNION ALL SELECT path, NULL, "column" || ': ' || null_words || ' – counted as null', 4
            FROM met WHERE null_words IS NOT NULL
            UNION ALL SELECT m.path, NULL, m."column" || ': ' || m.nulls || ' of ' || (m.nulls + m."values")
                || ' fields without a value, in most files none', 4
            FROM met m JOIN file f USING (path)
            WHERE m.nulls > 0 AND m.is_rarely_missing AND m.null_words IS NULL AND f.ragged = 0
            {_copies(tables.get("copies"))}
        )
        SELECT {", ".join(COLUMNS)}, count(*) OVER () FROM found ORDER BY path, turn, record, problem LIMIT $limit"""
    return Statement(text, _values(schemas, limit))


def _views(tables: Mapping[str, Schema]) -> str:
    """Return what the problems are looked for in: the columns of each file beside those of the schema."""
    files, types, exceptions = (tables[name].source for name in ("files", "types", "exceptions"))
    by_file = looks(tables["by_file"].source, files)
    held = ", ".join(f"('{kind}', '{one}')" for kind, kinds in HOLDS.items() for one in sorted(kinds))
    return f"""field AS (
            SELECT unnest($datasets) AS dataset, unnest($names) AS "column", unnest($kinds) AS kind,
                unnest($gaps) AS is_rarely_missing
        ), size AS (
            SELECT dataset, count(*) AS fields FROM field GROUP BY dataset
        ), held(kind, type) AS (VALUES {held}), file AS (
            SELECT *, coalesce(header = 'no' AND delimiter NOT LIKE 'JSON%', false) AS is_unnamed,
                delimiter IN {_TYPED} AS is_typed, delimiter LIKE 'JSON%' AS is_json
            FROM {files} LEFT JOIN (SELECT schema, dataset FROM {tables["schemas"].source}) USING (schema)
            LEFT JOIN size USING (dataset)
        ), met AS (
            SELECT b.*, f.kind, f."column" AS wanted, f.is_rarely_missing
            FROM ({by_file}) b JOIN file o USING (path)
            LEFT JOIN field f ON f."column" = b."column" AND f.dataset = o.dataset
        ), counted AS (SELECT path, count(wanted) AS wanted FROM met GROUP BY path), missing AS (
            SELECT path, string_agg(w."column", ', ' ORDER BY w."column") AS names
            FROM (FROM counted JOIN file USING (path) WHERE wanted < fields AND records > 0 AND NOT is_unnamed) f
                JOIN field w ON w.dataset = f.dataset
            WHERE NOT EXISTS (FROM met m WHERE m.path = f.path AND m."column" = w."column") GROUP BY path
        ), extra AS (
            SELECT m.path, string_agg(m."column", ', ' ORDER BY m.position) AS names FROM met m JOIN file f USING (path)
            WHERE m.wanted IS NULL AND NOT f.is_unnamed AND f.fields > 0 GROUP BY m.path
        ), odd AS (
            SELECT m.path, m."column", m.type, m.kind,
                EXISTS (FROM held h WHERE h.kind = m.kind AND h.type = m.looks) AS is_stored_as_text
            FROM met m WHERE m.kind <> 'text' AND m."values" > 0
                AND NOT EXISTS (FROM held h WHERE h.kind = m.kind AND h.type = m.type)
        ), example AS (
            SELECT path, "column", type, min(record) AS record, min(value) AS value FROM {types} GROUP BY ALL
        ), exception AS (
            SELECT path, "column", min(record) AS record, arg_min(value, record) AS value FROM {exceptions} GROUP BY ALL
        )"""


def _copies(copies: Schema | None) -> str:
    if copies is None:
        return ""
    return f"""UNION ALL SELECT c.path, NULL, 'has the same content as ' || k.path, 5
            FROM {copies.source} c JOIN {copies.source} k ON k."group" = c."group" AND k.standing = 'kept'
            WHERE c.standing = 'redundant' AND c.path IN (
                SELECT if(delimiter = 'spreadsheet', regexp_replace(path, '#[^#]*$', ''), path) FROM file)"""


def _values(schemas: Mapping[str, CommonSchema], limit: int) -> dict[str, Any]:
    fields = [(name, field) for name, schema in schemas.items() for field in schema.fields]
    return {
        "datasets": [name for name, _ in fields],
        "names": [one.name for _, one in fields],
        "kinds": [one.usual for _, one in fields],
        "gaps": [one.is_rarely_missing for _, one in fields],
        "limit": limit,
    }
