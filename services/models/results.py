"""A question to a result table, and its answer; which duplicates to keep."""

from __future__ import annotations

from typing import Any, Literal, get_args

import pydantic
from pydantic import Field

from services.base import errors
from services.models.jobs import Model
from services.operations import Text

Keep = Literal["oldest", "newest", "shortest_path", "under", "each_name"]
PlanForm = Literal["sh", "csv"]
Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "contains", "starts_with", "in", "is_null", "not_null"]


class Filter(Model):
    """One condition; several are joined by AND."""

    column: str
    operator: Operator
    value: str = ""


class ResultQuery(Model):
    """What of a table is wanted.

    Attributes:
        search: text that any text column contains, in any case.
        sort: columns, a leading ``-`` for descending.
        spreadsheet: an export as CSV has an apostrophe before each text that a spreadsheet takes for a formula.
    """

    columns: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sort: tuple[str, ...] = ()
    search: str = Field(default="", max_length=500)
    offset: int = Field(default=0, ge=0, le=2**62)
    limit: int = Field(default=100, ge=0)
    spreadsheet: bool = False


class TableInfo(Model):
    """A table of a job's result.

    Attributes:
        name: ``<operation>.<table>``; ``issues`` is the job's own.
    """

    name: str
    title: str
    rows: int
    size_bytes: int
    columns: list[dict[str, Any]]


class ResultPage(Model):
    """Some rows of a table.

    Attributes:
        rows: JSON values; bytes as escaped text, times as ISO 8601.
        total_rows: that match, on all pages.
    """

    columns: list[str]
    rows: list[dict[str, Any]]
    total_rows: int
    elapsed_seconds: float


class KeepRule(Model):
    """Which file of each group stays.

    A group with a file in a reference keeps the reference's; the rule is for the others. Names of one inode stay or
    go together, unless `filters` spare one of them. A copy that shares its blocks with another, or has names that the
    walk did not meet, is left alone: its removal frees nothing. A path through a symbolic link is never removed. A
    file whose time is not known stays, and so do the copies of one: a plan could not check that it is as it was.

    Attributes:
        keep: ``oldest`` (the file that the result calls kept), ``newest``, ``shortest_path``: one file of each group;
            ``under``: those below `folder`, in groups that have one there; ``each_name``: the oldest file of each
            distinct name.
        folder: for ``under``; relative to the source, as the result shows it.
        filters: only rows that match may be removed, e.g. ``extension:eq:jpg``.
    """

    keep: Keep = "oldest"
    folder: Text = Field(default="", max_length=16_384)
    filters: tuple[Filter, ...] = ()


class RemovalPreview(Model):
    """What a rule would remove.

    Attributes:
        files: names to remove.
        reclaimable_bytes: of the inodes all of whose names go.
        groups: that lose a file.
        untouched_groups: that lose none.
        unchecked_files: names that the rule does not keep, but that stay: their time, or that of the file to keep, is
            outside 1678 to 2262, so that a plan cannot check it.
        first: ``{"path", "keep", "size_bytes"}`` of some, the largest first.
    """

    files: int
    reclaimable_bytes: int
    groups: int
    untouched_groups: int
    unchecked_files: int
    first: list[dict[str, Any]]


def for_spreadsheet(asked: bool, form: str, name: str = "spreadsheet") -> bool:
    """Return what was asked.

    Args:
        name: of the option, as its user writes it.

    Raises:
        InvalidOptionsError: the form has no cells that a spreadsheet could take for formulas.
    """
    if asked and form != "csv":
        remedy = "Leave it out: other formats do not change any value."
        raise errors.InvalidOptionsError(f"{name} is for csv, not for {form}", remedy=remedy, field="spreadsheet")
    return asked


def parse_filter(text: str) -> Filter:
    """Read ``column:operator:value``.

    Raises:
        InvalidOptionsError: it has another form.
    """
    column, _, rest = text.partition(":")
    operator, _, value = rest.partition(":")
    try:
        return Filter(column=column, operator=operator, value=value)
    except pydantic.ValidationError:
        known = ", ".join(get_args(Operator))
        message = f"filter {text!r} is invalid; use column:operator:value with one of the operators {known}"
        raise errors.InvalidOptionsError(message, field="filter") from None


def parse_sort(text: str) -> tuple[str, ...]:
    """Read ``-size_bytes,path``."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
