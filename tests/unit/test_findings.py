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
        ("duplicates", {"verdict": "unsafe"}, ["duplicates unsafe"]),
        ("duplicates", {"verdict": "unknown"}, ["duplicates unknown"]),
        ("duplicates", {"verdict": "safe"}, []),
        ("search", {"partial": True}, []),
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
    assert findings.verdict({"results": [{"operation": "search", "summary": {"partial": True}}]}) == "partial"
    assert findings.verdicts(outcome("valid", "verified", "whole")) == []


def test_several_datasets_are_no_drift_but_several_schemas_of_one_are() -> None:
    def outcome(**summary: int) -> dict[str, Any]:
        return {"results": [{"operation": "profile", "summary": summary}]}

    assert findings.drifts(outcome(datasets=3, schemas=3, changes=0)) == []
    assert findings.drifts(outcome(datasets=2, schemas=3, changes=0)) == ["profile drift: schemas 3, changes 0"]
    assert findings.drifts(outcome(datasets=2, schemas=3, changes=1)) == ["profile drift: schemas 3, changes 1"]


def test_a_job_that_is_not_complete_says_so_whatever_its_operations_say() -> None:
    def outcome(incomplete: int, *verdicts: str) -> dict[str, Any]:
        results = [{"operation": "x", "summary": {"verdict": word}} for word in verdicts]
        word = "incomplete" if incomplete else "complete"
        return {"verdict": word, "counts": {"incomplete": incomplete, "filtered": 2}, "results": results}

    assert findings.verdict(outcome(0)) is None
    assert findings.verdict(outcome(0, "whole")) == "whole"
    assert findings.verdict(outcome(1)) == "incomplete"
    assert findings.verdict(outcome(1, "verified")) == "incomplete"
    assert findings.verdict(outcome(1, "failed")) == "failed"
    assert findings.verdicts(outcome(0, "valid")) == []
    said = "job incomplete: 1,234 issues are of something that could not be read, or not to its end"
    assert findings.verdicts(outcome(1234, "verified")) == [said]
