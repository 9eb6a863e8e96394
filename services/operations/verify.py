"""verify: a tree against a manifest. The engine's side is ``ops/verify.rs``."""

from __future__ import annotations

from enum import StrEnum

from services.operations._spec import (
    REUSED,
    Column,
    Example,
    Figure,
    Operation,
    Options,
    Table,
    Text,
    field,
    kept_table,
    path_columns,
)


class VerifyAlgorithm(StrEnum):
    """The algorithm of a manifest, ``etag`` for S3 ETags, or ``auto`` to find it."""

    AUTO = "auto"
    BLAKE3 = "blake3"
    SHA256 = "sha256"
    SHA1 = "sha1"
    MD5 = "md5"
    XXH3_128 = "xxh3_128"
    CRC32C = "crc32c"
    ETAG = "etag"


class VerifyOptions(Options):
    """Options of verify."""

    manifest: Text = field(
        title="Manifest",
        description="Absolute path of a manifest (sha256sum, md5sum, b3sum, BSD, or S3 ETags) or of a checksum result.",
        widget="path",
        result_of="checksum",
        min_length=1,
        max_length=16_384,
    )
    algorithm: VerifyAlgorithm = field(
        VerifyAlgorithm.AUTO,
        title="Algorithm",
        description="Algorithm of the manifest, etag for S3 ETags; auto finds it from its lines and its name.",
        category="advanced",
    )
    etag_part_bytes: int | None = field(
        None,
        title="Part size of ETags",
        description="Size of the parts in which the objects were uploaded, where their ETags are known to be MD5s: "
        "a file that does not match is then changed, else not verified.",
        category="advanced",
        unit="bytes",
        placeholder="found, of the usual ones",
        ge=1,
        le=5 << 40,
    )
    detect_moves: bool = field(
        True,
        title="Find moves",
        description="Digest files that are not listed, to tell a moved file from a missing and a new one.",
        category="advanced",
    )


_HELLO = b"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
_ETAGS = b'"5d41402abc4b2a76b9719d911017c592"\ta.txt\n"62109206880d38a4010a98e11243924a-1"\tb.txt\n'

OPERATION = Operation(
    name="verify",
    title="Verify",
    summary="Is everything still there and unchanged? Compares files with a manifest; every path gets one status.",
    icon="verified",
    options=VerifyOptions,
    tables=(
        Table(
            name="result",
            title="Paths",
            columns=(
                *path_columns(),
                Column(
                    name="status",
                    dtype="text",
                    meaning="ok, changed, moved, new, missing, unreadable or not_verified; exactly one",
                ),
                Column(name="algorithm", dtype="text", meaning="Algorithm of both digests"),
                Column(name="expected", dtype="text", unit="hexadecimal", meaning="Digest or ETag in the manifest"),
                Column(name="actual", dtype="text", unit="hexadecimal", meaning="Digest or ETag of the file"),
                Column(name="moved_from", dtype="text", meaning="Listed path of a moved file"),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size of the file"),
            ),
        ),
        Table(
            name="by_status",
            title="By status",
            columns=(
                Column(name="status", dtype="text", meaning="Each of the seven"),
                Column(name="files", dtype="integer", unit="files", meaning="Paths with it"),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Their bytes"),
            ),
        ),
        kept_table(
            "digests",
            "attempt",
            Column(name="digest", dtype="text", unit="hexadecimal", meaning="Digest by the manifest's algorithm"),
        ),
    ),
    figures=(
        Figure(key="verdict", title="Verdict"),
        Figure(key="algorithm", title="Algorithm"),
        Figure(key="statuses.ok", title="Ok", unit="files"),
        Figure(key="statuses.changed", title="Changed", unit="files"),
        Figure(key="statuses.moved", title="Moved", unit="files"),
        Figure(key="statuses.new", title="New", unit="files"),
        Figure(key="statuses.missing", title="Missing", unit="files"),
        Figure(key="statuses.unreadable", title="Unreadable", unit="files"),
        Figure(key="statuses.not_verified", title="Not verified", unit="files"),
        REUSED,
    ),
    cost="O(bytes) reading; memory: path and digest of each listed and each new file",
    kept=("digests",),
    # Whether the bytes are still those is what a job is asked: what another one has read of them is no answer.
    again=False,
    examples=(
        Example(
            title="One file as listed, one that is not listed",
            files={"a.txt": b"hello", "new.txt": b"new", "SHA256SUMS": _HELLO + b"  a.txt\n"},
            options={"manifest": "{source}/SHA256SUMS"},
            expect={"verdict": "verified", "algorithm": "sha256"},
        ),
        Example(
            title="S3 ETags: of an upload at once and of one in parts",
            files={"a.txt": b"hello", "b.txt": b"hello", "etags": _ETAGS},
            options={"manifest": "{source}/etags"},
            expect={"verdict": "verified", "algorithm": "etag"},
        ),
    ),
)
