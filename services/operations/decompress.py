"""decompress: unpack or test compressed files and archives. The engine's side is ``ops/decompress.rs``."""

from __future__ import annotations

import gzip
import io
import zipfile

from services.operations._spec import (
    Column,
    Example,
    Figure,
    Operation,
    Options,
    Table,
    Text,
    destination,
    field,
    path_columns,
)


class DecompressOptions(Options):
    """Options of decompress."""

    destination: Text | None = destination(
        "New or empty directory for the unpacked files. Without one, files are unpacked and checked, but not written.",
        "none: only test",
    )
    unpack_archives: bool = field(
        True,
        title="Unpack archives",
        description="Unpack tar and zip into folders. Otherwise, a tar.gz becomes a tar and zip files are skipped.",
    )
    keep_metadata: bool = field(
        True,
        title="Keep metadata",
        description="Preserve permissions, modification times and, if the system allows it, owners.",
        category="advanced",
    )
    max_ratio: int = field(
        1_000,
        title="Maximum ratio",
        description="Skip files that unpack to more than this many times their size (decompression bombs).",
        category="advanced",
        ge=1,
        le=1_000_000_000,
    )
    max_unpacked_bytes: int = field(
        1 << 40,
        title="Maximum unpacked size",
        description="Stop unpacking when the unpacked files reach this total size.",
        category="advanced",
        unit="bytes",
        ge=1,
        le=2**63 - 1,
    )
    max_members: int = field(
        1_000_000,
        title="Maximum members",
        description="Skip archives with more files, folders and links than this.",
        category="advanced",
        unit="members",
        ge=1,
        le=1_000_000_000,
    )


def _zip_example() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # The epoch of zip: the same bytes each time.
        archive.writestr(zipfile.ZipInfo("photos/a.txt"), b"a picture")
        archive.writestr(zipfile.ZipInfo("../outside.txt"), b"where it must not go")
    return buffer.getvalue()


OPERATION = Operation(
    name="decompress",
    title="Decompress",
    summary="Unpacks or tests compressed files and archives, within limits. Formats are detected by content, not by "
    "name.",
    icon="unarchive",
    options=DecompressOptions,
    tables=(
        Table(
            name="result",
            title="Compressed files",
            columns=(
                *path_columns(),
                Column(
                    name="format", dtype="text", meaning="gzip, zstd, xz, bzip2, lz4, tar, a compressed tar, or zip"
                ),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size of the compressed file"),
                Column(name="unpacked_bytes", dtype="integer", unit="bytes", meaning="Size of the unpacked content"),
                Column(
                    name="members",
                    dtype="integer",
                    unit="members",
                    meaning="Members of the archive; null for other files",
                ),
            ),
        ),
        Table(
            name="members",
            title="Members of archives",
            columns=(
                *path_columns(),
                Column(
                    name="member",
                    dtype="text",
                    meaning="Path in the archive; bytes that are not valid UTF-8 are escaped",
                ),
                Column(name="kind", dtype="text", meaning="file, directory, symlink or hard_link"),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size of the member, if it is a file"),
            ),
        ),
    ),
    figures=(
        Figure(key="files", title="Compressed files", unit="files"),
        Figure(key="archives", title="Archives", unit="files"),
        Figure(key="members", title="Members"),
        Figure(key="bytes", title="Size", unit="bytes"),
        Figure(key="unpacked_bytes", title="Unpacked", unit="bytes"),
        Figure(key="other_files", title="Not compressed", unit="files"),
        Figure(key="tested_only", title="Test only"),
        Figure(key="destination", title="Destination", optional=True),
    ),
    cost="O(bytes) unpacking. Memory: at most 128 MiB for each file that is being unpacked",
    examples=(
        Example(
            title="Test compressed files",
            files={
                "good.txt.gz": gzip.compress(b"some text", mtime=0),
                "cut.txt.gz": gzip.compress(b"some text", mtime=0)[:15],
                "evil.zip": _zip_example(),
                "plain.txt": b"not compressed",
            },
            expect={
                "files": 2,
                "archives": 1,
                "members": 2,
                "other_files": 1,
                "tested_only": True,
            },
        ),
    ),
)
