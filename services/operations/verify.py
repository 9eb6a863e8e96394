"""verify: compare files with a manifest. The engine's side is ``ops/verify.rs``."""

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
    baseline_table,
    field,
    path_columns,
)


class VerifyAlgorithm(StrEnum):
    """The algorithm of a manifest, ``etag`` for S3 ETags, or ``auto`` to find it."""

    AUTO = "auto"
    BLAKE3 = "blake3"
    SHA256 = "sha256"
    SHA512 = "sha512"
    SHA1 = "sha1"
    MD5 = "md5"
    XXH3_128 = "xxh3_128"
    CRC32C = "crc32c"
    ETAG = "etag"


class VerifyOptions(Options):
    """Options of verify."""

    manifest: Text = field(
        title="Manifest",
        description="Absolute path of a manifest (sha256sum, md5sum, b3sum, BSD format, or S3 ETags) or of a checksum "
        "result.",
        widget="path",
        result_of="checksum",
        min_length=1,
        max_length=16_384,
    )
    algorithm: VerifyAlgorithm = field(
        VerifyAlgorithm.AUTO,
        title="Algorithm",
        description="Algorithm of the manifest; etag for S3 ETags. Auto: detected from its lines and its name.",
        category="advanced",
    )
    etag_part_bytes: int | None = field(
        None,
        title="ETag part size",
        description="Part size of the uploads, if you know that the ETags are MD5s. Files that do not match are then "
        "reported as changed, otherwise as not verified.",
        category="advanced",
        unit="bytes",
        placeholder="common sizes are tried",
        ge=1,
        le=5 << 40,
    )
    detect_moves: bool = field(
        True,
        title="Find moved files",
        description="Read files that are not in the manifest, to report a moved file as moved instead of missing and "
        "new.",
        category="advanced",
    )


_HELLO = b"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
_ETAGS = b'"5d41402abc4b2a76b9719d911017c592"\ta.txt\n"62109206880d38a4010a98e11243924a-1"\tb.txt\n'

OPERATION = Operation(
    name="verify",
    title="Verify",
    summary="Compares files with a manifest: is everything still there and unchanged? Every path gets one status.",
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
                    meaning="ok, changed, moved, new, missing, unreadable or not_verified",
                ),
                Column(name="algorithm", dtype="text", meaning="Algorithm of the digests"),
                Column(name="expected", dtype="text", unit="hexadecimal", meaning="Digest or ETag in the manifest"),
                Column(name="actual", dtype="text", unit="hexadecimal", meaning="Digest or ETag of the file"),
                Column(name="moved_from", dtype="text", meaning="Path in the manifest, if the file was moved"),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size of the file"),
            ),
        ),
        Table(
            name="by_status",
            title="By status",
            columns=(
                Column(name="status", dtype="text", meaning="One of the seven statuses"),
                Column(name="files", dtype="integer", unit="files", meaning="Paths with this status"),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Total size; none for missing paths"),
            ),
        ),
        baseline_table(
            "digests",
            "attempt",
            Column(
                name="digest", dtype="text", unit="hexadecimal", meaning="Digest with the algorithm of the manifest"
            ),
        ),
    ),
    figures=(
        Figure(key="verdict", title="Verdict"),
        Figure(key="algorithm", title="Algorithm"),
        Figure(key="statuses.ok", title="OK", unit="files"),
        Figure(key="statuses.changed", title="Changed", unit="files"),
        Figure(key="statuses.moved", title="Moved", unit="files"),
        Figure(key="statuses.new", title="New", unit="files"),
        Figure(key="statuses.missing", title="Missing", unit="files"),
        Figure(key="statuses.unreadable", title="Unreadable", unit="files"),
        Figure(key="statuses.not_verified", title="Not verified", unit="files"),
        REUSED,
    ),
    cost="O(bytes) reading. Memory: path and digest of each file in the manifest and of each new file",
    baseline_tables=("digests",),
    # Whether the bytes are still those is what a job is asked: what another one has read of them is no answer.
    again=False,
    examples=(
        Example(
            title="One file that matches, one that is not in the manifest",
            files={"a.txt": b"hello", "new.txt": b"new", "SHA256SUMS": _HELLO + b"  a.txt\n"},
            options={"manifest": "{source}/SHA256SUMS"},
            expect={"verdict": "verified", "algorithm": "sha256"},
        ),
        Example(
            title="S3 ETags: one single upload, one multipart upload",
            files={"a.txt": b"hello", "b.txt": b"hello", "etags": _ETAGS},
            options={"manifest": "{source}/etags"},
            expect={"verdict": "verified", "algorithm": "etag"},
        ),
    ),
)
