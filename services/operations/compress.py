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
"""The lowest and the highest level of each format."""


def check_level(compression: Format | None, level: int | None) -> None:
    """Refuse a level that a format does not have.

    Raises:
        ValueError: saying which ones it has.
    """
    if level is None:
        return
    if compression is None:
        raise ValueError("tar without compression has no level; remove the level, or choose a compressed format")
    least, highest = LEVELS[compression]
    if not least <= level <= highest:
        raise ValueError(f"the level of {compression} must be between {least} and {highest}")


class CompressOptions(Options):
    """Options of compress."""

    format: Format = field(
        Format.ZSTD,
        title="Format",
        description="Format of the compressed files. zstd is the fastest for its ratio; every system can read gzip.",
    )
    level: int | None = field(
        None,
        title="Level",
        description="Higher is smaller and slower. Without one, the default level of the format's own tool.",
        placeholder="default",
        ge=0,
        le=22,
    )
    destination: Text | None = destination(
        "New or empty directory for the compressed files. Without one, the job only estimates the savings.",
        "none: only estimate",
    )
    verify_output: bool = field(
        True,
        title="Verify",
        description="Read each compressed file back, unpack it and compare it with the source.",
        category="advanced",
    )
    keep_metadata: bool = field(
        True,
        title="Keep metadata",
        description="Preserve permissions, modification times and, if the system allows it, owners.",
        category="advanced",
    )

    @pydantic.model_validator(mode="after")
    def _the_format_has_the_level(self) -> Self:
        check_level(self.format, self.level)
        return self


_FILES = Column(name="files", dtype="integer", unit="files", meaning="Files")
_SIZE = Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Original size")
_SAMPLED = Column(
    name="sampled_bytes",
    dtype="integer",
    unit="bytes",
    meaning="Bytes that were compressed: all, or a sample for an estimate",
)

OPERATION = Operation(
    name="compress",
    title="Compress",
    summary="Compresses every file into a mirror of the directory, or estimates how much space that would save.",
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
                Column(name="packed_bytes", dtype="integer", unit="bytes", meaning="Compressed size of these bytes"),
                Column(
                    name="written_as",
                    dtype="text",
                    meaning="Path of the compressed file below the destination: a.1.zst if a link is called a.zst",
                ),
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
                    meaning="Compressed size; for an estimate, of all files",
                ),
                Column(
                    name="packed_percent",
                    dtype="integer",
                    unit="%",
                    meaning="Compressed size in percent of the original size",
                ),
            ),
        ),
        made(),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        Figure(key="packed_bytes", title="Compressed", unit="bytes"),
        Figure(key="packed_percent", title="Compressed to", unit="%"),
        Figure(key="saved_bytes", title="Saved", unit="bytes"),
        Figure(key="estimated", title="Estimated"),
        Figure(key="estimated_seconds", title="Estimated time", unit="seconds", optional=True),
        Figure(key="times_cut", title="Times that the destination does not support", optional=True),
        Figure(key="destination", title="Destination", optional=True),
        REUSED.model_copy(update={"optional": True}),
    ),
    cost="O(bytes) reading and compressing. Memory: at most 1 GiB. An estimate compresses about 128 MiB at most",
    baseline_tables=("made",),
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
