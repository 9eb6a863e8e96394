"""Findings of a completed job: a verdict that is not good, a schema that has drifted.

The one place that reads it from a summary: the exit status of a command and the notifications follow from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

# The worst first; those behind `partial` are good.
Verdict = Literal["failed", "invalid", "damaged", "incomplete", "partial", "valid", "verified", "whole"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_NOT_GOOD = frozenset(VERDICTS[: VERDICTS.index("partial") + 1])


def verdict(outcome: Mapping[str, Any] | None) -> Verdict | None:
    """Return the worst verdict of an outcome's operations; none where no operation gives one."""
    found = {result["summary"].get("verdict") for result in (outcome or {}).get("results", [])}
    return next((word for word in VERDICTS if word in found), None)


def verdicts(outcome: Mapping[str, Any] | None) -> list[str]:
    """Return the verdicts of an outcome that are not good, e.g. ``verify failed``."""
    found = ((result["operation"], result["summary"].get("verdict")) for result in (outcome or {}).get("results", []))
    return [f"{operation} {verdict}" for operation, verdict in found if verdict in _NOT_GOOD]


def drifts(outcome: Mapping[str, Any] | None) -> list[str]:
    """Return where files of one kind have several schemas, e.g. ``profile drift: schemas 2, changes 3``."""
    found = []
    for result in (outcome or {}).get("results", []):
        changes, schemas = (result["summary"].get(key) for key in ("changes", "schemas"))
        if (isinstance(changes, int) and changes > 0) or (isinstance(schemas, int) and schemas > 1):
            found.append(f"{result['operation']} drift: schemas {schemas or 0:,}, changes {changes or 0:,}")
    return found


def of(outcome: Mapping[str, Any] | None) -> list[str]:
    """Return all findings of an outcome, in words."""
    return [*verdicts(outcome), *drifts(outcome)]
