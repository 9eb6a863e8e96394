"""search: matches of patterns in the contents of files. The engine's side is ``ops/search.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

import pydantic

from services.operations._spec import (
    EXTENSION,
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
    """When two letters are the same."""

    SENSITIVE = "sensitive"
    INSENSITIVE = "insensitive"
    SMART = "smart"


class Whole(StrEnum):
    """What a match has to be."""

    PART = "part"
    WORD = "word"
    LINE = "line"


class Binary(StrEnum):
    """What is done with files that hold a NUL byte."""

    SKIP = "skip"
    SEARCH = "search"


class SearchOptions(Options):
    """Options of search."""

    patterns: list[Pattern] = field(
        title="Patterns",
        description="Regular expressions to look for in each line, or texts when Literal is on.",
        widget="verbatim",
        min_length=1,
        max_length=10_000,
    )
    pattern_names: list[Pattern] = field(
        [],
        title="Names",
        description="A name for each pattern, in the same order; without names each pattern is its own name.",
        category="advanced",
        widget="verbatim",
    )
    fixed_strings: bool = field(
        False,
        title="Literal",
        description="Take the patterns as literal texts: a dot is a dot.",
    )
    case: Case = field(
        Case.SENSITIVE,
        title="Letter case",
        description="Smart: capital letters count only in patterns that have one.",
    )
    whole: Whole = field(
        Whole.PART,
        title="Match",
        description="Find a pattern in any part of a line, as whole words, or as the whole line.",
    )
    count_only: bool = field(
        False,
        title="Count only",
        description="Count the matches by file, pattern and folder, and list none.",
    )
    context_before: int = field(
        0,
        title="Lines before",
        description="Lines to show before each match.",
        unit="lines",
        ge=0,
        le=20,
    )
    context_after: int = field(
        0,
        title="Lines after",
        description="Lines to show after each match.",
        unit="lines",
        ge=0,
        le=20,
    )
    encoding: Encoding = field(
        Encoding.AUTO,
        title="Text encoding",
        description="Encoding of files without a byte order mark; auto is UTF-8, other bytes taken as they are.",
        category="advanced",
    )
    binary: Binary = field(
        Binary.SKIP,
        title="Binary files",
        description="Skip files with a NUL byte in their first MiB, or search them as text.",
        category="advanced",
    )
    search_compressed: bool = field(
        False,
        title="In compressed files",
        description="Unpack gzip, zstd, bzip2, xz and lz4 files, told by their first bytes, and search what they hold.",
        category="advanced",
    )
    line_length: int = field(
        1000,
        title="Longest text",
        description="Characters to keep of a line; a longer one is cut around its match.",
        category="advanced",
        unit="characters",
        ge=20,
        le=100_000,
    )
    max_matches_per_file: int | None = field(
        None,
        title="Matches per file",
        description="Leave a file after this many matches.",
        category="advanced",
        unit="matches",
        ge=1,
        le=1_000_000_000,
    )
    max_matches: int = field(
        1_000_000,
        title="Matches in all",
        description="End the search after this many matches; the result then says that it is partial.",
        category="advanced",
        unit="matches",
        ge=1,
        le=100_000_000,
    )

    @pydantic.model_validator(mode="after")
    def _each_has_a_name(self) -> Self:
        names = self.pattern_names or self.patterns
        if len(names) != len(self.patterns):
            raise ValueError(f"there are {len(names)} names for {len(self.patterns)} patterns; name all or none")
        if len(set(names)) != len(names):
            raise ValueError("a name is given twice" if self.pattern_names else "a pattern is given twice")
        return self


def _counts() -> tuple[Column, ...]:
    return (
        Column(name="files", dtype="integer", unit="files", meaning="Files with a match"),
        Column(name="lines", dtype="integer", unit="lines", meaning="Lines with a match"),
        Column(name="matches", dtype="integer", unit="matches", meaning="Matches"),
    )


_PATTERN = Column(name="pattern", dtype="text", meaning="The pattern's name")
_RESULT = (
    *path_columns(),
    _PATTERN,
    Column(name="line", dtype="integer", unit="lines", meaning="Number of the line, from 1"),
    Column(name="column_start", dtype="integer", unit="characters", meaning="Column of the match's start, from 1"),
    Column(name="column_end", dtype="integer", unit="characters", meaning="Column after the match's end"),
    Column(
        name="byte_offset",
        dtype="integer",
        unit="bytes",
        meaning="Start of the match in the file, or in what a compressed file holds",
    ),
    Column(name="text", dtype="text", meaning="The line; � stands for a byte that is not text"),
    Column(
        name="text_start",
        dtype="integer",
        unit="characters",
        meaning="Column where the text begins: more than 1 in a line that was cut",
    ),
    Column(name="line_length", dtype="integer", unit="characters", meaning="Length of the whole line"),
    Column(name="before", dtype="text", meaning="Lines before it, if asked for"),
    Column(name="after", dtype="text", meaning="Lines after it, if asked for"),
)

_SEARCHED = (
    *known_by(),
    words("packed", "How it is compressed, where it was unpacked"),
    words("binary", "yes: it has a NUL byte, and was not searched"),
    words("left_early", "yes: it was left after as many matches as a file may have"),
    integer("read_bytes", "bytes", "What was read of it"),
    *_counts()[1:],
    Column(name="by_pattern", dtype="binary", meaning="Its matches by pattern, for a later job"),
)

OPERATION = Operation(
    name="search",
    title="Search",
    summary="Every match of some patterns in the contents of files, with its line, counted by file and folder.",
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
                Column(name="folder", dtype="text", meaning="Folder in the source; . for files in the source itself"),
                *_counts(),
            ),
        ),
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
        Figure(key="partial", title="Partial"),
        Figure(key="bytes_per_second", title="Rate", unit="bytes/s"),
    ),
    kept=("searched", "result"),
    splits=True,
    cost="O(bytes) reading and matching; memory: the longest line in work, counts per extension and top-level folder",
    examples=(
        Example(
            title="One regular expression",
            files={"src/a.c": b"int a;\nlock(&a);\nunlock(&a);\n", "notes.txt": b"call unlock\n", "x.bin": b"lock(\0"},
            options={"patterns": [r"\b(un)?lock\("]},
            expect={"matches": 2, "matched_files": 1, "files": 2, "binary_skipped": 1, "partial": False},
        ),
        Example(
            title="Two literal texts with names, whatever their case, as whole words",
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
