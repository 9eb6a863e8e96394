"""Alternating runs, medians, ratios pair by pair."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Run = Callable[[], float]
"""Does the work once and returns its seconds."""


@dataclass(frozen=True)
class Row:
    """A line of the report.

    Attributes:
        ratio: ours to theirs; the median over pairs of runs that followed each other.
        reach: the ratio, or the limit, that the product promises.
        note: what was compared before the times were.
    """

    work: str
    against: str
    ours: str
    theirs: str
    ratio: str
    reach: str
    met: bool
    note: str = ""


@dataclass
class Alternating:
    """Seconds of both sides, run in turn: A B A B …"""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median of the ratios of neighbouring runs."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))


def alternate(ours: Run, theirs: Run, runs: int) -> Alternating:
    """Run both once uncounted, then `runs` times in turn."""
    ours()
    theirs()
    measured = Alternating()
    for _ in range(runs):
        measured.ours.append(ours())
        measured.theirs.append(theirs())
    return measured


def timed(call: Callable[[], object]) -> float:
    """Return the seconds of a call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def command(words: Sequence[str | Path], cwd: Path, stdout: Path | None = None, stdin: bytes | None = None) -> Run:
    """Return a run of a whole process; its output goes to `stdout`, or nowhere."""

    def run() -> float:
        with open(stdout or os.devnull, "wb") as sink:
            return timed(
                lambda: subprocess.run([os.fspath(w) for w in words], cwd=cwd, stdout=sink, input=stdin, check=True)
            )

    return run


def compared(work: str, against: str, measured: Alternating, limit: float | None, note: str) -> Row:
    """Return the row of an alternating measurement; without a limit it only tells."""
    return Row(
        work,
        against,
        milliseconds(measured.ours),
        milliseconds(measured.theirs),
        f"{measured.ratio:.2f}",
        "–" if limit is None else f"≤ {limit:g}",
        limit is None or measured.ratio <= limit,
        note,
    )


def limited(work: str, seconds: Sequence[float], limit_seconds: float, reach: str, note: str = "") -> Row:
    """Return the row of what has no peer, only a limit for its median."""
    met = statistics.median(seconds) <= limit_seconds
    return Row(work, "–", milliseconds(seconds), "–", "–", reach, met, note)


def milliseconds(seconds: Sequence[float]) -> str:
    """Return median and range, e.g. ``158 ms (143–187)``."""
    low, middle, high = (1000 * value for value in (min(seconds), statistics.median(seconds), max(seconds)))
    return f"{middle:,.0f} ms ({low:,.0f}–{high:,.0f})"


def seconds_of(seconds: Sequence[float]) -> str:
    """Return median and range, e.g. ``15.8 s (14.3–18.7)``."""
    return f"{statistics.median(seconds):,.1f} s ({min(seconds):,.1f}–{max(seconds):,.1f})"


def same(ours: object, theirs: object, what: str) -> None:
    """Stop the benchmark when both sides do not give the same answer.

    Raises:
        SystemExit: they differ; times of different answers mean nothing.
    """
    if ours != theirs:
        raise SystemExit(f"the answers differ ({what}): ours {str(ours)[:300]}, theirs {str(theirs)[:300]}")
