"""text_statistics as its user has it: what a naive count of Python gives."""

from __future__ import annotations

import random

from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob


def test_counts_are_those_of_python(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    seed = 20261127
    print(f"seed {seed}")
    made = random.Random(seed)
    parts = ["word", " ", "\t", "\n", "\r\n", "\r", "é", "€", "\n\n", "x" * 300]
    files: dict[str | bytes, bytes | None] = {
        f"{number}.py": "".join(made.choices(parts, k=made.randrange(60))).encode() for number in range(100)
    }
    found = {row["path"]: row for row in rows(run_job("text_statistics", tree(files)))}
    assert set(found) == set(files)
    for name, content in files.items():
        assert content is not None
        row = found[str(name)]
        if not content:
            assert (row["encoding"], row["lines"]) == ("empty", None)
            continue
        unix = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = unix.removesuffix(b"\n").split(b"\n") if unix != b"\n" else [b""]
        assert row["lines"] == len(lines)
        assert row["longest_line_bytes"] == max(map(len, lines))
        assert row["words"] == len(content.split())
        assert row["crlf"] == content.count(b"\r\n")
        assert row["encoding"] == ("ascii" if content.isascii() else "utf-8")
        assert row["last_line"] == ("ended" if unix.endswith(b"\n") else "not ended")
        assert row["language"] == "Python"
