"""duplicates: files of one content, and what is only here. The engine's side is ``ops/duplicates.rs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

import pydantic

from services.operations._spec import (
    EXTENSION,
    MODIFIED,
    REUSED,
    Column,
    Example,
    Figure,
    Operation,
    Options,
    Table,
    Text,
    field,
    known_by,
    path_columns,
)


class ContentDigest(StrEnum):
    """A digest that tells contents apart."""

    BLAKE3 = "blake3"
    SHA256 = "sha256"
    SHA1 = "sha1"
    MD5 = "md5"
    XXH3_128 = "xxh3_128"


class DuplicatesOptions(Options):
    """Options of duplicates."""

    references: list[Text] = field(
        [],
        title="References",
        description="Directories that are kept: files elsewhere with the same content are the redundant ones.",
        widget="path",
        max_length=100,
    )
    only_against_reference: bool = field(
        False,
        title="Only against the reference",
        description="Look for copies of what the references hold, not for copies among the other files.",
    )
    min_file_bytes: int = field(
        1,
        title="Smallest file to compare",
        description="Leave out smaller files; empty ones are all alike and never compared.",
        unit="bytes",
        ge=1,
        le=2**63 - 1,
    )
    folders: bool = field(
        True,
        title="Whole folders",
        description="Also find folders whose whole content is a copy of another folder's.",
    )
    confirm_bytes: bool = field(
        False,
        title="Compare byte by byte",
        description="Read what has one digest once more and compare each byte.",
        category="advanced",
    )
    algorithm: ContentDigest = field(
        ContentDigest.BLAKE3,
        title="Digest",
        description="The digest that tells contents apart; BLAKE3 is the fastest safe one.",
        category="advanced",
    )

    @pydantic.model_validator(mode="after")
    def _needs_a_reference(self) -> Self:
        if self.only_against_reference and not self.references:
            raise ValueError("only_against_reference needs a directory in references")
        return self


_ROOT = Column(name="root", dtype="text", meaning="source, or the reference it lies in")
_ROLE = Column(name="role", dtype="text", meaning="reference: kept; candidate: may be removed")
_SIZE = Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size of one file")
_RECLAIMABLE = Column(
    name="reclaimable_bytes", dtype="integer", unit="bytes", meaning="What removing the redundant ones frees"
)
_GROUP = Column(name="group", dtype="integer", unit="number", meaning="Number of the group, 1 = most to reclaim")
_INODE = Column(name="inode", dtype="unsigned", meaning="Inode number; names of one inode are one file")
_DEVICE = Column(name="device", dtype="unsigned", meaning="Number of the file system")
_DIGEST = Column(name="digest", dtype="text", unit="hexadecimal", meaning="Digest of the content")


def _files(meaning: str) -> Column:
    return Column(name="files", dtype="integer", unit="files", meaning=meaning)


_RESULT = (
    _GROUP,
    *path_columns(),
    _ROOT,
    _ROLE,
    Column(
        name="standing",
        dtype="text",
        meaning="reference; kept: the one of its group to keep; redundant; hard_link: another name of a file above it; "
        "shared_extents: a copy that shares its blocks, so that removing it frees nothing",
    ),
    _SIZE,
    _RECLAIMABLE,
    MODIFIED,
    EXTENSION,
    _INODE,
    _DEVICE,
    _DIGEST,
)
_GROUPS = (
    _GROUP,
    *path_columns(),
    _files("Names with this content"),
    Column(name="inodes", dtype="integer", unit="inodes", meaning="Files with this content, each counted once"),
    Column(name="references", dtype="integer", unit="files", meaning="Of them in references"),
    _SIZE,
    _RECLAIMABLE,
    EXTENSION,
    _DIGEST,
)
_FOLDERS = (
    Column(name="group", dtype="integer", unit="number", meaning="Folders of one number hold the same"),
    *path_columns(),
    _ROOT,
    _ROLE,
    _files("Files in it, at any depth"),
    Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Bytes in it"),
    _RECLAIMABLE,
)
_BY_FOLDER = (
    *path_columns(),
    Column(name="depth", dtype="integer", unit="folders", meaning="Folders above it, below the source"),
    _files("Redundant files in it, at any depth"),
    Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Bytes in it, redundant or not"),
    _RECLAIMABLE,
)
_HARD_LINKS = (
    Column(name="link", dtype="integer", unit="number", meaning="Names of one number are one file"),
    *path_columns(),
    _ROOT,
    _ROLE,
    _SIZE,
    _INODE,
    _DEVICE,
)
_LOOKED_AT = (*known_by(_SIZE), _ROOT)

OPERATION = Operation(
    name="duplicates",
    title="Duplicates",
    summary="Files of the same content, what they waste, copied folders, and what is in no reference.",
    icon="content_copy",
    options=DuplicatesOptions,
    tables=(
        Table(name="result", title="Duplicate files", columns=_RESULT),
        Table(name="groups", title="Groups", columns=_GROUPS),
        Table(name="folders", title="Copied folders", columns=_FOLDERS, optional=True),
        Table(name="by_folder", title="By folder", columns=_BY_FOLDER),
        Table(name="by_extension", title="By extension", columns=(EXTENSION, _files("Redundant files"), _RECLAIMABLE)),
        Table(name="hard_links", title="Hard links", columns=_HARD_LINKS),
        Table(
            name="unique",
            title="In no reference",
            columns=(*path_columns(), _SIZE, MODIFIED, EXTENSION),
            optional=True,
        ),
        Table(
            name="ends",
            title="Files compared by their ends",
            columns=(
                *_LOOKED_AT,
                Column(name="ends", dtype="binary", meaning="XXH3-128 of both ends, of all of a small file"),
            ),
        ),
        Table(name="contents", title="Files compared by their contents", columns=(*_LOOKED_AT, _DIGEST)),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        REUSED,
        Figure(key="groups", title="Groups"),
        Figure(key="redundant_files", title="Redundant", unit="files"),
        Figure(key="reclaimable_bytes", title="Reclaimable", unit="bytes"),
        Figure(key="hard_linked_inodes", title="Hard-linked"),
        Figure(key="folder_groups", title="Sets of copied folders"),
        Figure(key="unread_files", title="Not compared", unit="files"),
        Figure(key="reference.safe_to_wipe", title="Safe to wipe", optional=True),
        Figure(key="reference.unique_files", title="In no reference", unit="files", optional=True),
    ),
    kept=("ends", "contents"),
    cost="Reads only files whose size occurs twice, and those that differ early only at their ends; memory: 40 bytes "
    "and a name for each file, since any two may be alike",
    examples=(
        Example(
            title="Three names of one content, two of another",
            files={"a.txt": b"hello", "b/a.txt": b"hello", "b/c.txt": b"hello", "x": b"12345678", "y": b"12345678"},
            expect={"groups": 2, "redundant_files": 3, "reclaimable_bytes": 18},
        ),
        Example(
            title="Is everything of a folder in the reference too?",
            files={"old/a": b"one", "old/b": b"two!", "backup/a-copy": b"one"},
            options={"references": ["{source}/backup"], "only_against_reference": True},
            expect={
                "groups": 1,
                "redundant_files": 1,
                "reference": {"safe_to_wipe": "no", "unique_files": 1, "unique_bytes": 4, "not_compared_files": 0},
            },
        ),
    ),
)
