"""decompress: compressed files and archives unpacked, or tested. The engine's side is ``ops/decompress.rs``."""

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
        "New or empty directory for what is unpacked; without one, all is unpacked and checked, and nothing written.",
        "none: only a test",
    )
    unpack_archives: bool = field(
        True,
        title="Archives as folders",
        description="Unpack tar and zip into folders; otherwise a tar.gz becomes a tar, and a zip is left.",
    )
    keep_metadata: bool = field(
        True,
        title="Keep metadata",
        description="Keep permissions, times of change and, where the system allows it, owners.",
        category="advanced",
    )
    max_ratio: int = field(
        1_000,
        title="Largest ratio",
        description="Leave a file that unpacks to more than this many times its size: it is a bomb.",
        category="advanced",
        ge=1,
        le=1_000_000_000,
    )
    max_unpacked_bytes: int = field(
        1 << 40,
        title="Most bytes",
        description="Leave all files that are to come once those before them unpacked to this many bytes.",
        category="advanced",
        unit="bytes",
        ge=1,
        le=2**63 - 1,
    )
    max_members: int = field(
        1_000_000,
        title="Most members",
        description="Leave an archive that holds more files, folders and links than this.",
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
    summary="Every compressed file and archive unpacked within limits, or only tested; told by content, not by name.",
    icon="unarchive",
    options=DecompressOptions,
    tables=(
        Table(
            name="result",
            title="Compressed files",
            columns=(
                *path_columns(),
                Column(name="format", dtype="text", meaning="gzip, zstd, xz, bzip2, lz4, tar, tar in one of them, zip"),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size of the compressed file"),
                Column(name="unpacked_bytes", dtype="integer", unit="bytes", meaning="What came out"),
                Column(name="members", dtype="integer", unit="members", meaning="Members of an archive"),
            ),
        ),
        Table(
            name="members",
            title="Members of archives",
            columns=(
                *path_columns(),
                Column(name="member", dtype="text", meaning="Name in the archive, escaped where it is not text"),
                Column(name="kind", dtype="text", meaning="file, directory, symlink or hard_link"),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size of a file"),
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
        Figure(key="tested_only", title="Only tested"),
        Figure(key="destination", title="Destination", optional=True),
    ),
    cost="O(bytes) unpacking; memory: at most 128 MiB for each file in work",
    examples=(
        Example(
            title="Are these files whole?",
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
