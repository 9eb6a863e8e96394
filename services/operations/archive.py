"""archive: a directory in one file. The engine's side is ``ops/archive.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

import pydantic

from services.operations._spec import (
    MODIFIED,
    Column,
    Example,
    Figure,
    Operation,
    Options,
    Table,
    field,
    path_columns,
)
from services.operations.compress import Format, check_level


class Form(StrEnum):
    """The form of an archive: the end of its name."""

    TAR_ZSTD = "tar.zst"
    TAR_GZIP = "tar.gz"
    TAR_XZ = "tar.xz"
    TAR_BZIP2 = "tar.bz2"
    TAR_LZ4 = "tar.lz4"
    TAR = "tar"
    ZIP = "zip"


_FORMATS = {
    Form.TAR_ZSTD: Format.ZSTD,
    Form.TAR_GZIP: Format.GZIP,
    Form.TAR_XZ: Format.XZ,
    Form.TAR_BZIP2: Format.BZIP2,
    Form.TAR_LZ4: Format.LZ4,
    Form.TAR: None,
    Form.ZIP: Format.GZIP,
}
_NAME = r"^[^./\\\u0000-\u001f\u007f-\u009f][^/\\\u0000-\u001f\u007f-\u009f]*$"
_NAME_CHARACTERS = 60
"""Of up to four bytes each: the longest name that a file system takes, less what is put around it meanwhile."""


class ArchiveOptions(Options):
    """Options of archive."""

    form: Form = field(
        Form.TAR_ZSTD,
        title="Archive format",
        description="Format of the archive. zip compresses each file separately; the others compress the whole tar.",
    )
    level: int | None = field(
        None,
        title="Level",
        description="Higher is smaller and slower. Without one, the default level of the compression's own tool.",
        placeholder="default",
        ge=0,
        le=22,
    )
    archive_name: Annotated[str, pydantic.Field(pattern=_NAME)] = field(
        "archive",
        title="File name",
        description="Name of the archive without extension. It must not contain a slash or start with a dot.",
        max_length=_NAME_CHARACTERS,
    )
    verify_output: bool = field(
        True,
        title="Verify",
        description="Read the archive back, unpack it and compare it with the source.",
        category="advanced",
    )

    @pydantic.model_validator(mode="after")
    def _the_form_has_the_level(self) -> Self:
        check_level(_FORMATS[self.form], self.level)
        return self


OPERATION = Operation(
    name="archive",
    title="Archive",
    summary="Packs a directory into one tar or zip file to download. The same files always give the same bytes.",
    icon="folder_zip",
    options=ArchiveOptions,
    tables=(
        Table(
            name="result",
            title="Entries",
            columns=(
                *path_columns(),
                Column(name="kind", dtype="text", meaning="file, directory or symlink"),
                Column(
                    name="size_bytes",
                    dtype="integer",
                    unit="bytes",
                    meaning="Size of the content; 0 for a hard link to an earlier entry",
                ),
                MODIFIED,
            ),
        ),
    ),
    figures=(
        Figure(key="form", title="Format"),
        Figure(key="files", title="Files", unit="files"),
        Figure(key="directories", title="Directories", unit="directories"),
        Figure(key="links", title="Links"),
        Figure(key="bytes", title="Size", unit="bytes"),
        Figure(key="archive_bytes", title="Archive size", unit="bytes"),
        Figure(key="packed_percent", title="Compressed to", unit="%"),
        Figure(key="attributes_left_out", title="Extended attributes left out (all but user.*; all of them in a zip)"),
        Figure(key="times_cut", title="Times outside 1678 to 2262, stored as the nearest one"),
        Figure(key="verified", title="Read back and compared"),
    ),
    cost="O(bytes) reading and compressing. Memory: about 150 bytes for each entry, plus at most 1 GiB",
    examples=(
        Example(
            title="A folder to send to a colleague",
            files={"report/text.md": b"# Report\n", "report/data.csv": b"a,b\n1,2\n"},
            options={"form": "zip", "archive_name": "report"},
            expect={"form": "zip", "files": 2, "directories": 1, "bytes": 17, "verified": True},
        ),
    ),
)
