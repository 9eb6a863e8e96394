"""Where the time of a test run goes: a table by folder and the slowest tests, on any number of test processes."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SLOWEST = 20
# (seconds, CPU seconds, tests) of a folder.
Sums = dict[str, list[float]]


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of the children that have ended."""
    return sum(os.times()[:4])


class Timing:
    """A pytest plug-in. Test processes put CPU time into their reports, and the first process adds up all reports."""

    def __init__(self, target: Path | None) -> None:
        """`target`: file for the sums as JSON, or None."""
        self.target = target
        self.tests: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._cpu = _cpu_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Iterator[None]:
        """Add the CPU time since the last report: imports and shared fixtures count for the test that needed them."""
        report: Any = yield
        now = _cpu_seconds()
        report.cpu_seconds, self._cpu = now - self._cpu, now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the times of one phase of a test."""
        times = self.tests[report.nodeid]
        times[0] += report.duration
        times[1] += getattr(report, "cpu_seconds", 0.0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the tables."""
        if not self.tests:
            return
        sums: Sums = defaultdict(lambda: [0.0, 0.0, 0])
        for name, (seconds, cpu) in self.tests.items():
            kept = sums[folder_of(name)]
            kept[0], kept[1], kept[2] = kept[0] + seconds, kept[1] + cpu, kept[2] + 1
        slowest = sorted(self.tests.items(), key=lambda item: -item[1][0])[:SLOWEST]
        terminalreporter.section("time by folder: seconds of all test processes, CPU seconds, tests")
        for line in lines_of(sums):
            terminalreporter.line(line)
        terminalreporter.section(f"the {len(slowest)} slowest tests: seconds, CPU seconds")
        for name, (seconds, cpu) in slowest:
            terminalreporter.line(f"{seconds:8.1f} {cpu:8.1f}  {name}")
        if self.target:
            self.target.write_text(json.dumps({"folders": sums, "tests": self.tests}), encoding="utf-8")


def folder_of(name: str) -> str:
    """Return the folder that a test is counted in: `tests/unit`, and one level more below `tests/integration`."""
    parts = name.partition("::")[0].split("/")[:-1]
    return "/".join(parts[:3])


def lines_of(sums: Sums) -> list[str]:
    """Return the lines of the table, the longest folder first."""
    rows = sorted(sums.items(), key=lambda item: -item[1][0])
    total = [sum(row[1][column] for row in rows) for column in range(3)]
    return [f"{name:<32} {one[0]:8.1f} {one[1]:8.1f} {one[2]:6.0f}" for name, one in [*rows, ("all", total)]]
