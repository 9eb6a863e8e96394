"""A dirty drop: its pages name every fault with file and place, and no clean file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from services import bootstrap
from services.models.jobs import JobRequest, OperationRequest, Source, Status
from tests import dirty_drop
from tests.pages.conftest import Open

# What a person reads of each fault: in the list of files to check, and in the errors by the schema of the drop.
_TOLD: dict[str, tuple[str, str | None]] = {
    "open quote": ("a quote is not closed", "fields"),
    "a field is missing": ("first is record 12, with 5", "fields"),
    "a field too many": ("first is record 44, with 7", "fields"),
    "all dates month first": ("day: text, in most files date; the first is", "type"),
    "another encoding": ("it is read as windows-1252", None),
    "a name twice": ("the first is 'customer'", "extra_column"),
    "a column is missing": ("lacks columns that most files have: city", "missing_column"),
    "a renamed column": ("has columns that most files do not have: amount_eur", "extra_column"),
    "lines before the table": ("the first is: Orders of the branch", None),
    "a total after the records": ("1 line after the table is no record of it: Total", None),
    "text in an amount": ('amount: text, in most files float; the first is "see mail"', "type"),
    "cut compressed file": ("damaged gzip stream", None),
    "empty": ("has no record", None),
    "not a table": ("holds binary data, no table", None),
    "null words": ("amount: N/A: 3", None),
    "amounts as text": ("amount: float stored as text", None),
    "a column more": ("has columns that most files do not have: channel", "extra_column"),
    "mixed delimiters": ("41 lines before the table are no records", None),
    "bytes that are not UTF-8": ("not valid UTF-8", "encoding"),
    "a record that is too long": ("a record that begins at byte", None),
    "a broken line": ("first is record 18", "fields"),
}


def test_every_fault_of_a_drop_is_found_without_opening_a_file(
    shared: bootstrap.Services, open_page: Open, tmp_path: Path
) -> None:
    source = tmp_path / "drop"
    planted = dirty_drop.make(source)
    assert len(planted) == 22 and len(list(source.iterdir())) == 40
    faults = {one.fault: one for one in planted}
    twice = faults.pop("a file twice")
    assert set(faults) == set(_TOLD)
    shared.start_worker()

    def run(**operations: dict[str, Any]) -> str:
        asked = tuple(OperationRequest(operation=name, options=options) for name, options in operations.items())
        job, _ = shared.jobs.submit(JobRequest(operations=asked, source=Source.of_path(source)))
        job = shared.jobs.wait(job.id, timeout_seconds=60)
        assert job.status == Status.COMPLETED, job.error
        return str(job.id)

    profile = run(profile={}, duplicates={})
    to_check = _table(open_page("job", id=profile), lambda names: names == {"file", "record", "problem"})
    for fault, (words, _) in _TOLD.items():
        mine = [row for row in to_check if row["file"] == faults[fault].path]
        assert any(words in row["problem"] for row in mine), (fault, mine)
    (copy,) = [row for row in to_check if "has the same content as" in row["problem"]]
    original = copy["problem"].rpartition(" ")[2]
    assert (source / copy["file"]).read_bytes() == (source / original).read_bytes()
    assert twice.path in {copy["file"], original}
    assert {row["file"] for row in to_check} == {one.path for one in faults.values()} | {copy["file"]}
    at = {row["file"]: row["record"] for row in to_check if row["record"]}
    assert at[faults["text in an amount"].path] == str(faults["text in an amount"].place)

    checked = run(validate={"schema_file": f"job:{profile}"})
    errors = _table(open_page("job", id=checked), lambda names: "expected" in names)
    for fault, (_, rule) in _TOLD.items():
        mine = [row for row in errors if row["file"] == faults[fault].path]
        assert rule is None or rule in {row["rule"] for row in mine}, (fault, mine)
        place = faults[fault].place
        if rule is not None and place is not None:
            head = 0 if faults[fault].path.endswith("jsonl") else 1
            assert str(place + head) in {row["line"] for row in mine if row["rule"] == rule}, (fault, mine)
    assert {row["file"] for row in errors} <= {one.path for one in faults.values()}


def _table(app: Any, is_wanted: Callable[[set[str]], bool]) -> list[dict[str, Any]]:
    """Return the rows of the first table of a page with such columns."""
    found = [one.value for one in app.dataframe if is_wanted(set(one.value.columns))]
    assert found, [list(one.value.columns) for one in app.dataframe]
    rows: list[dict[str, Any]] = found[0].to_dict("records")
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return value.replace("\u2060", "") if isinstance(value, str) else value
