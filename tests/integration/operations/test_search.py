"""search as its user has it: the matches that Python's ``re`` finds."""

from __future__ import annotations

import gzip
import random
import re

import pytest

from services import bootstrap
from services.models.jobs import JobFilter
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


def test_texts_in_many_encodings_are_searched_as_python_reads_them(
    run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    seed = 20261129
    print(f"seed {seed}")
    made = random.Random(seed)
    words = {
        "utf-8": ["naïve", "café", "€", "日本"],
        "utf-16-le": ["naïve", "café", "😀", "plain"],
        "utf-16-be": ["фут", "мир", "дом", "7"],
        "windows-1252": ["naïve", "déjà", "forêt", "et"],
        "windows-1251": ["привет", "мир", "дорога", "который"],
        "shift_jis": ["日本", "表示", "ソフト", "です"],
        "gb18030": ["中文", "北京", "城市", "人"],
        "euc-kr": ["한글", "서울", "도시", "사람"],
    }
    texts = {
        name: "\n".join(" ".join(made.choices([*own, "12", "x"], k=12)) for _ in range(300))
        for name, own in words.items()
    }
    patterns = [r"\w+ 12", "мир", "[一-鿿]+ x", "서울", "déjà|café"]
    root = tree({name: text.encode(name) for name, text in texts.items()})
    view = run_job("search", root, options={"patterns": patterns})
    wanted = {
        (path, pattern, number, found.start() + 1, found.end() + 1)
        for path, text in texts.items()
        for number, line in enumerate(text.split("\n"), start=1)
        for pattern in patterns
        for found in re.finditer(pattern, line)
    }
    listed = {
        (row["path"], row["pattern"], row["line"], row["column_start"], row["column_end"])
        for path in texts
        for pattern in patterns
        for row in rows(
            view,
            filters=[
                {"column": "path", "operator": "eq", "value": path},
                {"column": "pattern", "operator": "eq", "value": pattern},
            ],
        )
    }
    assert listed == wanted
    found = {row["encoding"].replace("gbk", "gb18030") for row in rows(view, "searched")}
    assert found == {name.replace("16-", "16") for name in texts}
    assert sum(row["files"] for row in rows(view, "by_encoding")) == len(texts)


def test_a_limit_makes_a_partial_result_that_says_so(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    view = run_job("search", tree({"a": b"x\n" * 100}), options={"patterns": ["x"], "max_matches": 10})
    assert len(rows(view)) == 10
    assert view.result("search")["summary"]["partial"] is True
    assert view.verdict == "partial"
    assert view.id in [job.id for job in running.jobs.list(JobFilter(verdict="partial")).items]


def test_compressed_files_are_searched_on_request(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    root = tree({"a.log.gz": gzip.compress(b"one\ntwo needle\n"), "broken.gz": gzip.compress(b"needle" * 1000)[:40]})
    view = run_job("search", root, options={"patterns": ["needle"], "search_compressed": True})
    assert [(row["path"], row["line"]) for row in rows(view) if row["path"] == "a.log.gz"] == [("a.log.gz", 2)]
    assert [row["path"] for row in rows(view, "issues")] == ["broken.gz"]
    plain = run_job("search", root, options={"patterns": ["needle"]})
    assert rows(plain) == []
