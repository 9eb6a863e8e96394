"""Inventories, profiles and searches side by side."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.base import errors, paths
from services.models.jobs import JobView
from services.models.results import ResultQuery
from tests.conftest import TreeBuilder
from tests.integration.results.test_compare_checksum import HOSTILE, OLD, run


def rows(services: bootstrap.Services, before: JobView, after: JobView, table: str = "") -> list[dict[str, Any]]:
    """Return all rows of a table of differences."""
    operation = after.names[0]
    return services.comparisons.query(after.id, operation, before.id, table, ResultQuery(limit=1000)).rows


def same(services: bootstrap.Services, before: JobView, after: JobView) -> dict[str, tuple[int, int]]:
    """Return table → rows that differ and rows that are the same."""
    found = services.comparisons.compare(after.id, after.names[0], before.id)
    return {table.name: (table.rows, table.same_rows) for table in found.tables}


def grow(root: Path) -> None:
    (root / "logs/a.log").write_bytes(b"x" * 1000)
    (root / "logs/deep/b.log").write_bytes(b"x" * 10)
    (root / "new").mkdir()
    (root / "new/f").write_bytes(b"12345")
    (root / "old/f").unlink()
    (root / "old").rmdir()
    os.utime(root / "time", (OLD, OLD))


TREE: dict[str | bytes, bytes | None] = {
    "logs/a.log": b"x" * 100,
    "logs/deep/b.log": b"x" * 50,
    "old/f": b"123",
    "same/f": b"1",
    "time": b"t",
}


def test_folders_grow_and_shrink_by_what_is_below_them(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree(TREE)
    before = run(services, root, "inventory")
    grow(root)
    after = run(services, root, "inventory")
    folders = rows(services, before, after, "folders")
    assert [(row["kind"], row["path"], row["change_bytes"], row["change_files"]) for row in folders] == [
        ("grown", ".", 862, 0),
        ("grown", "logs", 860, 0),
        ("shrunk", "logs/deep", -40, 0),
        ("new", "new", 5, 1),
        ("missing", "old", -3, -1),
    ]
    assert (folders[1]["before_bytes"], folders[1]["after_bytes"]) == (150, 1010)
    changes = rows(services, before, after, "changes")
    assert [(row["kind"], row["path"], row["change_bytes"]) for row in changes] == [
        ("changed", "logs/a.log", 900),
        ("changed", "logs/deep/b.log", -40),
        ("missing", "old/f", -3),
        ("missing", "old", 0),
        ("new", "new/f", 5),
        ("new", "new", 0),
        ("touched", "time", 0),
    ]
    found = services.comparisons.compare(after.id, "inventory", before.id)
    assert found.differs
    assert {figure.key: figure.change for figure in found.figures}["size_bytes"] == 862
    assert [one.before_bytes for one in found.tables[0].kinds] == [None] * 4
    assert same(services, after, after) == {"folders": (0, 5), "changes": (0, 9)}


def test_the_map_holds_both_sides(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree(TREE)
    before = run(services, root, "inventory")
    grow(root)
    after = run(services, root, "inventory")
    nodes = services.comparisons.treemap(after.id, before.id, inner_limit=10)
    found = {node["path"]: (node["size_bytes"], node["before_bytes"], node["after_bytes"]) for node in nodes}
    assert found["logs"] == (1010, 150, 1010)
    assert found["logs/deep"] == (50, 50, 10)
    assert found["old"] == (3, 3, 0)
    assert found["new/f"] == (5, 0, 5)
    assert found["same"] == (1, 1, 1)
    inside = services.comparisons.treemap(after.id, before.id, "logs")
    assert [(node["path"], node["parent"], node["kind"]) for node in inside] == [
        ("logs/a.log", "logs", "file"),
        ("logs/deep", "logs", "directory"),
    ]
    assert services.comparisons.treemap(after.id, before.id, "nothing") == []
    with pytest.raises(errors.InvalidOptionsError):
        services.comparisons.treemap(after.id, before.id, by="path")  # type: ignore[arg-type]


def test_a_file_that_became_a_folder_is_one_node(services: bootstrap.Services, tree: TreeBuilder) -> None:
    before = run(services, tree({"x": b"123", "y/f": b"1"}, name="one"), "inventory")
    after = run(services, tree({"x/f": b"12345", "y": b"22"}, name="two"), "inventory")
    nodes = services.comparisons.treemap(after.id, before.id)
    assert [(node["path"], node["kind"], node["before_bytes"], node["after_bytes"]) for node in nodes] == [
        ("x", "directory", 3, 5),
        ("y", "directory", 1, 2),
    ]
    changed = [row for row in rows(services, before, after, "changes") if row["kind"] == "changed"]
    assert [(row["path"], row["before_entry"], row["after_entry"]) for row in changed] == [
        ("x", "file", "directory"),
        ("y", "directory", "file"),
    ]


def test_folders_of_any_name(services: bootstrap.Services, tree: TreeBuilder) -> None:
    before = run(services, tree({name + b"/f": b"1" for name in HOSTILE}, name="one"), "inventory")
    after = run(services, tree({name + b"/f": b"22" for name in HOSTILE}, name="two"), "inventory")
    found = rows(services, before, after, "folders")
    assert {paths.unescape(row["path"]) for row in found} == {*HOSTILE, b"."}
    assert {row["kind"] for row in found} == {"grown"}
    for name in HOSTILE:
        inside = services.comparisons.treemap(after.id, before.id, paths.escape(name))
        assert [(node["name"], node["before_bytes"], node["after_bytes"]) for node in inside] == [("f", 1, 2)]


def test_empty_inventories(services: bootstrap.Services, tree: TreeBuilder) -> None:
    empty, full = run(services, tree({}, name="none"), "inventory"), run(services, tree(TREE, name="some"), "inventory")
    assert same(services, empty, empty)["changes"] == (0, 0)
    assert {row["kind"] for row in rows(services, empty, full, "changes")} == {"new"}
    assert services.comparisons.treemap(empty.id, empty.id) == []


JAN = b"id,price,note,old\n1,9.5,ok,x\n2,10,,y\n3,11,ok,z\n"
FEB = b"id,price,note,new\n1,9.5,ok,x\n2,cheap,,y\n3,,,z\n4,12,a,w\n"


def test_each_column_drifts_in_its_own_way(services: bootstrap.Services, tree: TreeBuilder) -> None:
    before = run(services, tree({"p.csv": JAN}, name="jan"), "profile")
    after = run(services, tree({"p.csv": FEB}, name="feb"), "profile")
    found = {row["column"]: row for row in rows(services, before, after)}
    assert {name: row["kind"] for name, row in found.items()} == {
        "price": "retyped",
        "old": "vanished",
        "new": "appeared",
        "id": "changed",
        "note": "changed",
    }
    assert next(iter(found)) == "price"
    price = found["price"]
    assert (price["before_type"], price["after_type"]) == ("float", "text")
    assert price["what"].startswith("type, ")
    identifier = found["id"]
    assert (identifier["before_greatest"], identifier["after_greatest"]) == ("3", "4")
    assert (identifier["before_mean"], identifier["after_mean"], identifier["change_mean"]) == (2.0, 2.5, 0.5)
    assert identifier["change_values"] == 1
    assert "greatest" in identifier["what"]
    assert found["note"]["change_null_share"] > 0
    assert found["old"]["after_type"] is None
    assert {row["kind"] for row in rows(services, before, after, "schemas")} == {"vanished", "appeared"}
    assert services.comparisons.compare(after.id, "profile", before.id).differs


def test_datasets_are_compared_with_themselves(services: bootstrap.Services, tree: TreeBuilder) -> None:
    customers = b"id,city,name\nx1,Ulm,a\nx2,Bonn,b\n"
    before = run(services, tree({"orders-ulm.csv": JAN, "customers.csv": customers}, name="jan"), "profile")
    files = {"orders-ulm.csv": JAN, "orders-bonn.csv": JAN, "customers.csv": customers}
    after = run(services, tree(files, name="feb"), "profile")
    found = rows(services, before, after)
    # With a second file, the dataset has another name; its columns are the same.
    assert {(row["dataset"], row["kind"]) for row in found} == {("orders", "changed")}
    assert {row["column"]: row["change_values"] for row in found} == {"id": 3, "price": 3, "note": 2, "old": 3}


def test_the_same_records_do_not_drift(services: bootstrap.Services, tree: TreeBuilder) -> None:
    lines = b"".join(b"%d,%d,%s\n" % (n, n * 7919 % 1013, b"ab"[n % 2 : n % 2 + 1] * 5) for n in range(20_000))
    root = tree({f"{n}.csv": b"id,hash,word\n" + lines for n in range(4)})
    before, after = run(services, root, "profile"), run(services, root, "profile")
    found = services.comparisons.compare(after.id, "profile", before.id)
    assert not found.differs
    assert same(services, before, before) == {"columns": (0, 3), "schemas": (0, 1)}


def test_profiles_of_nothing(services: bootstrap.Services, tree: TreeBuilder) -> None:
    empty = run(services, tree({}, name="none"), "profile")
    full = run(services, tree({"p.csv": JAN}, name="some"), "profile")
    assert same(services, empty, empty) == {"columns": (0, 0), "schemas": (0, 0)}
    assert {row["kind"] for row in rows(services, empty, full)} == {"appeared"}


def test_a_match_is_known_by_its_line_wherever_that_stands(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a.txt": b"foo 1\nfoo 2\nfoo 2\nbar\n", "gone": b"foo\n"})
    options = {"patterns": ["foo", "bar"]}
    before = run(services, root, "search", **options)
    (root / "a.txt").write_bytes(b"first\nfoo 1\nfoo 2\nbar bar\nfoo 3\n")
    (root / "gone").unlink()
    (root / "caf\udce9\n").write_bytes(b"bar\n")
    after = run(services, root, "search", **options)
    found = [
        (row["kind"], row["path"], row["pattern"], row["line"], row["text"]) for row in rows(services, before, after)
    ]
    assert found == [
        ("new", "a.txt", "bar", 4, "bar bar"),
        ("new", "a.txt", "bar", 4, "bar bar"),
        ("new", "a.txt", "foo", 5, "foo 3"),
        ("new", "caf\\xe9\\n", "bar", 1, "bar"),
        ("gone", "a.txt", "foo", 3, "foo 2"),
        ("gone", "a.txt", "bar", 4, "bar"),
        ("gone", "gone", "foo", 1, "foo"),
    ]
    assert same(services, before, after)["matches"] == (7, 2)
    patterns = {
        row["pattern"]: (row["kind"], row["change_matches"]) for row in rows(services, before, after, "patterns")
    }
    assert patterns == {"foo": ("fewer", -1), "bar": ("more", 2)}
    files = {
        row["path"]: (row["before_matches"], row["after_matches"]) for row in rows(services, before, after, "files")
    }
    assert files == {"gone": (1, 0), "caf\\xe9\\n": (0, 1), "a.txt": (4, 5)}
    assert same(services, after, after) == {"matches": (0, 6), "patterns": (0, 2), "files": (0, 2)}


def test_searches_that_only_count_are_compared_by_their_counts(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"foo\n"})
    before = run(services, root, "search", patterns=["foo"])
    (root / "a").write_bytes(b"foo\nfoo\n")
    after = run(services, root, "search", patterns=["foo"], count_only=True)
    assert rows(services, before, after) == []
    assert [row["change_matches"] for row in rows(services, before, after, "files")] == [1]
    notes = services.comparisons.compare(after.id, "search", before.id).notes
    assert any("only counted" in note for note in notes)
    assert any("options are different: count_only" in note for note in notes)


def test_a_pattern_of_one_search_only_is_new_or_gone(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"x": b"foo\nbar\n"})
    before = run(services, root, "search", patterns=["foo", "bar", "none"])
    after = run(services, root, "search", patterns=["FOO", "bar", "nothing"], case="insensitive")
    found = {row["pattern"]: (row["kind"], row["change_matches"]) for row in rows(services, before, after, "patterns")}
    assert found == {"foo": ("gone", -1), "FOO": ("new", 1), "none": ("gone", 0), "nothing": ("new", 0)}
    assert same(services, before, after)["patterns"] == (4, 1)


def test_a_partial_search_is_said(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"foo\nfoo\n"})
    job = run(services, root, "search", patterns=["foo"], max_matches=1)
    assert any("at its limit" in note for note in services.comparisons.compare(job.id, "search", job.id).notes)
