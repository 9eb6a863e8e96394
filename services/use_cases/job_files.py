"""Removes the files of a deleted job."""

from __future__ import annotations

import shutil
from uuid import UUID

from services.base import settings
from services.db import removals
from services.db.database import Database
from services.storage import Storage


def remove(database: Database, storage: Storage, config: settings.Settings, job_id: UUID) -> None:
    """Remove the files of a job whose row is deleted, and the note; again, or in two processes at once, is fine.

    Raises:
        StorageError: some are left; so is the note.
    """
    storage.delete(f"jobs/{job_id}/")
    for name in ("work", "cache"):
        shutil.rmtree(config.data_dir / name / str(job_id), ignore_errors=True)
    # What other jobs' results were compared with this one's.
    for compared in (config.data_dir / "cache").glob(f"*/compare/{job_id}"):
        shutil.rmtree(compared, ignore_errors=True)
    with database.transaction() as session:
        removals.forget(session, job_id)
