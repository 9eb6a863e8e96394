"""Findings of a completed job: a verdict that is not good, a schema that has drifted.

The one place that reads it from a summary: the exit status of a command and the notifications follow from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

# The worst first; those behind `partial` are good.
Verdict = Literal[
    "failed", "invalid", "damaged", "unsafe", "incomplete", "unknown", "partial", "safe", "valid", "verified", "whole"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_NOT_GOOD = frozenset(VERDICTS[: VERDICTS.index("partial") + 1])


def shapes(verdict: Verdict) -> list[dict[str, Any]]:
    """Return what the summary of an operation with this verdict contains, one or the other."""
    # A search that has stopped at a limit.
    return [{"verdict": verdict}, *([{"partial": True}] if verdict == "partial" else [])]


def incomplete(outcome: Mapping[str, Any] | None) -> int:
    """Return how many issues mean that something was not read or not written: with one, a job is not complete."""
    return int((outcome or {}).get("counts", {}).get("incomplete", 0))


def not_read(count: int) -> str:
    """Return in words what is missing from an incomplete job."""
    if count == 1:
        return "1 issue is of something that could not be read, or not to its end"
    return f"{count:,} issues are of something that could not be read, or not to its end"


def left_out(count: int) -> str:
    """Return in words what the filters of the request left out."""
    return f"{count:,} {'entry was' if count == 1 else 'entries were'} left out by the filters"


def filtered(outcome: Mapping[str, Any] | None) -> int:
    """Return how many entries the filters of the request left out: not a failure, but never without a word."""
    return int((outcome or {}).get("counts", {}).get("filtered", 0))


def verdict(outcome: Mapping[str, Any] | None) -> Verdict | None:
    """Return the worst of an outcome's own verdict and those of its operations.

    A search that has stopped at a limit is partial. None where no operation gives one and the job is complete.
    """
    summaries = [result["summary"] for result in (outcome or {}).get("results", [])]
    found = {summary.get("verdict") for summary in summaries} | {(outcome or {}).get("verdict")}
    if any(summary.get("partial") is True for summary in summaries):
        found.add("partial")
    return next((word for word in VERDICTS if word in found), None)


def verdicts(outcome: Mapping[str, Any] | None) -> list[str]:
    """Return the verdicts of an outcome that are not good, e.g. ``verify failed``."""
    found = ((result["operation"], result["summary"].get("verdict")) for result in (outcome or {}).get("results", []))
    return [
        *(f"{operation} {verdict}" for operation, verdict in found if verdict in _NOT_GOOD),
        *([f"job incomplete: {not_read(count)}"] if (count := incomplete(outcome)) else []),
    ]


def drifts(outcome: Mapping[str, Any] | None) -> list[str]:
    """Return where files of one dataset have several schemas, e.g. ``profile drift: schemas 2, changes 3``."""
    found = []
    for result in (outcome or {}).get("results", []):
        changes, schemas = (result["summary"].get(key) for key in ("changes", "schemas"))
        expected = result["summary"].get("datasets", 1)
        if (isinstance(changes, int) and changes > 0) or (isinstance(schemas, int) and schemas > expected):
            found.append(f"{result['operation']} drift: schemas {schemas or 0:,}, changes {changes or 0:,}")
    return found


def of(outcome: Mapping[str, Any] | None) -> list[str]:
    """Return all findings of an outcome, in words."""
    return [*verdicts(outcome), *drifts(outcome)]
