"""What a folder holds, as the treemap shows it, on results of the real engine."""

from __future__ import annotations

from uuid import UUID

import pytest

from services import bootstrap
from services.base import errors, paths
from services.models.jobs import Source, Status
from tests.asking import one_job
from tests.conftest import TreeBuilder


def inventory(services: bootstrap.Services, tree: TreeBuilder, files: dict[str | bytes, bytes | None]) -> UUID:
    """Run an inventory of made-up files."""
    services.start_worker()
    source = Source.of_path(tree(files, name="mapped"))
    view = services.jobs.submit(one_job(operation="inventory", source=source))[0]
    assert services.jobs.wait(view.id, 30).status == Status.COMPLETED
    return view.id


def test_children_are_those_of_the_folder_largest_first(services: bootstrap.Services, tree: TreeBuilder) -> None:
    job = inventory(
        services, tree, {"a/x": b"1" * 10, "a/b/y": b"2" * 30, "c": b"3" * 20, "ab/z": b"4" * 5, "empty/": None}
    )
    nodes = services.results.treemap(job)
    assert [(node["path"], node["kind"], node["size_bytes"], node["files"]) for node in nodes] == [
        ("a", "directory", 40, 2),
        ("c", "file", 20, 1),
        ("ab", "directory", 5, 1),
        ("empty", "directory", 0, 0),
    ]
    inside = services.results.treemap(job, "a")
    assert [(node["path"], node["name"], node["parent"]) for node in inside] == [("a/b", "b", "a"), ("a/x", "x", "a")]
    assert services.results.treemap(job, "a/b/y") == []
    assert services.results.treemap(job, "nothing") == []


def test_two_levels_at_once(services: bootstrap.Services, tree: TreeBuilder) -> None:
    job = inventory(services, tree, {f"d{n}/f{m}": b"x" * (10 * n + m) for n in range(1, 5) for m in range(1, 4)})
    nodes = services.results.treemap(job, limit=3, inner_limit=2)
    assert [node["path"] for node in nodes if node["kind"] == "directory"] == ["d4", "d3", "d2"]
    inner = [node for node in nodes if node["kind"] == "file"]
    assert {node["parent"] for node in inner} == {"d4", "d3", "d2"}
    assert [node["path"] for node in inner][:2] == ["d4/f3", "d4/f2"]
    assert len(inner) == 6


ODD: list[bytes] = [b"back\\slash", b"per%cent", b"under_score", b"quo'te\"", b"new\nline", b"\xff\xfe", b"=1", b"a b"]


@pytest.mark.parametrize("name", ODD)
def test_a_folder_of_any_name_can_be_entered(services: bootstrap.Services, tree: TreeBuilder, name: bytes) -> None:
    job = inventory(services, tree, {name + b"/" + name: b"x", b"other/" + name: b"yy"})
    shown = paths.escape(name)
    assert shown in [node["path"] for node in services.results.treemap(job)]
    inside = services.results.treemap(job, shown)
    assert [(node["path"], node["name"]) for node in inside] == [(f"{shown}/{shown}", shown)]


def test_a_deep_tree_is_entered_to_its_end(services: bootstrap.Services, tree: TreeBuilder) -> None:
    depth = 300
    job = inventory(services, tree, {"/".join(["d"] * depth) + "/leaf": b"x"})
    path = "/".join(["d"] * depth)
    assert [node["name"] for node in services.results.treemap(job, path)] == ["leaf"]
    assert [node["files"] for node in services.results.treemap(job)] == [1]


@pytest.mark.parametrize("by", ["path", "size_bytes; DROP TABLE x", "", "size_bytes DESC --"])
def test_only_sizes_are_taken_as_a_measure(services: bootstrap.Services, tree: TreeBuilder, by: str) -> None:
    job = inventory(services, tree, {"a": b"x"})
    with pytest.raises(errors.InvalidOptionsError):
        services.results.treemap(job, by=by)  # type: ignore[arg-type]


def test_a_checksum_has_no_treemap(services: bootstrap.Services, tree: TreeBuilder) -> None:
    services.start_worker()
    source = Source.of_path(tree({"a": b"x"}, name="digested"))
    view = services.jobs.submit(one_job(operation="checksum", source=source))[0]
    services.jobs.wait(view.id, 30)
    with pytest.raises(errors.ArtifactNotFoundError):
        services.results.treemap(view.id)
