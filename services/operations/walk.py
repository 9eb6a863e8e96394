"""The walk rules, shared by all operations: what of a source is visited."""

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
        raise ValueError(f"the time lies outside of the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment


Moment = Annotated[datetime, pydantic.AfterValidator(_utc)]


class WalkOptions(Options):
    """What of a source is visited; the rules' order stands in the engine's ``walk/rules.rs``."""

    include_hidden: bool = field(
        True, title="Hidden files", description="Visit files and folders whose name starts with a dot."
    )
    ignore_globs: list[Text] = field(
        [],
        title="Leave out",
        description="Patterns of what to leave out, as in .gitignore; one without a slash matches at any depth.",
        widget="globs",
    )
    extensions: list[Text] = field(
        [], title="Only extensions", description="Take only files with these extensions; none = all.", widget="globs"
    )
    include_globs: list[Text] = field(
        [],
        title="Only matching",
        description="Take only files whose path matches one of these patterns; none = all.",
        category="advanced",
        widget="globs",
    )
    min_size_bytes: int | None = field(
        None,
        title="At least",
        description="Take only files of at least this size.",
        category="advanced",
        unit="bytes",
        ge=0,
        le=2**63 - 1,
    )
    max_size_bytes: int | None = field(
        None,
        title="At most",
        description="Take only files of at most this size.",
        category="advanced",
        unit="bytes",
        ge=0,
        le=2**63 - 1,
    )
    modified_since: Moment | None = field(
        None,
        title="Modified since",
        description="Take only files modified at or after this time.",
        category="advanced",
        widget="time",
    )
    modified_before: Moment | None = field(
        None,
        title="Modified before",
        description="Take only files modified before this time.",
        category="advanced",
        widget="time",
    )
    max_depth: int | None = field(
        None,
        title="Depth",
        description="How many levels of folders to enter; 1 = the source's own entries.",
        category="advanced",
        unit="levels",
        ge=1,
        le=2**32 - 2,
    )
    follow_links: bool = field(
        False,
        title="Follow links",
        description="Follow symbolic links, without loops and only into allowed directories.",
        category="advanced",
    )
    one_file_system: bool = field(
        False, title="One file system", description="Stay on the source's file system.", category="advanced"
    )

    @pydantic.model_validator(mode="after")
    def _bounds(self) -> WalkOptions:
        low, high = self.min_size_bytes, self.max_size_bytes
        if low is not None and high is not None and low > high:
            raise ValueError("min_size_bytes exceeds max_size_bytes")
        return self
