"""search: matches that came and went, and how many each pattern and each file has."""

from __future__ import annotations

from services.operations import Column, Table
from services.operations._spec import path_columns
from services.results.compare.parts import Compared, Make, Pair, Plan, Side, before_after, kind_column, rank

_RESULT, _FILES, _PATTERNS = "result", "by_file", "by_pattern"
_MATCH_KINDS = {"new": "only in the later job", "gone": "only in the earlier job"}
_COUNT_KINDS = {
    "more": "more matches",
    "fewer": "fewer matches",
    "changed": "same number of matches in a different number of lines",
}
_PATTERN_KINDS = {
    "new": "pattern only in the later search",
    "gone": "pattern only in the earlier search",
    **_COUNT_KINDS,
}
_PATTERN = Column(name="pattern", dtype="text", meaning="Name of the pattern")
_MATCH_COLUMNS = (
    kind_column(_MATCH_KINDS),
    *path_columns(),
    _PATTERN,
    Column(name="line", dtype="integer", unit="lines", meaning="Line number, counted from 1"),
    Column(
        name="column_start", dtype="integer", unit="characters", meaning="First column of the match, counted from 1"
    ),
    Column(name="text", dtype="text", meaning="The line; � replaces bytes that are not valid text"),
)
_COUNTS = (*before_after("matches", "matches", "Matches"), *before_after("lines", "lines", "Lines with a match"))


def _matches(pair: Pair, make: Make) -> str:
    # A line is known by its text: that others were put before it makes no match a new one.
    columns = "kind, path, path_raw, pattern, line, column_start, text"
    before, after = (_numbered(side) for side in (pair.before, pair.after))
    return f"""
        WITH met AS (
            SELECT b, a, if(a.path IS NULL, 'gone', 'new') AS kind FROM ({before}) b
            FULL JOIN ({after}) a
                ON a.path = b.path AND a.pattern = b.pattern AND a.text = b.text AND a.turn = b.turn
            WHERE {"false" if _counted_only(pair) else "a.path IS NULL OR b.path IS NULL"}
        ), told AS (SELECT kind, unnest(if(kind = 'gone', b, a)) FROM met)
        SELECT {columns} FROM told ORDER BY {rank(_MATCH_KINDS)}, path, line, column_start"""


def _numbered(side: Side) -> str:
    turn = "row_number() OVER (PARTITION BY path, pattern, text ORDER BY line, column_start)"
    return f"""
        SELECT path, path_raw, pattern, line, column_start, text, {turn} AS turn
        FROM {side.tables[_RESULT].source}"""


def _counts(pair: Pair, table: str, key: str, shown: str, alone: str = "") -> str:
    before, after = (f"SELECT *, {key} AS key FROM {side.tables[table].source}" for side in (pair.before, pair.after))
    sums = ", ".join(
        f"coalesce(b.{name}, 0) AS before_{name}, coalesce(a.{name}, 0) AS after_{name}, "
        f"after_{name} - before_{name} AS change_{name}"
        for name in ("matches", "lines")
    )
    return f"""
        WITH met AS (
            SELECT {shown}, {sums}, CASE {alone}
                WHEN change_matches > 0 THEN 'more' WHEN change_matches < 0 THEN 'fewer'
                WHEN change_lines <> 0 THEN 'changed' END AS kind
            FROM ({before}) b FULL JOIN ({after}) a ON a.key = b.key
        )
        SELECT kind, * EXCLUDE (kind) FROM met WHERE kind IS NOT NULL ORDER BY abs(change_matches) DESC, 2"""


def _files(pair: Pair, make: Make) -> str:
    path = "coalesce(a.path, b.path) AS path, if(a.key IS NULL, b.path_raw, a.path_raw) AS path_raw"
    return _counts(pair, _FILES, "path", path)


def _patterns(pair: Pair, make: Make) -> str:
    shown = 'coalesce(a.pattern, b.pattern) AS pattern, coalesce(a."expression", b."expression") AS "expression"'
    # What one search did not look for did not become fewer.
    alone = "WHEN b.key IS NULL THEN 'new' WHEN a.key IS NULL THEN 'gone'"
    return _counts(pair, _PATTERNS, "pattern", shown, alone)


def _counted_only(pair: Pair) -> bool:
    return any(side.result["options"].get("count_only") for side in (pair.before, pair.after))


def _notes(pair: Pair) -> list[str]:
    notes = []
    if _counted_only(pair):
        notes.append("One of the searches only counted matches, so only counts are compared.")
    for word, side in (("before", pair.before), ("after", pair.after)):
        if side.result["summary"].get("partial"):
            notes.append(f"The search {word} stopped at its limit: matches after it are unknown.")
    return notes


_EXPRESSION = Column(name="expression", dtype="text", meaning="The pattern itself")
PLAN = Plan(
    operation="search",
    reads=(_RESULT, _FILES, _PATTERNS),
    tables=(
        Compared(
            table=Table(name="matches", title="New and missing matches", columns=_MATCH_COLUMNS),
            of=_RESULT,
            kinds=_MATCH_KINDS,
            select=_matches,
            has_after="kind = 'new'",
        ),
        Compared(
            table=Table(
                name="patterns",
                title="Counts by pattern",
                columns=(kind_column(_PATTERN_KINDS), _PATTERN, _EXPRESSION, *_COUNTS),
            ),
            of=_PATTERNS,
            kinds=_PATTERN_KINDS,
            select=_patterns,
            has_after="kind <> 'gone'",
        ),
        Compared(
            table=Table(
                name="files", title="Counts by file", columns=(kind_column(_COUNT_KINDS), *path_columns(), *_COUNTS)
            ),
            of=_FILES,
            kinds=_COUNT_KINDS,
            select=_files,
            has_after="after_matches > 0",
        ),
    ),
    notes=_notes,
)
