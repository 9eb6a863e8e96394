"""What a folder of an inventory holds: the SQL behind the treemap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from services.base import errors
from services.results.sql import Schema, Statement

Measure = Literal["size_bytes", "allocated_bytes"]
_NODE = ("path", "parent", "kind", "size_bytes", "allocated_bytes", "files")


def children(folders: Schema, entries: Schema, path: str, limit: int, *, by: Measure, inner_limit: int) -> Statement:
    """Return the statement for a folder's children and theirs, a child before its own; see `ResultService.treemap`."""
    return within(whole(folders, entries), _NODE, path, limit, by=by, inner_limit=inner_limit)


def whole(folders: Schema, entries: Schema) -> str:
    """Return a SELECT of all folders and files of an inventory, with what is below them."""
    return f"""
        SELECT path, 'directory' AS kind, size_bytes, allocated_bytes, files FROM {folders.source}
        UNION ALL
        SELECT path, 'file', size_bytes, allocated_bytes, 1 FROM {entries.source} WHERE kind <> 'directory'"""


def within(entries: str, columns: Sequence[str], path: str, limit: int, *, by: Measure, inner_limit: int) -> Statement:
    """Return the statement for what a SELECT of folders and files has in a folder.

    Args:
        entries: with all of `columns` but ``parent``.

    Raises:
        InvalidOptionsError: `by` is no size.
    """
    if by not in get_args(Measure):
        raise errors.InvalidOptionsError(
            f"{by!r} is not a valid size; use one of: {', '.join(get_args(Measure))}", field="by"
        )
    below = "starts_with(path, $prefix) AND path <> '.' AND slashes <= $levels"
    rest = "substr(path, length($prefix) + 1)"
    text = f"""
        WITH entries AS ({entries}), inside AS (
            SELECT *, length({rest}) - length(replace({rest}, '/', '')) AS slashes FROM entries WHERE {below}
        ), ranked AS (
            SELECT *, if(slashes = 0, $path, left(path, length(path) - strpos(reverse(path), '/'))) AS parent,
                row_number() OVER (PARTITION BY parent ORDER BY {by} DESC, path) AS place FROM inside
        ), children AS (SELECT * FROM ranked WHERE slashes = 0 AND place <= $limit)
        SELECT {", ".join(columns)} FROM (
            SELECT * FROM children UNION ALL
            SELECT * FROM ranked WHERE slashes = 1 AND place <= $inner
                AND parent IN (SELECT path FROM children WHERE kind = 'directory')
        ) ORDER BY slashes, {by} DESC, path"""
    values = {
        "prefix": "" if path == "." else f"{path}/",
        "path": path,
        "levels": 1 if inner_limit > 0 else 0,
        "limit": limit,
        "inner": inner_limit,
    }
    return Statement(text, values)


def node(row: tuple[Any, ...], columns: Sequence[str] = _NODE) -> dict[str, Any]:
    """Return a row as a node of the map."""
    found = dict(zip(columns, row, strict=True))
    return {**found, "name": found["path"].rpartition("/")[2]}
