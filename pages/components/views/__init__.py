"""What each operation's result looks like: the one place where pages know an operation by name."""

from __future__ import annotations

from collections.abc import Callable

from pages.components.views import checksum, generic, inventory, verify
from services import bootstrap
from services.jobs.models import JobView

View = Callable[[bootstrap.Services, JobView], None]

VIEWS: dict[str, View] = {
    "inventory": inventory.show,
    "checksum": checksum.show,
    "verify": verify.show,
}
"""An operation that is not here is shown by `generic`: nothing has to be done for a new one."""


def show(services: bootstrap.Services, job: JobView) -> None:
    """Show a completed job's result as its operation wants it seen."""
    VIEWS.get(job.operation, generic.show)(services, job)
