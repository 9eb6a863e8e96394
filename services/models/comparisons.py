"""Comparisons: frozen models of figures and tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.models.jobs import JobView, Model
from services.models.results import TableInfo


class ComparedJob(Model):
    """One of the two jobs."""

    id: UUID
    name: str | None
    source: str
    finished_at: datetime | None

    @classmethod
    def of(cls, view: JobView) -> ComparedJob:
        """Return what of a job a comparison shows."""
        return cls(id=view.id, name=view.name, source=view.source.label, finished_at=view.finished_at)


class KindCount(Model):
    """How many rows of a table are of a kind of change.

    Attributes:
        rows_after: that are there after; the others are gone.
        before_bytes, after_bytes: of these rows; ``None`` where bytes make no sense.
    """

    kind: str
    meaning: str
    rows: int
    rows_after: int
    before_bytes: int | None
    after_bytes: int | None

    @classmethod
    def of(cls, kind: str, meaning: str, counts: tuple[Any, ...]) -> KindCount:
        """Return the counts of a kind, given in the order of the attributes."""
        rows, rows_after, before_bytes, after_bytes = counts
        return cls(
            kind=kind,
            meaning=meaning,
            rows=rows,
            rows_after=rows_after,
            before_bytes=before_bytes,
            after_bytes=after_bytes,
        )


class ComparedTable(TableInfo):
    """A table of differences; what is the same is not in it.

    Attributes:
        name: to ask for it.
        same_rows: rows that both results have, with nothing different.
        kinds: that it has, in the order of its rows.
    """

    same_rows: int
    kinds: list[KindCount]


class ComparedFigure(Model):
    """A figure of both summaries.

    Attributes:
        unit: as a declared `Figure` has it.
    """

    key: str
    title: str
    unit: str | None
    before: int | float
    after: int | float
    change: int | float


class Comparison(Model):
    """Two results of one operation side by side.

    Attributes:
        same_source: false when paths relative to two sources were compared.
        differs: true when a table has a row that tells more than another time of the same content.
        by: by what contents were told apart; ``None`` where there is but one way.
        notes: what to know before one believes the numbers.
        tables: the main one first.
    """

    operation: str
    before: ComparedJob
    after: ComparedJob
    same_source: bool
    differs: bool
    by: str | None
    notes: list[str]
    figures: list[ComparedFigure]
    tables: list[ComparedTable]
