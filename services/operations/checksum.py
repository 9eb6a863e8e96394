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
    baseline_table,
    field,
    integer,
    known_by,
)


class Algorithm(StrEnum):
    """A digest algorithm, in the order of the result's columns."""

    BLAKE3 = "blake3"
    SHA256 = "sha256"
    SHA512 = "sha512"
    SHA1 = "sha1"
    MD5 = "md5"
    XXH3_128 = "xxh3_128"
    CRC32C = "crc32c"


def _unique(values: list[Algorithm]) -> list[Algorithm]:
    if len(set(values)) != len(values):
        raise ValueError("an algorithm is listed twice")
    return values


class ChecksumOptions(Options):
    """Options of checksum."""

    algorithms: Annotated[
        list[Algorithm], pydantic.AfterValidator(_unique), pydantic.Field(json_schema_extra={"uniqueItems": True})
    ] = field(
        [Algorithm.BLAKE3],
        title="Algorithms",
        description="Checksums to compute. All are computed in one read. BLAKE3 is the fastest secure one.",
        min_length=1,
    )
    write_manifests: bool = field(
        True,
        title="Manifests",
        description="Write a manifest for each algorithm. sha256sum -c, md5sum -c and b3sum --check can read them.",
    )


OPERATION = Operation(
    name="checksum",
    title="Checksum",
    summary="Computes a checksum of every file and writes manifests that sha256sum and other tools can check.",
    icon="fingerprint",
    options=ChecksumOptions,
    tables=(
        Table(
            name="result",
            title="Checksums",
            columns=(
                *known_by(integer("size_bytes", "bytes", "Bytes that were read")),
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
        baseline_table(
            "parts",
            "attempt",
            integer("offset", "bytes", "Start of the part of a large file; only if BLAKE3 is the only algorithm"),
            integer("length", "bytes", "Size of the part"),
            Column(
                name="chaining_value", dtype="text", unit="hexadecimal", meaning="BLAKE3 chaining value of the part"
            ),
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
    cost="O(bytes) reading and hashing. Memory does not grow with the number of files, unless there is a baseline",
    baseline_tables=("result", "parts"),
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
