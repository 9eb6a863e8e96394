"""Delete expired jobs and orphaned files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.http import access, problems
from services.base import errors
from services.models import retention

router = APIRouter(tags=["retention"])

_DryRun = Annotated[bool, Query(description="Delete nothing; only return what would be deleted.")]


@router.post("/clean", responses=problems.responses(errors.InvalidOptionsError))
def clean(services: access.Services, dry_run: _DryRun = False) -> retention.Sweep:
    """Delete finished jobs that exceed PRAVAH_KEEP_DAYS, PRAVAH_KEEP_JOBS or PRAVAH_KEEP_BYTES, and orphaned files.

    Pinned jobs, and jobs that an unfinished job or a preset refers to, are not deleted. Files that could not be
    deleted are listed in `troubles`; the next sweep retries them.
    """
    return services.retention.sweep(dry_run=dry_run)
