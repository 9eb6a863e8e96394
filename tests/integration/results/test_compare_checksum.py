"""Two checksums side by side: what changed, moved, came and went, whatever the names."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services import bootstrap
from services.base import errors, paths
from services.models import results
from services.models.jobs import JobView, Source, Status
from services.models.results import ResultQuery
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.results.conftest import Store

OLD = 1_600_000_000


def run(services: bootstrap.Services, path: Path, operation: str = "checksum", **options: Any) -> JobView:
    """Run a job to its end."""
    services.start_worker()
    request = one_job(operation=operation, source=Source.of_path(path), options=options)
    view = services.jobs.wait(services.jobs.submit(request)[0].id, 30)
    assert view.status == Status.COMPLETED, view.error
    return view


def changes(services: bootstrap.Services, before: JobView, after: JobView, *filters: str) -> list[tuple[Any, ...]]:
    """Return (kind, path, moved_from) of each difference."""
    query = ResultQuery(filters=tuple(results.parse_filter(text) for text in filters), limit=1000)
    page = services.comparisons.query(after.id, "checksum", before.id, query=query)
    assert page.total_rows == len(page.rows)
    return [(row["kind"], row["path"], row["moved_from"]) for row in page.rows]


def counts(services: bootstrap.Services, before: JobView, after: JobView) -> dict[str, int]:
    """Return kind → rows."""
    return {one.kind: one.rows for one in services.comparisons.compare(after.id, "checksum", before.id).tables[0].kinds}


def test_each_file_has_one_kind(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"same": b"s", "changed": b"old", "gone": b"gone", "a/moved": b"content", "time": b"t", "grown": b"1"})
    before = run(services, root)
    (root / "changed").write_bytes(b"new")
    (root / "grown").write_bytes(b"123")
    (root / "gone").unlink()
    (root / "b").mkdir()
    (root / "a/moved").rename(root / "b/elsewhere")
    (root / "new").write_bytes(b"fresh")
    os.utime(root / "time", (OLD, OLD))
    after = run(services, root)

    assert changes(services, before, after) == [
        ("changed", "changed", None),
        ("changed", "grown", None),
        ("missing", "gone", None),
        ("moved", "b/elsewhere", "a/moved"),
        ("new", "new", None),
        ("touched", "time", None),
    ]
    found = services.comparisons.compare(after.id, "checksum", before.id)
    assert found.differs
    assert found.same_source
    assert found.tables[0].same_rows == 1
    assert found.by == "blake3"
    assert found.notes == []
    table = found.tables[0]
    assert (table.name, table.rows) == ("changes", 6)
    sizes = {one.kind: (one.before_bytes, one.after_bytes) for one in table.kinds}
    assert sizes["changed"] == (4, 6)
    assert sizes["missing"] == (4, None)
    assert sizes["new"] == (None, 5)
    assert {figure.key: figure.change for figure in found.figures}["files"] == 0
    row = services.comparisons.query(after.id, "checksum", before.id).rows[0]
    assert row["before_digests"].startswith("blake3:")
    assert row["before_digests"] != row["after_digests"]
    assert row["before_modified"] < row["after_modified"]


def test_a_job_does_not_differ_from_itself(services: bootstrap.Services, tree: TreeBuilder) -> None:
    job = run(services, tree({"a": b"1", "b/c": b"2", "empty": b"", b"\xff": b"1"}))
    assert changes(services, job, job) == []
    found = services.comparisons.compare(job.id, "checksum", job.id)
    assert (found.differs, found.tables[0].same_rows, found.tables[0].rows) == (False, 4, 0)


def test_only_another_time_is_no_difference(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"1"})
    before = run(services, root)
    os.utime(root / "a", (OLD, OLD))
    after = run(services, root)
    assert counts(services, before, after) == {"touched": 1}
    assert not services.comparisons.compare(after.id, "checksum", before.id).differs


HOSTILE = [
    b"new\nline",
    b"\xff\xfe",
    b"caf\xe9",
    b"back\\slash",
    b"back\\nslash",
    b"back\nslash",
    b"=1+1",
    b"q'u\"o",
    b"\xef\xbf\xbd",
]


def test_names_are_told_apart_by_their_bytes(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({name: b"x" + name for name in HOSTILE})
    before = run(services, root)
    raw = os.fsencode(root)
    for number, name in enumerate(HOSTILE):
        with open(os.path.join(raw, name), "wb") as file:
            file.write(b"y%d" % number)
    after = run(services, root)
    found = changes(services, before, after)
    assert {kind for kind, _, _ in found} == {"changed"}
    assert {paths.unescape(path) for _, path, _ in found} == set(HOSTILE)

    other = tree({name + b"+": b"y%d" % number for number, name in enumerate(HOSTILE)}, name="other")
    renamed = run(services, other)
    moved = changes(services, after, renamed)
    assert {(paths.unescape(a), paths.unescape(b)) for _, a, b in moved} == {(name + b"+", name) for name in HOSTILE}
    assert {kind for kind, _, _ in moved} == {"moved"}
    assert changes(services, after, renamed, r"path:eq:caf\xe9+") == [("moved", r"caf\xe9+", r"caf\xe9")]


def test_of_equal_copies_each_is_paired_once(services: bootstrap.Services, tree: TreeBuilder) -> None:
    before = run(
        services, tree({"a/1.txt": b"x", "a/2.txt": b"x", "a/3.txt": b"x", "stays": b"x", "e": b""}, name="one")
    )
    after = run(services, tree({"b/2.txt": b"x", "b/9.txt": b"x", "stays": b"x", "f": b""}, name="two"))
    found = changes(services, before, after, "kind:ne:touched")
    # Who kept its name is known by it; an empty file has no content to be known by.
    assert ("moved", "b/2.txt", "a/2.txt") in found
    assert ("moved", "b/9.txt", "a/1.txt") in found
    assert ("missing", "a/3.txt", None) in found
    assert ("missing", "e", None) in found
    assert ("new", "f", None) in found
    assert len(found) == 5
    # The other way round, with more copies after than before.
    back = changes(services, after, before, "kind:in:moved,new,missing")
    assert [kind for kind, _, _ in back].count("moved") == 2
    assert [kind for kind, _, _ in back].count("new") == 2


def test_a_copy_elsewhere_is_compared_by_relative_paths(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"1", "d/b": b"2"}, name="original")
    shutil.copytree(root, root.parent / "copy")
    (root.parent / "copy/d/b").write_bytes(b"3")
    before, after = run(services, root), run(services, root.parent / "copy")
    found = services.comparisons.compare(after.id, "checksum", before.id)
    assert not found.same_source
    assert any("different sources" in note for note in found.notes)
    assert changes(services, before, after, "kind:ne:touched") == [("changed", "d/b", None)]


def test_what_one_job_could_not_read_is_neither_new_nor_missing(services: bootstrap.Services, store: Store) -> None:
    digests = pa.table(
        {
            "path": ["a", "b"],
            "path_raw": pa.nulls(2, pa.binary()),
            "size_bytes": pa.array([1, 2], pa.int64()),
            "blake3": ["11", "22"],
        }
    )
    issue = {
        "stage": ["read"],
        "path": ["a"],
        "path_raw": pa.array([None], pa.binary()),
        "kind": ["unreadable"],
        "message": [""],
    }
    whole = store({"checksum.result": digests}, operation="checksum")
    part = store({"checksum.result": digests.slice(1)}, operation="checksum", issues=pa.table(issue))
    query = services.comparisons.query
    assert [(row["kind"], row["path"]) for row in query(part, "checksum", whole).rows] == [("unread", "a")]
    assert [(row["kind"], row["path"]) for row in query(whole, "checksum", part).rows] == [("unread", "a")]
    # Made-up results without times: none are compared.
    assert "before_modified" not in query(whole, "checksum", part).columns


def test_empty_results(services: bootstrap.Services, tree: TreeBuilder) -> None:
    empty, full = run(services, tree({}, name="none")), run(services, tree({"a": b"1"}, name="one"))
    assert changes(services, empty, empty) == []
    assert changes(services, empty, full) == [("new", "a", None)]
    assert changes(services, full, empty) == [("missing", "a", None)]
    assert services.comparisons.compare(empty.id, "checksum", full.id).tables[0].same_rows == 0


def test_algorithms_that_both_have_decide(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"1"})
    two, other, crc = (run(services, root, algorithms=names) for names in (["md5", "sha256"], ["sha256"], ["crc32c"]))
    assert services.comparisons.compare(other.id, "checksum", two.id).by == "sha256"
    assert changes(services, two, other) == []
    with pytest.raises(errors.InvalidOptionsError, match="no algorithm in common: md5 and sha256 before, crc32c after"):
        services.comparisons.compare(crc.id, "checksum", two.id)


def test_jobs_that_cannot_be_compared_say_why(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"1"})
    job, listed = run(services, root), run(services, root, "inventory")
    with pytest.raises(errors.ArtifactNotFoundError, match="has no result of checksum"):
        services.comparisons.compare(listed.id, "checksum", job.id)
    with pytest.raises(errors.InvalidOptionsError, match="cannot be compared"):
        services.comparisons.compare(job.id, "archive", job.id)
    with pytest.raises(errors.ArtifactNotFoundError, match="no table 'nothing'"):
        services.comparisons.query(job.id, "checksum", job.id, "nothing")
    with pytest.raises(errors.JobNotFoundError):
        services.comparisons.compare(job.id, "checksum", UUID(int=7))
    for question in ({"columns": ("nope",)}, {"sort": ("nope",)}):
        with pytest.raises(errors.InvalidOptionsError):
            services.comparisons.query(job.id, "checksum", job.id, query=ResultQuery.model_validate(question))


def test_a_job_that_is_not_completed_has_nothing_to_compare(services: bootstrap.Services, tree: TreeBuilder) -> None:
    waiting = services.jobs.submit(one_job(operation="checksum", source=Source.of_path(tree({"a": b"1"}))))[0]
    with pytest.raises(errors.ArtifactNotFoundError, match="PENDING"):
        services.comparisons.compare(waiting.id, "checksum", waiting.id)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_differences_are_exported_filtered_and_sorted(
    services: bootstrap.Services, tree: TreeBuilder, form: str
) -> None:
    before = run(services, tree({}, name="none"))
    after = run(services, tree({f"f{n}": b"x" * n for n in range(1, 6)}, name="some"))
    query = ResultQuery(filters=(results.parse_filter("after_bytes:ge:3"),), sort=("-after_bytes",))
    chunks = services.comparisons.export(after.id, "checksum", before.id, "", form, query)  # type: ignore[arg-type]
    content = b"".join(chunks)
    if form == "parquet":
        rows = pq.read_table(io.BytesIO(content)).to_pylist()
    elif form == "jsonl":
        rows = [json.loads(line) for line in content.splitlines()]
    else:
        lines = content.decode().splitlines()
        rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    assert [row["path"] for row in rows] == ["f5", "f4", "f3"]


def test_a_comparison_goes_with_either_job(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"1"})
    before, after = run(services, root), run(services, root)
    services.comparisons.compare(after.id, "checksum", before.id)
    kept = services.settings.data_dir / "cache" / str(after.id) / "compare" / str(before.id)
    assert list(kept.iterdir())
    services.jobs.delete(before.id)
    assert not kept.exists()
    with pytest.raises(errors.JobNotFoundError):
        services.comparisons.query(after.id, "checksum", before.id)


def test_a_comparison_that_was_evicted_is_made_again(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"1"})
    before = run(services, root)
    (root / "a").write_bytes(b"2")
    after = run(services, root)
    assert counts(services, before, after) == {"changed": 1}
    shutil.rmtree(services.settings.data_dir / "cache" / str(after.id))
    assert changes(services, before, after) == [("changed", "a", None)]


def test_offered_are_the_baseline_then_the_same_source_then_others(
    services: bootstrap.Services, tree: TreeBuilder
) -> None:
    root = tree({"a": b"1"})
    first, second = run(services, root), run(services, root)
    elsewhere = run(services, tree({}, name="other"))
    run(services, root, "inventory")
    again = services.jobs.wait(services.jobs.rerun(first.id).id, 30)
    assert [one.id for one in services.comparisons.offered(again, "checksum")] == [first.id, second.id, elsewhere.id]
    assert services.comparisons.offered(first, "checksum") == []
