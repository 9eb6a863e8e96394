"""What may be read: allowed roots, links and dots that would lead out, Pravah's own data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services import bootstrap
from services.base import errors, sample
from services.base import settings as settings_module
from services.models import results
from services.models.jobs import JobView, Source, Status
from services.models.results import ResultQuery
from tests.asking import one_job
from tests.conftest import TreeBuilder


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory outside every root, with a secret in it."""
    path = tmp_path_factory.mktemp("outside")
    (path / "secret.txt").write_text("secret")
    (path / "folder").mkdir()
    return path


def run(services: bootstrap.Services, source: Path, operation: str = "inventory", **more: object) -> JobView:
    """Run a job to its end."""
    services.start_worker()
    request = one_job(operation=operation, source=Source.of_path(source), **more)
    return services.jobs.wait(services.jobs.submit(request)[0].id, 60)


def column(services: bootstrap.Services, view: JobView, table: str, name: str = "path") -> list[str]:
    """Return a column of a result."""
    return [row[name] for row in services.results.query(view.id, table, ResultQuery(limit=1000)).rows]


def test_a_directory_below_a_root_is_resolved(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a/b": b"1"})
    assert services.sources.resolve(f"{root}/a/../a/.") == root / "a"
    (root / "link").symlink_to("a")
    assert services.sources.resolve(f"{root}/link") == root / "a"


@pytest.mark.parametrize(
    "form", ["{outside}", "{root}/../../{name}", "{root}/link", "{root}/link/folder", "{root}/chain", "/", "/etc"]
)
def test_what_lies_outside_is_refused(
    services: bootstrap.Services, tree: TreeBuilder, outside: Path, form: str
) -> None:
    root = tree({"a": b"1"})
    (root / "link").symlink_to(outside)
    (root / "chain").symlink_to("link")
    path = form.format(outside=outside, root=root, name=outside.name)
    with pytest.raises(errors.SourceForbiddenError, match="outside the allowed roots") as caught:
        services.sources.resolve(path)
    assert "PRAVAH_ALLOWED_ROOTS" in caught.value.remedy
    with pytest.raises((errors.SourceForbiddenError, ValueError)):
        services.jobs.submit(one_job(operation="inventory", source=Source(path=path)))
    with pytest.raises(errors.SourceForbiddenError):
        services.sources.browse(path)
    with pytest.raises(errors.SourceForbiddenError):
        services.sources.add_favourite(path)
    assert services.jobs.list().items == []


def test_whether_something_exists_outside_is_not_told(
    services: bootstrap.Services, outside: Path, tree: TreeBuilder
) -> None:
    root = tree({})
    (root / "dangling").symlink_to(outside / "nothing")
    told = set()
    for path in (outside / "secret.txt", outside / "nothing", outside / "folder" / "deep" / "er", root / "dangling"):
        with pytest.raises(errors.SourceForbiddenError) as caught:
            services.sources.resolve_path(str(path))
        told.add(caught.value.message.replace(str(path), "…"))
    assert len(told) == 1


def test_a_path_in_bytes_wins_and_is_checked(services: bootstrap.Services, tree: TreeBuilder, outside: Path) -> None:
    root = tree({b"caf\xe9/file": b"1"})
    odd = os.path.join(os.fsencode(root), b"caf\xe9")
    view = services.jobs.submit(one_job(operation="inventory", source=Source(path="/shown", path_bytes=odd.hex())))[0]
    assert view.source.path_bytes == odd.hex()
    assert view.source.path == f"{root}/caf\\xe9"
    lie = Source(path=str(root), path_bytes=os.fsencode(outside).hex())
    with pytest.raises(errors.SourceForbiddenError):
        services.jobs.submit(one_job(operation="inventory", source=lie))


@pytest.mark.parametrize("name", ["postgres", "work", "results", "cache"])
def test_pravahs_own_data_is_closed(services: bootstrap.Services, tmp_path: Path, name: str) -> None:
    own = services.settings.data_dir / name
    own.mkdir(exist_ok=True)
    (tmp_path / "way-in").symlink_to(own)
    for path in (own, tmp_path / "way-in"):
        with pytest.raises(errors.SourceForbiddenError, match="is used by Pravah"):
            services.sources.resolve(str(path))
    listed = services.sources.browse(str(services.settings.data_dir))
    assert name not in [folder.name for folder in listed.folders]
    assert services.sources.suggest(str(own)[:-1]) == []


def test_a_job_above_pravahs_own_data_does_not_read_it(services: bootstrap.Services, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (services.settings.data_dir / "postgres").mkdir(exist_ok=True)
    sample.make(services.settings.sample_dir)
    first = run(services, tmp_path)
    again = run(services, tmp_path)
    digested = run(services, tmp_path, "checksum")
    for view in (first, again, digested):
        assert view.status == Status.COMPLETED, view.error
        paths = column(services, view, f"{view.names[0]}.result")
        assert "mine.txt" in paths
        assert any(path.startswith("data/sample/") for path in paths)
        for own in ("postgres", "work", "results", "cache"):
            assert not any(path.startswith(f"data/{own}") for path in paths)
    assert again.outcome is not None
    assert first.outcome is not None
    assert again.outcome["results"][0]["summary"]["files"] == first.outcome["results"][0]["summary"]["files"]
    page = services.results.query(
        again.id,
        "inventory.not_covered",
        ResultQuery(filters=(results.parse_filter("reason:eq:pravah_data"),), sort=("path",)),
    )
    assert [row["path"] for row in page.rows] == ["data/cache", "data/postgres", "data/results", "data/work"]
    assert "Pravah" in page.rows[0]["message"]


def test_a_followed_link_into_pravahs_own_data_is_not_entered(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"1"})
    (services.settings.data_dir / "results" / "theirs").write_text("theirs")
    (root / "way-in").symlink_to(services.settings.data_dir / "results")
    view = run(services, root, walk={"follow_links": True})
    assert view.status == Status.COMPLETED
    assert not any("theirs" in path for path in column(services, view, "inventory.result"))
    assert "pravah_data" in column(services, view, "inventory.not_covered", "reason")


def test_the_preview_leaves_pravahs_own_data_out(services: bootstrap.Services, tmp_path: Path) -> None:
    request = one_job(operation="inventory", source=Source.of_path(tmp_path))
    before = services.jobs.preview(request)
    for number in range(5):
        (services.settings.data_dir / "results" / f"{number}").write_text("x")
    assert services.jobs.preview(request).files == before.files


def test_followed_links_lead_nowhere_outside(services: bootstrap.Services, tree: TreeBuilder, outside: Path) -> None:
    root = tree({"a": b"1"})
    (root / "folder-link").symlink_to(outside)
    (root / "file-link").symlink_to(outside / "secret.txt")
    view = run(services, root, "checksum", walk={"follow_links": True})
    assert view.status == Status.COMPLETED
    assert column(services, view, "checksum.result") == ["a"]


def test_a_link_that_is_swapped_after_the_submit_is_not_followed(
    services: bootstrap.Services, tree: TreeBuilder, outside: Path
) -> None:
    root = tree({"good/file": b"1"})
    (root / "link").symlink_to("good")
    view = services.jobs.submit(one_job(operation="inventory", source=Source(path=str(root / "link"))))[0]
    assert view.source.path == str(root / "good")  # what was allowed is what is opened
    (root / "link").unlink()
    (root / "link").symlink_to(outside)
    services.start_worker()
    assert column(services, services.jobs.wait(view.id, 30), "inventory.result") == ["file"]
    swapped = services.jobs.submit(one_job(operation="inventory", source=Source(path=str(root / "good"))))[0]
    services.jobs.wait(swapped.id, 30)


def test_a_directory_that_became_a_link_before_the_run_is_refused(
    services: bootstrap.Services, tree: TreeBuilder, outside: Path
) -> None:
    root = tree({"good/file": b"1"})
    view = services.jobs.submit(one_job(operation="inventory", source=Source(path=str(root / "good"))))[0]
    (root / "good").rename(root / "moved")
    (root / "good").symlink_to(outside)
    services.start_worker()
    done = services.jobs.wait(view.id, 30)
    assert done.status == Status.FAILED
    assert done.error is not None
    assert done.error.code == "source_forbidden"


def test_a_manifest_outside_is_refused(services: bootstrap.Services, tree: TreeBuilder, outside: Path) -> None:
    root = tree({"a": b"1"})
    for manifest in (outside / "secret.txt", services.settings.data_dir / "results", root / "nothing"):
        request = one_job(operation="verify", source=Source.of_path(root), options={"manifest": str(manifest)})
        with pytest.raises((errors.SourceForbiddenError, errors.SourceNotFoundError)):
            services.jobs.submit(request)


@pytest.mark.parametrize("reference", ["job:", "job:x", "job:../../etc", "job:00000000-0000-0000-0000-000000000000"])
def test_a_job_that_is_not_there_is_no_manifest(
    services: bootstrap.Services, tree: TreeBuilder, reference: str
) -> None:
    request = one_job(operation="verify", source=Source.of_path(tree({})), options={"manifest": reference})
    with pytest.raises((errors.InvalidOptionsError, errors.JobNotFoundError)):
        services.jobs.submit(request)


def test_outputs_never_land_in_the_source(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a": b"1", "b/c": b"2"})
    before = {path: path.stat().st_mtime_ns for path in [root, *root.rglob("*")]}
    for operation in ("inventory", "checksum"):
        assert run(services, root, operation).status == Status.COMPLETED
    assert {path: path.stat().st_mtime_ns for path in [root, *root.rglob("*")]} == before


def test_the_default_roots_leave_the_root_of_the_machine_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRAVAH_ALLOWED_ROOTS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir("/")
    config = settings_module.load_settings(data_dir=tmp_path / "data")
    assert config.roots == (tmp_path / "home", tmp_path / "data" / "sample")
    monkeypatch.chdir(tmp_path)
    assert tmp_path in config.roots
    assert settings_module.load_settings(allowed_roots=(Path("/"),)).roots == (Path("/"),)
