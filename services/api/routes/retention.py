"""Delete what is beyond the limits, and files that belong to no job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.http import access, problems
from services.base import errors
from services.models import retention

router = APIRouter(tags=["retention"])

_DryRun = Annotated[bool, Query(description="Delete nothing, only tell what would go.")]


@router.post("/clean", responses=problems.responses(errors.InvalidOptionsError))
def clean(services: access.Services, dry_run: _DryRun = False) -> retention.Sweep:
    """Delete finished jobs beyond PRAVAH_KEEP_DAYS, PRAVAH_KEEP_JOBS and PRAVAH_KEEP_BYTES, and orphaned files.

    Kept jobs, and those that unfinished jobs or presets name, stay. What could not be removed stands in `troubles`,
    and is tried again by the next sweep.
    """
    return services.retention.sweep(dry_run=dry_run)
