"""What of an outcome somebody should know."""

from __future__ import annotations

from typing import Any

import pytest

from services.models import findings


@pytest.mark.parametrize(
    ("operation", "summary", "found"),
    [
        ("verify", {"verdict": "verified"}, []),
        ("verify", {"verdict": "failed"}, ["verify failed"]),
        ("verify", {"verdict": "incomplete"}, ["verify incomplete"]),
        ("validate", {"verdict": "valid"}, []),
        ("validate", {"verdict": "invalid"}, ["validate invalid"]),
        ("profile", {"schemas": 1, "changes": 0}, []),
        ("profile", {"schemas": 2, "changes": 3}, ["profile drift: schemas 2, changes 3"]),
        ("profile", {"schemas": 2, "changes": 0}, ["profile drift: schemas 2, changes 0"]),
        ("inventory", {"files": 3}, []),
    ],
)
def test_a_summary_tells_its_findings(operation: str, summary: dict[str, Any], found: list[str]) -> None:
    assert findings.of({"results": [{"operation": operation, "summary": summary}]}) == found


def test_several_operations_have_several_and_no_outcome_has_none() -> None:
    results = [
        {"operation": "profile", "summary": {"schemas": 2, "changes": 1}},
        {"operation": "verify", "summary": {"verdict": "failed"}},
    ]
    assert findings.of({"results": results}) == ["verify failed", "profile drift: schemas 2, changes 1"]
    assert findings.of(None) == []


def test_the_worst_verdict_is_the_jobs() -> None:
    def outcome(*verdicts: str | None) -> dict[str, Any]:
        return {"results": [{"operation": "x", "summary": {"verdict": word} if word else {}} for word in verdicts]}

    assert findings.verdict(None) is None
    assert findings.verdict(outcome(None)) is None
    assert findings.verdict(outcome("valid", None, "whole")) == "valid"
    assert findings.verdict(outcome("verified", "partial", "damaged", "incomplete")) == "damaged"
    assert findings.verdicts(outcome("damaged")) == ["x damaged"]
    assert findings.verdicts(outcome("valid", "verified", "whole")) == []
