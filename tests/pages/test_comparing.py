"""A job's result beside an earlier one, on its page."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from services import bootstrap
from services.models.jobs import JobView
from tests.conftest import TreeBuilder
from tests.pages.conftest import Open, drawn, texts

RunJob = Callable[..., JobView]


def figures(app: object) -> dict[str, str]:
    return {metric.label.rpartition(" ")[2]: metric.value for metric in app.metric}  # type: ignore[attr-defined]


@pytest.fixture
def root(tree: TreeBuilder) -> Path:
    return tree({"a": b"1", "d/b": b"2", "same": b"s"})


def test_differences_are_counted_and_listed(open_page: Open, run_job: RunJob, root: Path) -> None:
    before = run_job("checksum", root)
    (root / "a").write_bytes(b"22")
    (root / "d/b").rename(root / "b")
    (root / "<b>:red[x]\n").write_bytes(b"fresh")
    after = run_job("checksum", root)
    app = open_page("job", id=str(after.id), tab="Compare")
    shown = figures(app)
    assert (shown["Changed"], shown["Moved"], shown["New"], shown["Equal"]) == ("1", "1", "1", "1")
    frame = app.dataframe[0].value
    assert list(frame["kind"]) == ["changed", "moved", "new"]
    assert list(frame["path"]) == ["a", "b", r"<b>:red[x]\n"]
    assert app.query_params["with"] == str(before.id)

    app = open_page("job", id=str(after.id), tab="Compare", compare_kind="moved", **{"with": str(before.id)})
    assert list(app.dataframe[0].value["moved_from"]) == ["d/b"]
    links = [link.proto.url for link in app.get("link_button")]
    asked = f"api/jobs/{after.id}/compare/checksum?with={before.id}&table=changes&filter=kind%3Aeq%3Amoved"
    found = [link.removeprefix(asked) for link in links if link.startswith(asked)]
    assert found == ["&format=csv", "&format=csv&spreadsheet=true", "&format=parquet", "&format=jsonl"]


def test_another_job_is_chosen_and_kept_in_the_address(open_page: Open, run_job: RunJob, root: Path) -> None:
    first = run_job("checksum", root)
    (root / "a").write_bytes(b"3")
    second, third = run_job("checksum", root), run_job("checksum", root)
    app = open_page("job", id=str(third.id), tab="Compare")
    assert app.query_params["with"] == str(second.id)
    assert "No differences." in texts(app)
    app = drawn(app.selectbox(key=f"compare_with_checksum_{third.id}").set_value(first.id).run())
    assert app.query_params["with"] == str(first.id)
    assert figures(app)["Changed"] == "1"


def test_empty_states_say_what_to_do(open_page: Open, run_job: RunJob, root: Path, shared: bootstrap.Services) -> None:
    job = run_job("checksum", root)
    app = open_page("job", id=str(job.id), tab="Compare")
    assert "Re-run this job later" in texts(app)
    assert any("Edit" in link.proto.label for link in app.get("page_link"))
    wrong = open_page("job", id=str(job.id), tab="Compare", **{"with": str(uuid.UUID(int=7))})
    assert "Re-run this job later" in texts(wrong)
    other = run_job("text_statistics", root)
    assert "cannot be compared" in texts(open_page("job", id=str(other.id), tab="Compare"))


def test_what_cannot_be_compared_is_said(open_page: Open, run_job: RunJob, root: Path) -> None:
    run_job("checksum", root, algorithms=["md5"])
    job = run_job("checksum", root, algorithms=["crc32c"])
    app = open_page("job", id=str(job.id), tab="Compare")
    assert "no algorithm in common" in app.error[0].value


def test_inventories_show_where_it_grew(open_page: Open, run_job: RunJob, root: Path) -> None:
    before = run_job("inventory", root)
    (root / "d/b").write_bytes(b"2" * 500)
    (root / "a").unlink()
    after = run_job("inventory", root)
    app = open_page("job", id=str(after.id), tab="Compare")
    (chart,) = app.get("plotly_chart")
    labels = json.loads(chart.proto.spec)["data"][0]
    names = dict(zip(labels["ids"], zip(labels["labels"], labels["marker"]["colors"], strict=True), strict=True))
    assert "d  500 B (+499 B)" in names["n0"][0].replace("</b>", "").replace("<b>", "").replace("<br>", "  ")
    colors = {name: color for name, (_, color) in names.items()}
    assert len({colors["n0"], colors["n1"], colors["n2"]}) == 3
    assert list(app.dataframe[0].value["path"]) == ["d", "."]
    assert figures(app)["Grown"] == "2"
    # One folder down.
    inside = open_page("job", id=str(after.id), tab="Compare", folder="d", compare_table="changes")
    assert list(inside.dataframe[0].value["path"]) == ["d/b", "a"]
    assert before.id != after.id


def test_profile_and_search_are_listed(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    root = tree({"p.csv": b"id,x\n1,a\n2,b\n"})
    run_job("profile", root)
    run_job("search", root, patterns=["a"])
    (root / "p.csv").write_bytes(b"id,y\n1,a\n2,a\n")
    profile, search = run_job("profile", root), run_job("search", root, patterns=["a"])
    app = open_page("job", id=str(profile.id), tab="Compare")
    assert list(app.dataframe[0].value["column"]) == ["x", "y"]
    app = open_page("job", id=str(search.id), tab="Compare")
    assert list(app.dataframe[0].value["text"]) == ["2,a"]
