"""The walk rules, shared by all operations: which files of a source are included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import pydantic

from services.operations._spec import Options, Text, field

# What 64 bits of nanoseconds hold, as the engine's times are.
_FIRST_YEAR, _LAST_YEAR = 1678, 2261


def _utc(value: datetime) -> datetime:
    # A time without a zone is taken as UTC, so that a job means the same on every machine.
    try:
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"the time must be between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment


Moment = Annotated[datetime, pydantic.AfterValidator(_utc)]


class WalkOptions(Options):
    """Which files of a source are included; the engine's ``walk/rules.rs`` defines the order of the rules."""

    include_hidden: bool = field(
        True, title="Hidden files", description="Include files and folders whose name starts with a dot."
    )
    ignore_globs: list[Text] = field(
        [],
        title="Exclude",
        description="Patterns of files and folders to exclude, as in .gitignore, also with alternatives: *.{log,tmp}. "
        "A pattern without a slash matches at any depth.",
        widget="globs",
    )
    extensions: list[Text] = field(
        [], title="Extensions", description="Include only files with these extensions; empty = all.", widget="globs"
    )
    include_globs: list[Text] = field(
        [],
        title="Include",
        description="Include only files whose path matches one of these patterns; empty = all.",
        category="advanced",
        widget="globs",
    )
    min_size_bytes: int | None = field(
        None,
        title="Minimum size",
        description="Include only files of at least this size.",
        category="advanced",
        unit="bytes",
        ge=0,
        le=2**63 - 1,
    )
    max_size_bytes: int | None = field(
        None,
        title="Maximum size",
        description="Include only files of at most this size.",
        category="advanced",
        unit="bytes",
        ge=0,
        le=2**63 - 1,
    )
    modified_since: Moment | None = field(
        None,
        title="Modified since",
        description="Include only files modified at or after this time.",
        category="advanced",
        widget="time",
    )
    modified_before: Moment | None = field(
        None,
        title="Modified before",
        description="Include only files modified before this time.",
        category="advanced",
        widget="time",
    )
    max_depth: int | None = field(
        None,
        title="Maximum depth",
        description="Levels of folders to enter; 1 = only the entries of the source itself.",
        category="advanced",
        unit="levels",
        ge=1,
        le=2**32 - 2,
    )
    follow_links: bool = field(
        False,
        title="Follow links",
        description="Follow symbolic links into allowed directories. Loops are detected.",
        category="advanced",
    )
    one_file_system: bool = field(
        False, title="One file system", description="Do not enter other file systems (mounts).", category="advanced"
    )

    @pydantic.model_validator(mode="after")
    def _bounds(self) -> WalkOptions:
        low, high = self.min_size_bytes, self.max_size_bytes
        if low is not None and high is not None and low > high:
            raise ValueError("min_size_bytes must not be larger than max_size_bytes")
        return self
