"""Checks every part on its own, also if others do not work. ``pravah doctor`` prints the result."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from pathlib import Path

from services import bootstrap, engine, storage
from services.base import errors, paths, private, settings, units
from services.bootstrap import Health
from services.db import registry
from services.db.database import Database


def diagnose(config: settings.Settings) -> list[Health]:
    """Return a line for each part; an error becomes a line, never an exception."""
    directory = bootstrap.look("data directory", lambda: _data_directory(config))
    return [
        bootstrap.look("versions", _versions),
        bootstrap.look("engine", lambda: f"version {engine.version()}"),
        directory,
        bootstrap.look("disk", lambda: _disk(config)),
        *_roots(config),
        *_database(config),
        bootstrap.look("storage", lambda: _storage(config, directory)),
    ]


def _versions() -> str:
    return f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {os.cpu_count()} cores"


def _data_directory(config: settings.Settings) -> str:
    try:
        private.make_directory(config.data_dir)
        with tempfile.TemporaryFile(dir=config.data_dir):
            pass
    except OSError as error:
        remedy = "Make it writable, or choose another one in PRAVAH_DATA_DIR."
        raise errors.OutputError(f"cannot write to {config.data_dir}: {error.strerror}", remedy=remedy) from error
    return paths.escape_os(config.data_dir)


def _disk(config: settings.Settings) -> str:
    there = next((path for path in (config.data_dir, *config.data_dir.parents) if path.exists()), Path("/"))
    free = shutil.disk_usage(there).free
    line = f"{units.format_bytes(free)} free"
    if free < config.min_free_disk_bytes:
        remedy = "Free space, delete old jobs (pravah jobs delete), or lower PRAVAH_MIN_FREE_DISK_BYTES."
        floor = units.format_bytes(config.min_free_disk_bytes)
        raise errors.LimitExceededError(f"{line}, less than the {floor} that jobs require", remedy=remedy)
    return line


def _roots(config: settings.Settings) -> list[Health]:
    """Return a line for each allowed root; one that is set and cannot be read is wrong, as it does nothing."""
    return [bootstrap.look("allowed root", lambda root=root: _root(root)) for root in config.roots]  # type: ignore[misc]


def _root(root: Path) -> str:
    shown = paths.escape_os(root)
    # The sample is made when services are opened first.
    if root.name == "sample" and not root.exists():
        return f"{shown} (created at first use)"
    remedy = "Correct PRAVAH_ALLOWED_ROOTS: directories, separated by `:`."
    if not root.is_dir():
        raise errors.SourceNotFoundError(f"{shown} is not a directory", remedy=remedy)
    if not os.access(root, os.R_OK | os.X_OK):
        raise errors.SourceForbiddenError(f"{shown} is not readable by this user", remedy=remedy)
    return shown


def _database(config: settings.Settings) -> list[Health]:
    """Return a line for the database, and one for the workers that it knows of."""
    opened: list[Database] = []

    def version() -> str:
        database = Database(config)
        opened.append(database)
        return f"PostgreSQL {database.version()}, {'embedded' if database.embedded else database.url}"

    try:
        lines = [bootstrap.look("database", version)]
        return [*lines, *(bootstrap.look("workers", lambda: _workers(opened[0], config)) for line in lines if line.ok)]
    finally:
        for database in opened:
            database.close()


def _workers(database: Database, config: settings.Settings) -> str:
    with database.transaction() as session:
        registry.forget_dead(session)
        found = registry.census(session, config.lease_seconds)
    line = f"{found.workers:,} running" if found.workers else "none running (pravah serve starts one)"
    return f"{line}, restarted {units.format_times(found.restarts)} after a crash" if found.restarts else line


def _storage(config: settings.Settings, directory: Health) -> str:
    if config.storage == "local" and not directory.ok:
        raise errors.StorageError("local results are stored in the data directory", remedy=directory.remedy)
    return storage.open_storage(config).check()
