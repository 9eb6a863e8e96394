"""The floor under free disk space: below it no job starts, and running jobs are stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

from services.base import errors, settings


def free_bytes(directory: Path) -> int:
    """Return what this user may still write on the disk of a directory, or of the nearest one above it.

    Raises:
        OSError: it cannot be looked at.
    """
    there = next((path for path in (directory, *directory.parents) if path.exists()), Path("/"))
    return shutil.disk_usage(there).free


def check(config: settings.Settings) -> None:
    """Return while there is room where jobs write and results are stored; the two may be different disks.

    Raises:
        LimitExceededError: less than the floor is free.
        OutputError: a directory cannot be looked at.
    """
    directories = [config.work_dir]
    if config.storage == "local":
        directories.append(config.data_dir / "results")
    try:
        free = min(free_bytes(directory) for directory in directories)
    except OSError as error:
        raise errors.OutputError(f"cannot read the data directory: {error}") from error
    floor = config.min_free_disk_bytes
    if free < floor:
        raise errors.LimitExceededError(
            f"only {free:,} bytes are free in the data directory, less than the {floor:,} bytes of "
            "PRAVAH_MIN_FREE_DISK_BYTES",
            remedy="Free space: delete old jobs or run `pravah clean`. Or lower PRAVAH_MIN_FREE_DISK_BYTES. Then "
            "re-run the job.",
        )
