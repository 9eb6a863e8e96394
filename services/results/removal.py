"""What of a duplicates result a rule would keep, and the plan to remove the rest. Nothing is removed here."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from services.base import errors, paths, units
from services.models.jobs import Source
from services.models.results import KeepRule, RemovalPreview, ResultQuery
from services.results import export
from services.results.sql import Schema, Statement, where

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPES: dict[str, str] = {"sh": "text/x-shellscript; charset=utf-8", "csv": export.MEDIA_TYPES["csv"]}
# What a program or a person has called a copy; `copyright` and a year in brackets are none.
_COPY = r"(?i)(^|[^a-z0-9])(copy|backups?)([^a-z]|$)|\(\d{1,3}\)|~(/|$)|\.bak([^a-z]|$)"
_TIES = "is_copy, length(first_path), first_path"
# The file that the result keeps is the oldest, by the same ties: there is one rule for both, and it is the engine's.
_ORDER = {"newest": f"mtime DESC, {_TIES}", "shortest_path": "length(first_path), is_copy, first_path"}
_LISTED = 20
_DECIDED = """
    WITH files AS MATERIALIZED (
        SELECT "group", path, root, role, standing, size_bytes, epoch_ns(modified) AS mtime, inode, device,
            links, {matches} AS matches, root = 'source' AND starts_with(path, ?) AS under,
            standing <> 'through_link' AS is_own FROM {source}
    ), inodes AS (
        SELECT "group", device, inode, min(mtime) AS mtime, min(path) FILTER (is_own) AS first_path,
            regexp_extract(first_path, '[^/]*$') AS name, bool_or(role = 'reference') AS is_reference,
            regexp_matches(first_path, '{copy}') AS is_copy, bool_or(under AND is_own) AS is_under,
            bool_or(standing IN ('kept', 'reference')) AS stays_in_result,
            bool_or(standing IN ('shared_extents', 'linked_elsewhere')) OR max(links) > count(*) FILTER (is_own)
                AS frees_nothing
        FROM files GROUP BY "group", device, inode
    ), weighed AS (
        SELECT *, bool_or(is_reference) OVER (PARTITION BY "group") AS any_reference,
            bool_or(is_under) OVER (PARTITION BY "group") AS any_under,
            row_number() OVER (PARTITION BY {part} ORDER BY {order}) AS place FROM inodes
    ), decided AS (
        SELECT "group", device, inode,
            frees_nothing OR CASE WHEN any_reference THEN is_reference ELSE {chosen} END AS kept FROM weighed
    ), keepers AS (
        SELECT "group", arg_min(files, (mtime IS NULL, path)) AS keeper
        FROM files JOIN decided USING ("group", device, inode) WHERE kept AND is_own GROUP BY "group"
    ), unkept AS (
        SELECT files.*, keeper.path AS keep, keeper.root AS keep_root, keeper.mtime AS keep_mtime,
            mtime IS NOT NULL AND keep_mtime IS NOT NULL AS is_checked
        FROM files JOIN decided USING ("group", device, inode) JOIN keepers USING ("group") WHERE NOT kept AND is_own
    ), planned AS (
        SELECT * FROM unkept WHERE matches AND role = 'candidate'
    ), removed AS (
        SELECT * FROM planned WHERE is_checked
    )"""
# What Parquet's nanoseconds do not hold.
_UNCHECKED = "time, or that of the file to keep, is outside 1678 to 2262 and cannot be checked"
_SCRIPT = """#!/usr/bin/env bash
# Plan to remove duplicates, made by Pravah: job {job}, rule "{rule}", {files} files, {size}.
# Without an option it only shows what it would do. With --remove it removes the copies. With --hardlink each copy
# becomes another name of the kept file, with its owner, permissions and times; with --reflink it shares the kept
# file's blocks (Btrfs, XFS, ZFS). Before each step it checks again: a file that is not as it was when the job read it
# (size, time), or whose kept copy is not, stays. Then it compares both byte for byte, and a file that differs stays.
set -u
export LC_ALL=C
# What was cut off while it was sent or saved does nothing.
if [ ! -f "${{BASH_SOURCE[0]:-}}" ] || [ "$(tail -n 1 -- "${{BASH_SOURCE[0]}}")" != {last} ]; then
  printf 'this plan is not whole: its last line is missing; save all of it to a file, and run the file\\n' >&2; exit 2
