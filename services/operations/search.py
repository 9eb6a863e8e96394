"""search: matches of patterns in the contents of files. The engine's side is ``ops/search.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

import pydantic

from services.operations._spec import (
    ENCODING_NAMES,
    ENCODINGS,
    EXTENSION,
    FOUND_ENCODING,
    REUSED,
    Column,
    Encoding,
    Example,
    Figure,
    Operation,
    Options,
    Table,
    Text,
    field,
    integer,
    known_by,
    path_columns,
    words,
)

_CHARACTERS = 10_000
Pattern = Annotated[Text, pydantic.Field(min_length=1, max_length=_CHARACTERS)]


class Case(StrEnum):
    """Whether upper and lower case are different."""

    SENSITIVE = "sensitive"
    INSENSITIVE = "insensitive"
    SMART = "smart"


class Whole(StrEnum):
    """Where a pattern may match."""

    PART = "part"
    WORD = "word"
    LINE = "line"


class Binary(StrEnum):
    """How files with a NUL byte are handled."""

    SKIP = "skip"
    SEARCH = "search"


class SearchOptions(Options):
    """Options of search."""

    patterns: list[Pattern] = field(
        title="Patterns",
        description="Regular expressions to search for in each line; with Literal, plain texts.",
        widget="verbatim",
        min_length=1,
        max_length=10_000,
    )
    pattern_names: list[Pattern] = field(
        [],
        title="Names",
        description="A name for each pattern, in the same order. Without names, the pattern itself is the name.",
        category="advanced",
        widget="verbatim",
    )
    fixed_strings: bool = field(
        False,
        title="Literal",
        description="Treat the patterns as plain text: a dot matches only a dot.",
    )
    case: Case = field(
        Case.SENSITIVE,
        title="Letter case",
        description="Whether case matters. Smart: only for patterns that contain a capital letter.",
    )
    whole: Whole = field(
        Whole.PART,
        title="Match",
        description="Match any part of a line, only whole words, or only whole lines.",
    )
    count_only: bool = field(
        False,
        title="Count only",
        description="Count matches by file, pattern and folder, without listing them.",
    )
    context_before: int = field(
        0,
        title="Lines before",
        description="Lines of context to show before each match.",
        unit="lines",
        ge=0,
        le=20,
    )
    context_after: int = field(
        0,
        title="Lines after",
        description="Lines of context to show after each match.",
        unit="lines",
        ge=0,
        le=20,
    )
    encoding: Encoding = field(
        Encoding.AUTO,
        title="Encoding",
        description="Encoding of files without a byte order mark. Auto: detected for each file, see By encoding; bytes "
        f"of no encoding are matched as they are. utf-8: all bytes are matched as they are. {ENCODING_NAMES}",
        category="advanced",
    )
    binary: Binary = field(
        Binary.SKIP,
        title="Binary files",
        description="Skip files with a NUL character in their first MiB, or search them like text files. UTF-16 is "
        "text.",
        category="advanced",
    )
    search_compressed: bool = field(
        False,
        title="Search compressed files",
        description="Unpack gzip, zstd, bzip2, xz and lz4 files and search their content. The format is detected from "
        "the first bytes.",
        category="advanced",
    )
    line_length: int = field(
        1000,
        title="Maximum line length",
        description="Characters to store of each line; longer lines are cut around the match.",
        category="advanced",
        unit="characters",
        ge=20,
        le=100_000,
    )
    max_matches_per_file: int | None = field(
        None,
        title="Maximum matches per file",
        description="Stop searching a file after this many matches.",
        category="advanced",
        unit="matches",
        ge=1,
        le=1_000_000_000,
    )
    max_matches: int = field(
        1_000_000,
        title="Maximum matches",
        description="Stop the search after this many matches; the result is then partial.",
        category="advanced",
        unit="matches",
        ge=1,
        le=100_000_000,
    )

    @pydantic.model_validator(mode="after")
    def _each_has_a_name(self) -> Self:
        names = self.pattern_names or self.patterns
        if len(names) != len(self.patterns):
            raise ValueError(
                f"{len(self.patterns)} patterns have {len(names)} names; give a name for each pattern, or none"
            )
        if len(set(names)) != len(names):
            raise ValueError("a name is used twice" if self.pattern_names else "a pattern is listed twice")
        return self


def _counts() -> tuple[Column, ...]:
    return (
        Column(name="files", dtype="integer", unit="files", meaning="Files with a match"),
        Column(name="lines", dtype="integer", unit="lines", meaning="Lines with a match"),
        Column(name="matches", dtype="integer", unit="matches", meaning="Matches"),
    )


_PATTERN = Column(name="pattern", dtype="text", meaning="Name of the pattern")
_RESULT = (
    *path_columns(),
    _PATTERN,
    Column(name="line", dtype="integer", unit="lines", meaning="Line number, counted from 1"),
    Column(
        name="column_start", dtype="integer", unit="characters", meaning="First column of the match, counted from 1"
    ),
    Column(name="column_end", dtype="integer", unit="characters", meaning="Column after the last one of the match"),
    Column(
        name="byte_offset",
        dtype="integer",
        unit="offset",
        meaning="Start of the match in the file, or in the unpacked content of a compressed file; null in encodings "
        "of one or more bytes a character, such as shift_jis, after the first character that is not ASCII",
    ),
    Column(name="text", dtype="text", meaning="The line; � replaces bytes that are not valid text"),
    Column(
        name="text_start",
        dtype="integer",
        unit="characters",
        meaning="Column where `text` begins; more than 1 if the line was cut",
    ),
    Column(name="line_length", dtype="integer", unit="characters", meaning="Length of the whole line"),
    Column(name="before", dtype="text", meaning="Lines before the match, if requested"),
    Column(name="after", dtype="text", meaning="Lines after the match, if requested"),
)

_SEARCHED = (
    *known_by(),
    words("packed", "Compression of the file, if it was unpacked"),
    words("binary", "yes: the file has a NUL byte and was skipped"),
    words("left_early", "yes: the search stopped at the maximum matches per file"),
    integer("read_bytes", "bytes", "Bytes that were read"),
    *_counts()[1:],
    Column(name="by_pattern", dtype="binary", meaning="Matches by pattern, for a later job"),
    *FOUND_ENCODING,
)

OPERATION = Operation(
    name="search",
    title="Search",
    summary="Finds patterns in the content of files: every match with its line, and counts by file and folder.",
    icon="search",
    options=SearchOptions,
    tables=(
        Table(name="result", title="Matches", columns=_RESULT),
        Table(name="by_file", title="By file", columns=(*path_columns(), *_counts()[1:])),
        Table(
            name="by_pattern",
            title="By pattern",
            columns=(_PATTERN, Column(name="expression", dtype="text", meaning="The pattern itself"), *_counts()),
        ),
        Table(
            name="by_extension",
            title="By extension",
            columns=(
                EXTENSION,
                *_counts(),
            ),
        ),
        Table(
            name="by_folder",
            title="By pattern and folder",
            columns=(
                _PATTERN,
                Column(name="folder", dtype="text", meaning="Top-level folder; . for files directly in the source"),
                *_counts(),
            ),
        ),
        ENCODINGS,
        Table(name="searched", title="Files searched", columns=_SEARCHED),
    ),
    figures=(
        Figure(key="matches", title="Matches"),
        Figure(key="lines", title="Lines with a match"),
        Figure(key="matched_files", title="Files with a match", unit="files"),
        Figure(key="files", title="Files searched", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        REUSED,
        Figure(key="binary_skipped", title="Binary files skipped", unit="files"),
        Figure(key="invalid_files", title="Not valid in encoding", unit="files"),
        Figure(key="partial", title="Stopped at a limit"),
        Figure(key="bytes_per_second", title="Rate", unit="bytes/s"),
    ),
    baseline_tables=("searched", "result"),
    splits=True,
    cost="O(bytes) reading and matching. Memory: the longest line, and counts for each extension and top-level folder",
    examples=(
        Example(
            title="One regular expression",
            files={"src/a.c": b"int a;\nlock(&a);\nunlock(&a);\n", "notes.txt": b"call unlock\n", "x.bin": b"lock(\0"},
            options={"patterns": [r"\b(un)?lock\("]},
            expect={"matches": 2, "matched_files": 1, "files": 2, "binary_skipped": 1, "partial": False},
        ),
        Example(
            title="Two plain texts with names, case-insensitive, as whole words",
            files={"a.log": b"Error: disk full\nwarning: late\n", "b/c.log": b"no errors\nWARNING\n"},
            options={
                "patterns": ["error", "warning"],
                "pattern_names": ["bad", "odd"],
                "fixed_strings": True,
                "case": "insensitive",
                "whole": "word",
            },
            expect={"matches": 3, "lines": 3, "patterns": {"bad": 1, "odd": 2}},
        ),
        Example(
            title="A compressed log, up to a limit",
            files={
                "old.log.gz": bytes.fromhex("1f8b08000000000002034bcbcfe74acbcf4fe1cacbe7020010d97a1b0c000000"),
                "new.log": b"food\n",
            },
            options={"patterns": ["foo"], "search_compressed": True, "max_matches": 1},
            expect={"matches": 1, "partial": True},
        ),
    ),
)
