"""inventory: what fills a tree. The engine's side is ``ops/inventory.rs``."""

from __future__ import annotations

from services.operations._spec import (
    EXTENSION,
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
from services.operations.walk import Moment


class InventoryOptions(Options):
    """Options of inventory."""

    largest_count: int = field(
        100,
        title="Largest entries",
        description="Number of largest files and largest folders to list.",
        category="advanced",
        unit="rows",
        ge=1,
        le=10_000,
    )
    age_reference: Moment | None = field(
        None,
        title="Reference time for ages",
        description="Time from which ages are calculated; empty = the start of the job.",
        category="advanced",
        widget="time",
    )


def _sizes(count_meaning: str = "Files") -> tuple[Column, ...]:
    return (
        Column(name="files", dtype="integer", unit="files", meaning=count_meaning),
        Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Apparent size; hard-linked files count once"),
        Column(
            name="allocated_bytes", dtype="integer", unit="bytes", meaning="Size on disk; hard-linked files count once"
        ),
    )


_ENTRY = (
    *path_columns(),
    Column(name="name", dtype="text", meaning="Last part of the path"),
    EXTENSION,
    Column(
        name="kind",
        dtype="text",
        meaning="file, directory, symlink, fifo, socket, block_device or char_device",
    ),
    Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Apparent size"),
    Column(name="allocated_bytes", dtype="integer", unit="bytes", meaning="Size on disk"),
    MODIFIED,
    Column(name="changed", dtype="timestamp", unit="UTC", meaning="Last change of the inode"),
    Column(name="owner", dtype="text", meaning="Name of the owner, or the user ID if there is no name"),
    Column(name="group", dtype="text", meaning="Name of the group, or the group ID if there is no name"),
    Column(name="mode", dtype="text", meaning="Permissions in octal"),
    Column(name="inode", dtype="unsigned", meaning="Inode number"),
    Column(name="link_count", dtype="integer", unit="names", meaning="Number of hard links"),
    Column(name="device", dtype="unsigned", meaning="Device number of the file system"),
)
_DIRECTORY = (
    *path_columns(),
    Column(name="depth", dtype="integer", unit="levels", meaning="Depth below the source"),
    Column(name="files", dtype="integer", unit="files", meaning="Files in the folder and its subfolders"),
    Column(name="directories", dtype="integer", unit="directories", meaning="Subfolders at any depth"),
    *_sizes()[1:],
)
_UPPER = Column(name="upper_bytes", dtype="integer", unit="bytes", meaning="Upper limit of the size range")
_LOWER = Column(name="lower_bytes", dtype="integer", unit="bytes", meaning="Lower limit of the size range")

OPERATION = Operation(
    name="inventory",
    title="Inventory",
    summary="Shows what fills a directory: sizes by folder, extension, owner and age, and the largest files.",
    icon="inventory_2",
    options=InventoryOptions,
    tables=(
        Table(name="result", title="All entries", columns=_ENTRY),
        Table(name="directories", title="Folders", columns=_DIRECTORY),
        Table(
            name="by_extension",
            title="By extension",
            columns=(
                Column(name="extension", dtype="text", meaning="File extension; empty if there is none"),
                *_sizes(),
            ),
        ),
        Table(
            name="by_owner",
            title="By owner",
            columns=(Column(name="owner", dtype="text", meaning="Owner"), *_sizes()),
        ),
        Table(
            name="by_age",
            title="By age",
            columns=(
                Column(name="age", dtype="text", meaning="Time since the last modification"),
                Column(
                    name="age_index", dtype="integer", unit="rank", meaning="Position of the age group, youngest first"
                ),
                *_sizes(),
            ),
        ),
        Table(
            name="size_histogram",
            title="Size distribution",
            columns=(
                _LOWER,
                _UPPER,
                Column(name="files", dtype="integer", unit="files", meaning="Files in this size range"),
                Column(name="size_bytes", dtype="integer", unit="bytes", meaning="Total size"),
            ),
        ),
        Table(name="largest_files", title="Largest files", columns=_ENTRY),
        Table(name="largest_directories", title="Largest folders", columns=_DIRECTORY),
        Table(
            name="empty",
            title="Empty files and folders",
            columns=(*path_columns(), Column(name="kind", dtype="text", meaning="file or directory")),
        ),
        Table(
            name="not_covered",
            title="Not covered",
            columns=(
                *path_columns(),
                Column(name="reason", dtype="text", meaning="Why the entry was not read"),
                Column(name="message", dtype="text", meaning="Error message"),
            ),
        ),
    ),
    figures=(
        Figure(key="files", title="Files", unit="files"),
        Figure(key="directories", title="Folders", unit="directories"),
        Figure(key="symlinks", title="Links", unit="files"),
        Figure(key="others", title="Other entries", unit="files"),
        Figure(key="size_bytes", title="Size", unit="bytes"),
        Figure(key="allocated_bytes", title="Size on disk", unit="bytes"),
        Figure(key="percentiles.p50", title="Median file size", unit="bytes"),
        Figure(key="percentiles.p99", title="99 % of files up to", unit="bytes"),
        Figure(key="percentiles.max", title="Largest file", unit="bytes"),
        Figure(key="small_files", title="Files up to 4 KiB", unit="files"),
        Figure(key="empty_files", title="Empty files", unit="files"),
        Figure(key="empty_directories", title="Empty folders", unit="directories"),
    ),
    cost="O(entries) time; no file is opened. Memory: 64 bytes plus the name for each folder, 100 bytes for each hard "
    "link",
    examples=(
        Example(
            title="Three files, one of them empty",
            files={"a.txt": b"hello", "logs/b.log": b"x" * 100, "logs/empty.log": b""},
            expect={"files": 3, "directories": 1, "size_bytes": 105, "empty_files": 1},
        ),
    ),
)