fi
case "${{1:-}}" in
  --remove) really=yes; did=removed ;;
  --hardlink) really=yes; did=hard-linked ;;
  --reflink) really=yes; did='made to share blocks' ;;
  '') really=no ;;
  *) printf 'unknown option %s; there are --remove, --hardlink and --reflink\\n' "$1" >&2; exit 2 ;;
esac
how="${{1:-}}"
cd -- {root} || exit 1
removed=0; skipped=0; bytes=0; stay={stay}
as_read() {{ [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c '%s %.9Y' -- "$1")" = "$2 $3" ]; }}
skip() {{ skipped=$((skipped + 1)); printf 'skipped, %s: %s\\n' "$1" "$2" >&2; }}
replace() {{ # path, then a command that makes another file of its content at the place that is named last
  local path="$1" new="$1.pravah-$$"; shift
  if [ -e "$new" ]; then return 1; fi
  # Where blocks cannot be shared, cp leaves an empty file.
  "$@" "$new" || {{ rm -f -- "$new"; return 1; }}
  # A file of its own keeps its owner, permissions and times.
  if [ "$how" = --reflink ] && ! cp --attributes-only --preserve=all -- "$path" "$new"; then
    rm -f -- "$new"; return 1
  fi
  mv -f -- "$new" "$path" || {{ rm -f -- "$new"; return 1; }}
}}
plan() {{ # path, size, time, path of the kept file, its time
  as_read "$1" "$2" "$3" || {{ skip 'changed or gone' "$1"; return; }}
  as_read "$4" "$2" "$5" || {{ skip 'the kept file is changed or gone' "$1"; return; }}
  if [ "$1" -ef "$4" ]; then skip 'it is the kept file itself' "$1"; return; fi
  if [ "$really" = yes ]; then
    # Content may change while size and time stay.
    cmp -s -- "$1" "$4" || {{ skip 'the kept file has other content now' "$1"; return; }}
    case "$how" in
      --remove) rm -- "$1" ;;
      --hardlink) replace "$1" ln -- "$4" ;;
      --reflink) replace "$1" cp --reflink=always -- "$4" ;;
    esac || {{ skip "not $did" "$1"; return; }}
  else printf 'would remove %s, keeping %s\\n' "$1" "$4"; fi
  removed=$((removed + 1)); bytes=$((bytes + $2))
}}
"""
_END = """word='would remove (--remove does it; or --hardlink, --reflink)'
if [ "$really" = yes ]; then word="$did"; fi
printf '%s: %s files, %s bytes; skipped: %s\\n' "$word" "$removed" "$bytes" "$skipped"
if [ -n "$stay" ]; then printf '%s\\n' "$stay"; fi
[ "$skipped" = 0 ]
"""


def preference(path: str, redundant_bytes: int) -> tuple[int, bool, int, str]:
    """Return by what of two equal folders the one that stays is found, the smallest.

    Args:
        path: ties are those of files, `_TIES`.
        redundant_bytes: of its files, as the result counts them: most files of the smallest one stay anyway.
    """
    return redundant_bytes, re.search(_COPY, path) is not None, len(path), path


class Removal:
    """The SQL of a rule on the table ``duplicates.result``."""

    def __init__(self, table: Schema, rule: KeepRule) -> None:
        """Check the rule.

        Raises:
            InvalidOptionsError: a filter is not acceptable, or the rule lacks its folder.
        """
        folder = rule.folder.strip("/")
        prefix = posixpath.normpath(folder) if folder else ""
        if rule.keep == "under" and not prefix:
            raise errors.InvalidOptionsError("the rule `under` requires a folder", field="folder")
        condition = where(table, ResultQuery(filters=rule.filters))
        self._source = table.source
        self._folder = "" if prefix == "." else f"{prefix}/"
        self._values = (*condition.values, self._folder)
        self._decided = _DECIDED.format(
            matches=condition.text.removeprefix("WHERE ") or "true",
            source=table.source,
            part='"group", name' if rule.keep == "each_name" else '"group"',
            copy=_COPY,
            # What is listed only through links is never removed, so it needs no other one to stay.
            order=f"first_path IS NULL, {_ORDER.get(rule.keep, f'stays_in_result DESC, mtime, {_TIES}')}",
            chosen="is_under OR NOT any_under" if rule.keep == "under" else "place = 1",
        )

    def below(self) -> Statement:
        """Return the statement for the number of duplicates below the rule's folder."""
        text = f"SELECT count(*) FROM {self._source} WHERE root = 'source' AND starts_with(path, ?)"
        return Statement(text, (self._folder,))

    def sums(self) -> Statement:
        """Return the statement for files, bytes, groups, all groups and files that cannot be checked."""
        text = f"""{self._decided}, whole AS (
            SELECT any_value(size_bytes) AS size_bytes FROM unkept
            GROUP BY "group", device, inode HAVING bool_and(matches AND is_checked)
        ) SELECT (SELECT count(*) FROM removed), (SELECT coalesce(sum(size_bytes), 0)::BIGINT FROM whole),
            (SELECT count(DISTINCT "group") FROM removed), (SELECT count(DISTINCT "group") FROM files),
            (SELECT count(*) FROM planned WHERE NOT is_checked)"""
        return Statement(text, self._values)

    def first(self) -> Statement:
        """Return the statement for the largest ones."""
        text = f"{self._decided} SELECT path, keep, size_bytes FROM removed ORDER BY size_bytes DESC, path"
        return Statement(f"{text} LIMIT {_LISTED}", self._values)

    def rows(self) -> Statement:
        """Return the statement for all of the plan, the largest first; times are in nanoseconds since 1970."""
        text = f"""{self._decided}
            SELECT path, size_bytes, mtime AS modified_ns, keep, keep_root, keep_mtime AS keep_modified_ns
            FROM removed ORDER BY size_bytes DESC, "group", path"""
        return Statement(text, self._values)


