"""What was met and survived, by class of fault: a table at the end of a run, on any number of test processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

_PROPERTY = "faults met"
Meet = Callable[..., None]


def meeter(request: pytest.FixtureRequest) -> Meet:
    """Return a function that counts faults which have really happened in a test: ``meet("database: cut", 2)``."""

    def meet(kind: str, count: int = 1) -> None:
        request.node.user_properties.append((_PROPERTY, [kind, count]))

    return meet


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, if there were any."""
    met: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            # A test that fails when it is torn down has not passed: its faults were counted as survived before.
            if getattr(report, "when", None) != "call":
                continue
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    met[value[0]] += value[1]
                    survived[value[0]] += value[1] * (outcome == "passed")
    if not met:
        return
    terminalreporter.section("faults: class, met, survived")
    for kind in sorted(met):
        terminalreporter.line(f"{kind:<58} {met[kind]:>6} {survived[kind]:>6}")
    terminalreporter.line(f"{'all':<58} {met.total():>6} {survived.total():>6}")
