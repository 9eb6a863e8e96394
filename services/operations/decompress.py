"""decompress: unpack or test compressed files and archives. The engine's side is ``ops/decompress.rs``."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import Annotated

import pydantic

from services.operations._spec import (
    Column,
    Encoding,
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

_NOT_FOR_NAMES = {Encoding.AUTO, Encoding.LATIN1, Encoding.UTF_16LE, Encoding.UTF_16BE, Encoding.ISO_2022_JP}
_ENCODINGS = f"^({'|'.join(['cp437', *(name for name in Encoding if name not in _NOT_FOR_NAMES)])})$"


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
    zip_encoding: Annotated[str, pydantic.Field(pattern=_ENCODINGS)] | None = field(
        None,
        title="Encoding of names in zips",
        description="How to read names that are not UTF-8: cp437, or an encoding of the WHATWG standard, such as "
        "ibm866, shift_jis, gbk, big5, euc-kr, koi8-r or windows-1252. By default it is detected.",
        placeholder="detect, else cp437",
        category="advanced",
    )
    allow_outside_links: bool = field(
        False,
        title="Links that lead out of their archive",
        description="Also create absolute links and links that leave the archive's folder. Files are never written "
        "through a link.",
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
    ratio_from_bytes: int = field(
        1 << 30,
        title="Check the ratio from",
        description="The maximum ratio counts for files that unpack to more than this. Smaller files do no harm.",
        category="advanced",
        unit="bytes",
        ge=0,
        le=2**63 - 1,
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
                    name="status",
                    dtype="text",
                    meaning="whole; damaged: broken, or not what its name says; incomplete: partly refused or not "
                    "checked",
                ),
                Column(
                    name="format", dtype="text", meaning="gzip, zstd, xz, bzip2, lz4, tar, a compressed tar, or zip"
                ),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size of the compressed file"),
                Column(
                    name="unpacked_bytes",
                    dtype="integer",
                    unit="bytes",
                    meaning="Size of the unpacked content; null if it was not unpacked",
                ),
                Column(
                    name="members",
                    dtype="integer",
                    unit="members",
                    meaning="Members of the archive; null for other files",
                ),
                Column(
                    name="written_as",
                    dtype="text",
                    meaning="Path of the unpacked file or folder below the destination. Files that would get the same "
                    "name keep their full names",
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
                Column(
                    name="note",
                    dtype="text",
                    meaning="What is special: it replaces an earlier member of its name, or how its name was decoded",
                ),
            ),
        ),
    ),
    figures=(
        Figure(key="verdict", title="Verdict"),
        Figure(key="statuses.whole", title="Whole", unit="files"),
        Figure(key="statuses.damaged", title="Damaged", unit="files"),
        Figure(key="statuses.incomplete", title="Incomplete", unit="files"),
        Figure(key="files", title="Compressed files", unit="files"),
        Figure(key="archives", title="Archives", unit="files"),
        Figure(key="members", title="Members"),
        Figure(key="replaced_members", title="Members replaced by a later one of the same name"),
        Figure(key="full_names", title="Files that kept their full name (app.zip beside app.tar.gz)", unit="files"),
        Figure(key="attributes_left_out", title="Extended attributes that the destination does not support"),
        Figure(key="special_bits_left_out", title="Members without their setuid, setgid or sticky bit"),
        Figure(key="times_cut", title="Times that the destination does not support"),
        Figure(key="bytes", title="Size", unit="bytes"),
        Figure(key="unpacked_bytes", title="Unpacked", unit="bytes"),
        Figure(key="other_files", title="Not compressed", unit="files"),
        Figure(key="links", title="Links"),
        Figure(key="left_out", title="Left out by filters", unit="entries"),
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
                "verdict": "damaged",
                "statuses": {"whole": 1, "incomplete": 1, "damaged": 1, "unseen": 0},
                "files": 2,
                "archives": 1,
                "members": 2,
                "other_files": 1,
                "tested_only": True,
            },
        ),
    ),
)