def preview(sums: tuple[Any, ...], first: list[tuple[Any, ...]]) -> RemovalPreview:
    """Return the answers to `Removal.sums` and `Removal.first` in one."""
    files, size, groups, all_groups, unchecked = sums
    listed = [dict(zip(("path", "keep", "size_bytes"), row, strict=True)) for row in first]
    untouched = all_groups - groups
    return RemovalPreview(
        files=files,
        reclaimable_bytes=size,
        groups=groups,
        untouched_groups=untouched,
        unchecked_files=unchecked,
        first=listed,
    )


def unchecked(files: int) -> str:
    """Return why files stay that the rule does not keep; empty if there are none."""
    if not files:
        return ""
    words = "more file stays: its" if files == 1 else "more files stay: their"
    return f"{files:,} {words} {_UNCHECKED}."


def script(
    reader: pa.RecordBatchReader, job: str, rule: KeepRule, source: Source, sums: tuple[Any, ...]
) -> Iterator[bytes]:
    """Return a bash script (GNU coreutils) that looks at each file again before it removes it.

    Args:
        reader: the rows of `Removal.rows`.
        sums: the answer to `Removal.sums`.
    """
    words = f"keep {rule.keep.replace('_', ' ')}"
    files, size = f"{sums[0]:,}", units.format_bytes(sums[1])
    told = {"root": source.os_path, "last": _last(job), "stay": unchecked(sums[-1])}
    quoted = {name: paths.shell_quoted(word) for name, word in told.items()}
    text = _SCRIPT.format(job=job, rule=words, files=files, size=size, **quoted)
    for batch in reader:
        # Together with the first rows: an error before them is one of the request.
        yield os.fsencode(f"{text}{''.join(map(_step, batch.to_pylist()))}")
        text = ""
    yield os.fsencode(f"{text}{_END}{_last(job)}\n")


def _last(job: str) -> str:
    return f"# The plan of job {job} ends here."


def _step(row: dict[str, Any]) -> str:
    path = paths.shell_quoted(os.fsdecode(b"./" + paths.unescape(row["path"])))
    kept = paths.shell_quoted(os.fsdecode(_kept(row)))
    times = _seconds(row["modified_ns"]), _seconds(row["keep_modified_ns"])
    return f"plan {path} {row['size_bytes']} {times[0]} {kept} {times[1]}\n"


def _kept(row: dict[str, Any]) -> bytes:
    path = paths.unescape(row["keep"])
    return b"./" + path if row["keep_root"] == "source" else paths.unescape(row["keep_root"]) + b"/" + path


def _seconds(nanoseconds: int) -> str:
    """Return a time as GNU stat writes it: ``%.9Y``."""
    whole, rest = divmod(abs(nanoseconds), 10**9)
    return f"{'-' if nanoseconds < 0 else ''}{whole}.{rest:09d}"
