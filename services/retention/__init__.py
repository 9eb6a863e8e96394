"""What is kept and for how long: old jobs, files without a job, and the sweep that removes both."""

from services.retention.models import Held, LastSweep, Orphan, OrphanKind, Reason, Sweep, SweptJob, Trouble
from services.retention.service import RetentionService

__all__ = [
    "Held",
    "LastSweep",
    "Orphan",
    "OrphanKind",
    "Reason",
    "RetentionService",
    "Sweep",
    "SweptJob",
    "Trouble",
]
