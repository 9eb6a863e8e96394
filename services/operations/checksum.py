"""checksum: digests of every file. The engine's side is ``ops/checksum.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pydantic

from services.operations._spec import (
    REUSED,
    Column,
    Example,
    Figure,
    Operation,
    Options,
    Table,
    field,
    integer,
    kept_table,
    known_by,
)


class Algorithm(StrEnum):
    """A digest algorithm, in the order of the result's columns."""

    BLAKE3 = "blake3"
    SHA256 = "sha256"
    SHA1 = "sha1"
    MD5 = "md5"
    XXH3_128 = "xxh3_128"
    CRC32C = "crc32c"


def _unique(values: list[Algorithm]) -> list[Algorithm]:
    if len(set(values)) != len(values):
        raise ValueError("an algorithm is named twice")
    return values


class ChecksumOptions(Options):
    """Options of checksum."""

    algorithms: Annotated[
        list[Algorithm], pydantic.AfterValidator(_unique), pydantic.Field(json_schema_extra={"uniqueItems": True})
    ] = field(
        [Algorithm.BLAKE3],
        title="Algorithms",
        description="Digests to compute, all in one read of the data. BLAKE3 is the fastest safe one.",
        min_length=1,
    )
    write_manifests: bool = field(
        True,
        title="Manifests",
        description="Write a manifest for each algorithm, as sha256sum -c, md5sum -c and b3sum --check read it.",
    )


OPERATION = Operation(
    name="checksum",
    title="Checksum",
    summary="Digests of every file, with manifests that other tools read; the proof a copy is compared to.",
    icon="fingerprint",
    options=ChecksumOptions,
    tables=(
        Table(
            name="result",
            title="Digests",
            columns=(
                *known_by(integer("size_bytes", "bytes", "Size of what was read")),
                *(
                    Column(
                        name=algorithm.value,
                        dtype="text",
                        unit="hexadecimal",
                        meaning=f"{algorithm.name.replace('_', '-')} digest",
                        optional=True,
                    )
                    for algorithm in Algorithm
                ),
            ),
        ),
        kept_table(
            "parts",
            "attempt",
            integer("offset", "bytes", "Where the part begins, in a file that is digested by BLAKE3 alone"),
            integer("length", "bytes", "Size of the part"),
            Column(name="chaining_value", dtype="text", unit="hexadecimal", meaning="What BLAKE3 makes of the part"),
            optional=True,
        ),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        Figure(key="bytes", title="Size", unit="bytes"),
        REUSED,
        Figure(key="algorithms", title="Algorithms"),
        Figure(key="bytes_per_second", title="Rate", unit="bytes/s"),
    ),
    cost="O(bytes) reading and hashing; memory does not grow with the tree, but with that of a baseline",
    kept=("result", "parts"),
    splits=True,
    examples=(
        Example(
            title="Two files, two algorithms, one read",
            files={"a.txt": b"hello", "b/c.bin": b"\x00" * 1000},
            options={"algorithms": ["blake3", "sha256"]},
            expect={"files": 2, "bytes": 1005, "algorithms": ["blake3", "sha256"]},
        ),
    ),
)
