"""checksum: files that changed, moved, came and went, detected by their digests."""

from __future__ import annotations

from services.base import errors
from services.operations import Column, Table
from services.operations._spec import path_columns
from services.operations.checksum import Algorithm
from services.results.compare.parts import (
    Compared,
    Make,
    Pair,
    Plan,
    Side,
    before_after,
    kind_column,
    rank,
    unread,
)

_RESULT = "result"
_KINDS = {
    "changed": "another content",
    "missing": "only in the earlier job",
    "moved": "the same content under another path",
    "new": "only in the later job",
    "unread": "one of the jobs could not read it, so it is unknown",
    "touched": "the same content, of another time",
}
_COLUMNS = (
    kind_column(_KINDS),
    *path_columns(),
    Column(name="moved_from", dtype="text", meaning="Path before, of a moved file"),
    *before_after("bytes", "bytes", "Size"),
    Column(name="before_modified", dtype="timestamp", unit="UTC", meaning="Last modification of the content, before"),
    Column(name="after_modified", dtype="timestamp", unit="UTC", meaning="Last modification of the content, after"),
    Column(name="before_digests", dtype="text", meaning="Digests before, of the algorithms that both jobs have"),
    Column(name="after_digests", dtype="text", meaning="Digests after, of the algorithms that both jobs have"),
)
_TABLE = Table(name="changes", title="Changed files", columns=_COLUMNS)


def _common(pair: Pair) -> list[str]:
    return [one.value for one in Algorithm if pair.both_have(_RESULT, one.value)]


def _check(pair: Pair) -> None:
    if not _common(pair):
        asked = [" and ".join(map(str, side.result["options"]["algorithms"])) for side in (pair.before, pair.after)]
        message = f"the jobs have no algorithm in common: {asked[0]} before, {asked[1]} after"
        remedy = "Run checksum again with an algorithm that the other job has."
        raise errors.InvalidOptionsError(message, remedy=remedy, field="with")


def _side(side: Side, algorithms: list[str], modified: str) -> str:
    digests = " || ' ' || ".join(f"'{name}:' || coalesce({name}, '')" for name in algorithms)
    columns = f"path, path_raw, size_bytes, {modified} AS modified, {digests} AS digests"
    return f"SELECT {columns} FROM {side.tables[_RESULT].source}"


_MET = """
    SELECT b, a FROM ({before}) b FULL JOIN ({after}) a ON b.path = a.path
    WHERE b.path IS NULL OR a.path IS NULL OR b.size_bytes <> a.size_bytes OR b.digests <> a.digests
        OR b.modified IS DISTINCT FROM a.modified"""
# An empty file has no content to be known by.
_ALONE = """
    SELECT {side}.path AS key, {side}.digests AS digests, {side}.size_bytes AS size,
        regexp_extract({side}.path, '[^/]*$') AS name FROM {met} WHERE {other}.path IS NULL AND {side}.size_bytes > 0"""
_TURN = "SELECT *, row_number() OVER (PARTITION BY {parts} ORDER BY key) AS turn FROM"
_TOLD = """
    SELECT b, a FROM {met} WHERE b.path IS NOT NULL AND a.path IS NOT NULL UNION ALL
    SELECT gone.b, come.a FROM (
        SELECT met.b AS b, moves.target AS target FROM {met} met LEFT JOIN {moves} moves ON met.b.path = moves.source
        WHERE met.a.path IS NULL
    ) gone FULL JOIN (SELECT a FROM {met} WHERE b.path IS NULL) come ON gone.target = come.a.path"""
_SELECT = """
    WITH told AS (
        SELECT *, CASE
            WHEN a.path IS NULL THEN if(b.path IN ({unread_after}), 'unread', 'missing')
            WHEN b.path IS NULL THEN if(a.path IN ({unread_before}), 'unread', 'new')
            WHEN a.path <> b.path THEN 'moved'
            WHEN a.digests <> b.digests OR a.size_bytes <> b.size_bytes THEN 'changed'
            ELSE 'touched' END AS kind FROM {told}
    )
    SELECT kind, coalesce(a.path, b.path) AS path, if(a.path IS NULL, b.path_raw, a.path_raw) AS path_raw,
        if(kind = 'moved', b.path, NULL) AS moved_from,
        b.size_bytes AS before_bytes, a.size_bytes AS after_bytes,
        coalesce(a.size_bytes, 0) - coalesce(b.size_bytes, 0) AS change_bytes,
        {times} b.digests AS before_digests, a.digests AS after_digests
    FROM told ORDER BY {rank}, path"""


def _moves(met: str, make: Make) -> str:
    """Return the source of (key before, key after) of what lies elsewhere now.

    Equal contents are paired in two rounds: those that kept their name, then the others in the order of their paths.
    """
    gone, come = (make(_ALONE.format(side=side, other=other, met=met)) for side, other in ("ba", "ab"))
    parts = "digests, size, name"
    turns = [f"({_TURN.format(parts=parts)} {side})" for side in (gone, come)]
    named = make(
        f"SELECT gone.key AS source, come.key AS target FROM {turns[0]} gone JOIN {turns[1]} come USING ({parts}, turn)"
    )
    rest = [
        f"({_TURN.format(parts='digests, size')} {side} side ANTI JOIN {named} named ON side.key = named.{column})"
        for side, column in ((gone, "source"), (come, "target"))
    ]
    return make(
        f"SELECT * FROM {named} UNION ALL SELECT gone.key, come.key FROM {rest[0]} gone "
        f"JOIN {rest[1]} come USING (digests, size, turn)"
    )


def _select(pair: Pair, make: Make) -> str:
    timed = pair.both_have(_RESULT, "modified")
    algorithms = _common(pair)
    modified = "modified" if timed else "NULL"
    before, after = (_side(side, algorithms, modified) for side in (pair.before, pair.after))
    met = make(_MET.format(before=before, after=after))
    return _SELECT.format(
        told=make(_TOLD.format(met=met, moves=_moves(met, make))),
        unread_before=unread(pair.before),
        unread_after=unread(pair.after),
        times="b.modified AS before_modified, a.modified AS after_modified," if timed else "",
        rank=rank(_KINDS),
    )


def _by(pair: Pair) -> str:
    return ", ".join(_common(pair))


PLAN = Plan(
    operation="checksum",
    reads=(_RESULT,),
    tables=(Compared(table=_TABLE, of=_RESULT, kinds=_KINDS, select=_select, has_sums=True),),
    check=_check,
    by=_by,
    harmless=frozenset({"touched"}),
)
