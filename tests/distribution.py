"""Which tests run in one test process."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Their tests share what is dear to make: a server with jobs, a tree, a cluster. Marks (`xdist_group`) would say it at
# the tests, but pytest-xdist 3.8 loses them with pytest 9.2.
BY_FILE = ("tests/e2e/", "tests/faults/", "tests/contract/", "tests/integration/jobs/test_ray.py")
# They take the longest: what comes last should be small.
FIRST = ("tests/e2e/", "tests/integration/jobs/test_ray.py", "tests/faults/", "tests/integration/cli/")


class Distribution(LoadScopeScheduling):  # type: ignore[misc]
    """Gives files of `BY_FILE` whole to one process, and every other test to whichever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.split("::", 1)[0] if nodeid.startswith(BY_FILE) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Distribution:
    """Return what distributes the tests."""
    return Distribution(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the long ones to the front."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))
