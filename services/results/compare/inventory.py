"""inventory: which folders grew and by how much, and the files behind it."""

from __future__ import annotations

from services.operations import Column, Table
from services.operations._spec import path_columns
from services.results import treemap
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
from services.results.sql import Statement

_ENTRIES, _FOLDERS = "result", "directories"
_UNREAD = "one of the jobs could not read it, so it is unknown"
_FILE_KINDS = {
    "changed": "different size or different kind",
    "missing": "only in the earlier job",
    "new": "only in the later job",
    "unread": _UNREAD,
    "touched": "same size, different time: the content may have changed",
}
_FOLDER_KINDS = {
    "grown": "larger than before",
    "shrunk": "smaller than before",
    "new": "only in the later job",
    "missing": "only in the earlier job",
    "changed": "same size, different number of files or size on disk",
}
_MODIFIED = tuple(
    Column(name=f"{side}_modified", dtype="timestamp", unit="UTC", meaning=f"Last modification of the content, {side}")
    for side in ("before", "after")
)
_FILE_COLUMNS = (
    kind_column(_FILE_KINDS),
    *path_columns(),
    *before_after("bytes", "bytes", "Size"),
    Column(name="before_entry", dtype="text", meaning="Kind of the entry before"),
    Column(name="after_entry", dtype="text", meaning="Kind of the entry after"),
    *_MODIFIED,
)
_FOLDER_COLUMNS = (
    kind_column(_FOLDER_KINDS),
    *path_columns(),
    Column(name="depth", dtype="integer", unit="levels", meaning="Depth below the source"),
    *before_after("bytes", "bytes", "Apparent size of all files in the folder; hard-linked files count once"),
    *before_after("allocated_bytes", "bytes", "Size on disk of all files in the folder; hard-linked files count once"),
    *before_after("files", "files", "Files in the folder and its subfolders"),
)
NODE = ("path", "parent", "kind", "size_bytes", "allocated_bytes", "before_bytes", "after_bytes", "files")


def _entries(side: Side, modified: str) -> str:
    # A folder is told by its table; its own size and time say nothing of what is in it.
    columns = f"path, path_raw, size_bytes, kind AS entry, {modified} AS modified"
    return f"SELECT {columns} FROM {side.tables[_ENTRIES].source}"


_FILES_SELECT = """
    WITH "before" AS ({before}), "after" AS ({after}), met AS (
        SELECT b, a, CASE
            WHEN a.path IS NULL THEN if(b.path IN ({unread_after}), 'unread', 'missing')
            WHEN b.path IS NULL THEN if(a.path IN ({unread_before}), 'unread', 'new')
            WHEN a.entry <> b.entry OR (a.entry <> 'directory' AND a.size_bytes IS DISTINCT FROM b.size_bytes)
                THEN 'changed'
            WHEN a.entry <> 'directory' AND a.modified IS DISTINCT FROM b.modified THEN 'touched' END AS kind
        FROM "before" b FULL JOIN "after" a ON b.path = a.path
    )
    SELECT kind, coalesce(a.path, b.path) AS path, if(a.path IS NULL, b.path_raw, a.path_raw) AS path_raw,
        if(b.entry = 'directory', 0, b.size_bytes) AS before_bytes,
        if(a.entry = 'directory', 0, a.size_bytes) AS after_bytes,
        coalesce(after_bytes, 0) - coalesce(before_bytes, 0) AS change_bytes,
        b.entry AS before_entry, a.entry AS after_entry {times}
    FROM met WHERE kind IS NOT NULL ORDER BY {rank}, abs(change_bytes) DESC, path"""


def _files(pair: Pair, make: Make) -> str:
    timed = pair.both_have(_ENTRIES, "modified")
    modified = "modified" if timed else "NULL"
    return _FILES_SELECT.format(
        before=_entries(pair.before, modified),
        after=_entries(pair.after, modified),
        unread_before=unread(pair.before),
        unread_after=unread(pair.after),
        times=", b.modified AS before_modified, a.modified AS after_modified" if timed else "",
        rank=rank(_FILE_KINDS),
    )


def _sums(name: str, column: str) -> str:
    change = f"coalesce(a.{column}, 0) - coalesce(b.{column}, 0) AS change_{name}"
    return f"b.{column} AS before_{name}, a.{column} AS after_{name}, {change}"


def _folders(pair: Pair, make: Make) -> str:
    columns = "path, path_raw, depth, size_bytes, allocated_bytes, files"
    before, after = (f"SELECT {columns} FROM {side.tables[_FOLDERS].source}" for side in (pair.before, pair.after))
    return f"""
        WITH met AS (
            SELECT CASE WHEN a.path IS NULL THEN 'missing' WHEN b.path IS NULL THEN 'new'
                    WHEN a.size_bytes > b.size_bytes THEN 'grown' WHEN a.size_bytes < b.size_bytes THEN 'shrunk'
                    WHEN a.files <> b.files OR a.allocated_bytes <> b.allocated_bytes THEN 'changed' END AS kind,
                coalesce(a.path, b.path) AS path, if(a.path IS NULL, b.path_raw, a.path_raw) AS path_raw,
                coalesce(a.depth, b.depth) AS depth, {_sums("bytes", "size_bytes")},
                {_sums("allocated_bytes", "allocated_bytes")}, {_sums("files", "files")}
            FROM ({before}) b FULL JOIN ({after}) a ON b.path = a.path
        )
        SELECT * FROM met WHERE kind IS NOT NULL ORDER BY abs(change_bytes) DESC, path"""


def children(pair: Pair, path: str, limit: int, *, by: treemap.Measure, inner_limit: int) -> Statement:
    """Return the statement for what is in a folder, on either side; a size is the larger of the two."""
    before, after = (
        f"SELECT * FROM ({treemap.whole(side.tables[_FOLDERS], side.tables[_ENTRIES])}) WHERE {{below}}"
        for side in (pair.before, pair.after)
    )
    larger = ", ".join(
        f"greatest(coalesce(a.{name}, 0), coalesce(b.{name}, 0)) AS {name}"
        for name in ("size_bytes", "allocated_bytes", "files")
    )
    entries = f"""
        SELECT coalesce(a.path, b.path) AS path, if('directory' IN (a.kind, b.kind), 'directory', 'file') AS kind,
            {larger}, coalesce(b.{by}, 0) AS before_bytes, coalesce(a.{by}, 0) AS after_bytes
        FROM ({before}) b FULL JOIN ({after}) a ON a.path = b.path"""
    return treemap.within(
        entries.replace("{below}", "starts_with(path, $prefix)"), NODE, path, limit, by=by, inner_limit=inner_limit
    )


PLAN = Plan(
    operation="inventory",
    reads=(_ENTRIES, _FOLDERS),
    tables=(
        Compared(
            table=Table(name="folders", title="Changed folders", columns=_FOLDER_COLUMNS),
            of=_FOLDERS,
            kinds=_FOLDER_KINDS,
            select=_folders,
            has_after="after_files IS NOT NULL",
        ),
        Compared(
            table=Table(name="changes", title="Changed entries", columns=_FILE_COLUMNS),
            of=_ENTRIES,
            kinds=_FILE_KINDS,
            select=_files,
            has_after="after_entry IS NOT NULL",
            has_sums=True,
        ),
    ),
)
