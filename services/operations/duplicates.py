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
    """A digest that identifies a content."""

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
        description="Directories whose files always stay. Copies of their files elsewhere are redundant.",
        widget="path",
        max_length=100,
    )
    only_against_reference: bool = field(
        False,
        title="Compare only with references",
        description="Find only copies of files in the references. Copies among the other files are not reported.",
    )
    min_file_bytes: int = field(
        1,
        title="Minimum size to compare",
        description="Smaller files are not compared. Empty files are never compared.",
        unit="bytes",
        ge=1,
        le=2**63 - 1,
    )
    folders: bool = field(
        True,
        title="Find copied folders",
        description="Also find folders with exactly the same content as another folder.",
    )
    confirm_bytes: bool = field(
        False,
        title="Compare byte by byte",
        description="Read files with equal digests again and compare every byte. Always done with SHA-1, MD5 and "
        "XXH3, where different contents can be made to have one digest.",
        category="advanced",
    )
    algorithm: ContentDigest = field(
        ContentDigest.BLAKE3,
        title="Digest",
        description="Digest that identifies equal content. BLAKE3 is the fastest secure one.",
        category="advanced",
    )

    @pydantic.model_validator(mode="after")
    def _needs_a_reference(self) -> Self:
        if self.only_against_reference and not self.references:
            raise ValueError("only_against_reference requires at least one directory in references")
        return self


_ROOT = Column(name="root", dtype="text", meaning="`source`, or the reference directory that contains the file")
_ROLE = Column(name="role", dtype="text", meaning="reference: always stays; candidate: may be removed")
_SIZE = Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Size of one file")
_RECLAIMABLE = Column(
    name="reclaimable_bytes", dtype="integer", unit="bytes", meaning="Space that removing the redundant files frees"
)
_GROUP = Column(name="group", dtype="integer", unit="number", meaning="Number of the group; 1 = frees most")
_INODE = Column(name="inode", dtype="unsigned", meaning="Inode number; paths with the same inode are the same file")
_DEVICE = Column(name="device", dtype="unsigned", meaning="Number of the file system")
_LINKS = Column(name="links", dtype="integer", unit="paths", meaning="Paths of the inode, scanned or not")
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
        meaning="reference: in a reference directory; kept: the file of the group to keep; redundant: a copy; "
        "hard_link: another name of a listed file; through_link: a path to a listed file through a symbolic link or a "
        "mount, or what may be one: a file that an overlay shows, for example, or a copy of a file that is in memory "
        "only; shared_extents: a copy that shares its "
        "disk blocks, linked_elsewhere: a copy with paths outside of the scanned files, so that removing it frees "
        "nothing",
    ),
    _SIZE,
    _RECLAIMABLE,
    MODIFIED,
    EXTENSION,
    _INODE,
    _DEVICE,
    _LINKS,
    _DIGEST,
)
_GROUPS = (
    _GROUP,
    *path_columns(),
    _files("Paths with this content"),
    Column(name="inodes", dtype="integer", unit="inodes", meaning="Files with this content; hard links count once"),
    Column(name="references", dtype="integer", unit="files", meaning="Paths in references"),
    _SIZE,
    _RECLAIMABLE,
    EXTENSION,
    _DIGEST,
)
_FOLDERS = (
    Column(
        name="group",
        dtype="integer",
        unit="number",
        meaning="Number of the group; folders with the same number have the same content",
    ),
    *path_columns(),
    _ROOT,
    _ROLE,
    _files("Files in the folder, at any depth"),
    Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Total size of the folder"),
    _RECLAIMABLE,
)
_BY_FOLDER = (
    *path_columns(),
    Column(name="depth", dtype="integer", unit="folders", meaning="Depth below the source"),
    _files("Redundant files in the folder, at any depth"),
    Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Total size of the folder, redundant or not"),
    _RECLAIMABLE,
)
_HARD_LINKS = (
    Column(
        name="link",
        dtype="integer",
        unit="number",
        meaning="Number of the file; paths with the same number are the same file",
    ),
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
    summary="Finds files with the same content, the space they waste, copied folders, and files without a copy.",
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
            title="Without a copy in the references",
            columns=(*path_columns(), _SIZE, MODIFIED, EXTENSION),
            optional=True,
        ),
        Table(
            name="ends",
            title="Files compared by start and end",
            columns=(
                *_LOOKED_AT,
                Column(
                    name="ends",
                    dtype="binary",
                    meaning="XXH3-128 of the start and the end of the file; of all of a small file",
                ),
            ),
        ),
        Table(name="contents", title="Files compared by content", columns=(*_LOOKED_AT, _DIGEST)),
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
        Figure(key="reference.unique_files", title="Without a copy in the references", unit="files", optional=True),
        Figure(key="reference.left_out", title="Left out by filters", unit="entries", optional=True),
    ),
    baseline_tables=("ends", "contents"),
    cost="Reads only files that have the same size as another file; of files with different ends, only the ends. "
    "Memory: 40 bytes plus the name for each file",
    examples=(
        Example(
            title="Three files with one content, two with another",
            files={"a.txt": b"hello", "b/a.txt": b"hello", "b/c.txt": b"hello", "x": b"12345678", "y": b"12345678"},
            expect={"groups": 2, "redundant_files": 3, "reclaimable_bytes": 18},
        ),
        Example(
            title="Check that a folder is completely in a reference",
            files={"old/a": b"one", "old/b": b"two!", "backup/a-copy": b"one"},
            options={"references": ["{source}/backup"], "only_against_reference": True},
            expect={
                "groups": 1,
                "redundant_files": 1,
                "verdict": "unsafe",
                "reference": {
                    "safe_to_wipe": "no",
                    "unique_files": 1,
                    "unique_bytes": 4,
                    "not_compared_files": 0,
                    "left_out": 0,
                    "other_entries": 0,
                    "in_source": True,
                    "unproven_files": 0,
                    "unproven_file_systems": [],
                    "mount_points": 0,
                },
            },
        ),
    ),
)
