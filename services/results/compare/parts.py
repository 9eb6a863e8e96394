"""The vocabulary of comparisons: two sides, the plan of an operation, and the SQL that all plans share.

Paths are joined by their shown text. It loses no byte: what is no text, and the backslash itself, is escaped in it
(``paths.py``), so that two names are equal exactly when their shown texts are; and without the bytes a row is half as
wide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.models.jobs import JobView
from services.operations import Column, Table
from services.results.sql import Schema

ISSUES = "issues"


@dataclass(frozen=True)
class Side:
    """One of the two results.

    Attributes:
        result: what the outcome says of the operation.
        tables: by name, without the operation's; ``issues`` is the job's own.
    """

    job: JobView
    result: Mapping[str, Any]
    tables: Mapping[str, Schema]

    def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        return next((int(one["rows"]) for one in self.result["tables"] if one["name"] == table), 0)


@dataclass(frozen=True)
class Pair:
    """The two sides."""

    before: Side
    after: Side

    def both_have(self, table: str, column: str) -> bool:
        """Return whether a table has a column on both sides; older results lack newer ones."""
        return all(column in side.tables[table].types for side in (self.before, self.after))


Make = Callable[[str], str]
"""Writes the rows of a SELECT beside the result and returns what to put behind FROM: a step of its own needs the memory
of its own operators alone."""


@dataclass(frozen=True)
class Compared:
    """A table of differences.

    Attributes:
        table: its declaration; every one has a column ``kind``.
        of: the operation's table whose rows it compares.
        kinds: kind → what it means, in the order in which rows are listed.
        select: the SELECT of its rows, sorted; it may make steps on the way.
        has_after: SQL condition of a row that is there after.
        has_sums: bytes of a kind make sense: no row holds another.
    """

    table: Table
    of: str
    kinds: Mapping[str, str]
    select: Callable[[Pair, Make], str]
    has_after: str = "after_bytes IS NOT NULL"
    has_sums: bool = False


@dataclass(frozen=True)
class Plan:
    """How two results of an operation are compared.

    Attributes:
        reads: tables of the operation that it needs.
        tables: what it makes, the main one first.
        check: raises InvalidOptionsError where there is nothing to compare by.
        notes: what to know of this pair.
        by: by what contents are told apart.
        harmless: kinds that are no difference.
    """

    operation: str
    reads: tuple[str, ...]
    tables: tuple[Compared, ...]
    check: Callable[[Pair], None] = lambda pair: None
    notes: Callable[[Pair], list[str]] = lambda pair: []
    by: Callable[[Pair], str | None] = lambda pair: None
    harmless: frozenset[str] = field(default_factory=frozenset)


def kind_column(kinds: Mapping[str, str]) -> Column:
    """Return the column that says what is different."""
    return Column(name="kind", dtype="text", meaning="; ".join(f"{kind}: {what}" for kind, what in kinds.items()))


def before_after(name: str, unit: str, what: str, *, change: bool = True) -> tuple[Column, ...]:
    """Return the columns of a number on both sides, and of the difference."""
    columns = (
        Column(name=f"before_{name}", dtype="integer", unit=unit, meaning=f"{what} before"),
        Column(name=f"after_{name}", dtype="integer", unit=unit, meaning=f"{what} after"),
        Column(name=f"change_{name}", dtype="integer", unit=unit, meaning=f"{what}: after less before"),
    )
    return columns if change else columns[:2]


def rank(kinds: Mapping[str, str]) -> str:
    """Return the SQL that puts the kinds into their order."""
    return f"list_position([{', '.join(quoted(kind) for kind in kinds)}], kind)"


def quoted(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def unread(side: Side) -> str:
    """Return the SELECT of the paths that a job could not read."""
    return f"SELECT path FROM {side.tables[ISSUES].source} WHERE path IS NOT NULL"


def common_notes(pair: Pair) -> list[str]:
    """Return what is to be known of any pair: other sources, other rules, issues."""
    before, after = pair.before, pair.after
    notes = []
    if before.job.source != after.job.source:
        labels = f"{before.job.source.label} (before) and {after.job.source.label} (after)"
        notes.append(f"The jobs have different sources; paths relative to each source are compared: {labels}.")
    if before.job.walk != after.job.walk:
        notes.append("The walk options are different: files that only one of the jobs included are listed, too.")
    if before.result["options"] != after.result["options"]:
        names = sorted(set(before.result["options"]) | set(after.result["options"]))
        other = [name for name in names if before.result["options"].get(name) != after.result["options"].get(name)]
        notes.append(f"The options are different: {', '.join(other)}.")
    for word, side in (("before", before), ("after", after)):
        if side.job.issues_count:
            count = f"{side.job.issues_count:,} issue{'s' if side.job.issues_count > 1 else ''}"
            notes.append(f"The job {word} had {count}: files that it could not read are not in its result.")
    return notes
