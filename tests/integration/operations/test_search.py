"""search as its user has it: the matches that Python's ``re`` finds."""

from __future__ import annotations

import gzip
import random
import re

import pytest

from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob

PATTERNS = {"digits": r"\d+", "word": r"\bfoo\b", "either": r"bar|ba", "end": r"z$"}


@pytest.mark.parametrize("case", ["sensitive", "insensitive"])
def test_matches_are_those_of_re(run_job: RunJob, rows: Rows, tree: TreeBuilder, case: str) -> None:
    seed = 20261126
    print(f"seed {seed}")
    made = random.Random(seed)
    words = ["foo", "FOO", "foobar", "ba", "bar", "12", "3", "z", "buzz", "é", "", "\t", "x" * 50]
    files = {
        f"d{n % 3}/{n}.txt": "\n".join(" ".join(made.choices(words, k=made.randrange(6))) for _ in range(40))
        for n in range(20)
    }
    options = {"patterns": list(PATTERNS.values()), "pattern_names": list(PATTERNS), "case": case}
    view = run_job("search", tree({name: text.encode() for name, text in files.items()}), options=options)
    flags = re.IGNORECASE if case == "insensitive" else 0
    wanted = {
        (path, name, number, found.start() + 1, found.end() + 1)
        for path, text in files.items()
        for number, line in enumerate(text.split("\n"), start=1)
        for name, pattern in PATTERNS.items()
        for found in re.finditer(pattern, line, flags)
    }
    listed: set[tuple[object, ...]] = set()
    for name in PATTERNS:  # one page each
        for folder in range(3):
            found = [
                {"column": "pattern", "operator": "eq", "value": name},
                {"column": "path", "operator": "starts_with", "value": f"d{folder}/"},
            ]
            listed |= {
                (row["path"], row["pattern"], row["line"], row["column_start"], row["column_end"])
                for row in rows(view, filters=found)
            }
    assert listed == wanted
    summary = view.result("search")["summary"]
    assert summary["matches"] == len(wanted) == sum(row["matches"] for row in rows(view, "by_pattern"))
    assert summary["patterns"] == {name: sum(one[1] == name for one in wanted) for name in PATTERNS}


def test_a_limit_makes_a_partial_result_that_says_so(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    view = run_job("search", tree({"a": b"x\n" * 100}), options={"patterns": ["x"], "max_matches": 10})
    assert len(rows(view)) == 10
    assert view.result("search")["summary"]["partial"] is True


def test_compressed_files_are_searched_on_request(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    root = tree({"a.log.gz": gzip.compress(b"one\ntwo needle\n"), "broken.gz": gzip.compress(b"needle" * 1000)[:40]})
    view = run_job("search", root, options={"patterns": ["needle"], "search_compressed": True})
    assert [(row["path"], row["line"]) for row in rows(view) if row["path"] == "a.log.gz"] == [("a.log.gz", 2)]
    assert [row["path"] for row in rows(view, "issues")] == ["broken.gz"]
    plain = run_job("search", root, options={"patterns": ["needle"]})
    assert rows(plain) == []
