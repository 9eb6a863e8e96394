"""compress: a compressed mirror of a tree, or an estimate of one. The engine's side is ``ops/compress.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

import pydantic

from services.operations._spec import (
    EXTENSION,
    REUSED,
    Column,
    Example,
    Figure,
    Operation,
    Options,
    Table,
    Text,
    destination,
    field,
    made,
    path_columns,
)


class Format(StrEnum):
    """A format of compressed files."""

    ZSTD = "zstd"
    GZIP = "gzip"
    XZ = "xz"
    BZIP2 = "bzip2"
    LZ4 = "lz4"


LEVELS = {
    Format.ZSTD: (1, 22),
    Format.GZIP: (1, 9),
    Format.XZ: (0, 9),
    Format.BZIP2: (1, 9),
    Format.LZ4: (1, 1),
}
"""The least and the highest level of each."""


def check_level(compression: Format | None, level: int | None) -> None:
    """Refuse a level that a format does not have.

    Raises:
        ValueError: saying which ones it has.
    """
    if level is None:
        return
    if compression is None:
        raise ValueError("a tar alone is not compressed and has no level")
    least, highest = LEVELS[compression]
    if not least <= level <= highest:
        raise ValueError(f"{compression} has the levels {least} to {highest}")


class CompressOptions(Options):
    """Options of compress."""

    format: Format = field(
        Format.ZSTD,
        title="File format",
        description="Format of the compressed files; zstd is the fastest for its ratio, gzip is read everywhere.",
    )
    level: int | None = field(
        None,
        title="Level",
        description="Higher is smaller and slower; without one, that of the format's own tool.",
        placeholder="the usual one",
        ge=0,
        le=22,
    )
    destination: Text | None = destination(
        "New or empty directory for the compressed files; without one, an estimate of what they would save.",
        "none: only an estimate",
    )
    verify_output: bool = field(
        True,
        title="Verify",
        description="Unpack each file again after it was written, and compare it to what was read.",
        category="advanced",
    )
    keep_metadata: bool = field(
        True,
        title="Keep metadata",
        description="Keep permissions, times of change and, where the system allows it, owners.",
        category="advanced",
    )

    @pydantic.model_validator(mode="after")
    def _the_format_has_the_level(self) -> Self:
        check_level(self.format, self.level)
        return self


_FILES = Column(name="files", dtype="integer", unit="files", meaning="Files")
_SIZE = Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size before")
_SAMPLED = Column(
    name="sampled_bytes", dtype="integer", unit="bytes", meaning="Bytes that were compressed: all of them, or a sample"
)

OPERATION = Operation(
    name="compress",
    title="Compress",
    summary="Every file compressed into a mirror of the tree; or first an estimate of what that would save.",
    icon="compress",
    options=CompressOptions,
    tables=(
        Table(
            name="result",
            title="Files",
            columns=(
                *path_columns(),
                EXTENSION,
                _SIZE,
                _SAMPLED,
                Column(name="packed_bytes", dtype="integer", unit="bytes", meaning="What the compressed bytes came to"),
            ),
        ),
        Table(
            name="by_extension",
            title="By extension",
            columns=(
                EXTENSION,
                _FILES,
                _SIZE,
                _SAMPLED,
                Column(
                    name="packed_bytes",
                    dtype="integer",
                    unit="bytes",
                    meaning="Size after; of an estimate what all files would come to",
                ),
                Column(name="packed_percent", dtype="integer", unit="%", meaning="Size after, of that before"),
            ),
        ),
        made(),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        Figure(key="packed_bytes", title="Compressed", unit="bytes"),
        Figure(key="packed_percent", title="Of its size", unit="%"),
        Figure(key="saved_bytes", title="Saved", unit="bytes"),
        Figure(key="estimated", title="Estimated"),
        Figure(key="estimated_seconds", title="Would take", unit="seconds", optional=True),
        Figure(key="destination", title="Destination", optional=True),
        REUSED.model_copy(update={"optional": True}),
    ),
    cost="O(bytes) reading and compressing, at most 1 GiB of memory; an estimate compresses at most about 128 MiB",
    kept=("made",),
    # A later job has a destination of its own.
    again=False,
    examples=(
        Example(
            title="What would zstd save?",
            files={"log.txt": b"the same line again\n" * 5_000, "noise.bin": bytes(range(256))},
            expect={"estimated": True, "files": 2, "bytes": 100_256, "format": "zstd", "level": 3},
        ),
        Example(
            title="And gzip at its highest level?",
            files={"table.csv": b"1,2,3\n" * 10_000},
            options={"format": "gzip", "level": 9},
            expect={"estimated": True, "files": 1, "packed_percent": 1},
        ),
    ),
)
