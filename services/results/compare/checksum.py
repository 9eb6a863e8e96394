"""checksum: files that changed, moved, came and went, told by their digests."""

from __future__ import annotations

from services import errors
from services.operations import Column, Table
from services.operations._spec import path_columns
from services.operations.checksum import Algorithm
from services.results.compare.parts import KEY, Compared, Pair, Plan, Side, before_after, kind_column, rank, unread

_RESULT = "result"
_KINDS = {
    "changed": "another content",
    "missing": "was there, is not",
    "moved": "the same content under another path",
    "new": "is there, was not",
    "unread": "one of the jobs could not read it: there is no telling",
    "touched": "the same content, of another time",
}
_COLUMNS = (
    kind_column(_KINDS),
    *path_columns(),
    Column(name="moved_from", dtype="text", meaning="Path before, of a moved file"),
    *before_after("bytes", "bytes", "Size"),
    Column(name="before_modified", dtype="timestamp", unit="UTC", meaning="Last change of the content, before"),
    Column(name="after_modified", dtype="timestamp", unit="UTC", meaning="Last change of the content, after"),
    Column(name="before_digests", dtype="text", meaning="Digests before, of the algorithms that both jobs have"),
    Column(name="after_digests", dtype="text", meaning="Digests after, of the algorithms that both jobs have"),
)
_TABLE = Table(name="changes", title="Files that differ", columns=_COLUMNS)


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
    columns = f"{KEY} AS key, path, path_raw, size_bytes, {modified} AS modified, {digests} AS digests"
    return f"SELECT {columns} FROM {side.tables[_RESULT].source}"


# Equal contents are paired in two rounds: those that kept their name, then the others in the order of their paths.
# An empty file has no content to be known by.
_SELECT = """
    WITH "before" AS ({before}), "after" AS ({after}), met AS MATERIALIZED (
        SELECT b, a FROM "before" b FULL JOIN "after" a ON b.key = a.key
        WHERE b.key IS NULL OR a.key IS NULL OR b.size_bytes <> a.size_bytes OR b.digests <> a.digests
            OR b.modified IS DISTINCT FROM a.modified
    ), gone AS (
        SELECT b.key AS key, b.digests AS digests, b.size_bytes AS size, regexp_extract(b.path, '[^/]*$') AS name,
            row_number() OVER (PARTITION BY digests, size, name ORDER BY b.key) AS turn
        FROM met WHERE a.key IS NULL AND b.size_bytes > 0
    ), come AS (
        SELECT a.key AS key, a.digests AS digests, a.size_bytes AS size, regexp_extract(a.path, '[^/]*$') AS name,
            row_number() OVER (PARTITION BY digests, size, name ORDER BY a.key) AS turn
        FROM met WHERE b.key IS NULL AND a.size_bytes > 0
    ), named AS (
        SELECT gone.key AS source, come.key AS target FROM gone JOIN come USING (digests, size, name, turn)
    ), gone_rest AS (
        SELECT key, digests, size, row_number() OVER (PARTITION BY digests, size ORDER BY key) AS turn
        FROM gone ANTI JOIN named ON gone.key = named.source
    ), come_rest AS (
        SELECT key, digests, size, row_number() OVER (PARTITION BY digests, size ORDER BY key) AS turn
        FROM come ANTI JOIN named ON come.key = named.target
    ), moves AS (
        SELECT * FROM named UNION ALL
        SELECT gone_rest.key, come_rest.key FROM gone_rest JOIN come_rest USING (digests, size, turn)
    ), left_over AS (
        SELECT met.b AS b, moves.target AS target FROM met LEFT JOIN moves ON met.b.key = moves.source
        WHERE met.a.key IS NULL
    ), told AS (
        SELECT b, a FROM met WHERE b.key IS NOT NULL AND a.key IS NOT NULL UNION ALL
        SELECT left_over.b, fresh.a FROM left_over
        FULL JOIN (SELECT a FROM met WHERE b.key IS NULL) fresh ON left_over.target = fresh.a.key
    ), named_kinds AS (
        SELECT *, CASE
            WHEN a.key IS NULL THEN if(b.key IN ({unread_after}), 'unread', 'missing')
            WHEN b.key IS NULL THEN if(a.key IN ({unread_before}), 'unread', 'new')
            WHEN a.key <> b.key THEN 'moved'
            WHEN a.digests <> b.digests OR a.size_bytes <> b.size_bytes THEN 'changed'
            ELSE 'touched' END AS kind FROM told
    )
    SELECT kind, coalesce(a.path, b.path) AS path, if(a.key IS NULL, b.path_raw, a.path_raw) AS path_raw,
        if(kind = 'moved', b.path, NULL) AS moved_from,
        b.size_bytes AS before_bytes, a.size_bytes AS after_bytes,
        coalesce(a.size_bytes, 0) - coalesce(b.size_bytes, 0) AS change_bytes,
        {times} b.digests AS before_digests, a.digests AS after_digests
    FROM named_kinds ORDER BY {rank}, path"""


def _select(pair: Pair) -> str:
    timed = pair.both_have(_RESULT, "modified")
    algorithms = _common(pair)
    modified = "modified" if timed else "NULL"
    return _SELECT.format(
        before=_side(pair.before, algorithms, modified),
        after=_side(pair.after, algorithms, modified),
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
