"""Finding a directory: browsing, suggestions, favourites, recent places."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from services import bootstrap
from services.base import errors
from services.models.jobs import Source
from tests.asking import one_job
from tests.conftest import TreeBuilder


def test_a_listing_has_folders_with_their_files_and_the_way_up(
    services: bootstrap.Services, tree: TreeBuilder, tmp_path: Path
) -> None:
    root = tree({"B/1": b"", "a/1": b"12", "a/2": b"", "a/sub/3": b"", ".hidden/x": b"", "file": b"12345"})
    listing = services.sources.browse(str(root))
    assert [(folder.name, folder.files) for folder in listing.folders] == [(".hidden", 1), ("a", 2), ("B", 1)]
    assert (listing.files, listing.size_bytes, listing.hidden_folders) == (1, 5, 0)
    assert listing.parents[0] == (str(tmp_path), str(tmp_path))
    assert listing.parents[-1] == (str(root), "source")
    for path, _ in listing.parents:
        assert services.sources.browse(path)


def test_names_that_are_not_text_can_be_entered(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({b"caf\xe9/inner\n/file": b"1"})
    first = services.sources.browse(str(root)).folders[0]
    assert first.name == "caf\\xe9"
    inner = services.sources.browse(first.path).folders[0]
    assert inner.name == "inner\\n"
    assert services.sources.browse(inner.path).files == 1
    view, _ = services.jobs.submit(one_job(operation="inventory", source=Source.of_path(first.path)))
    assert view.source.os_path == first.path
    assert os.fsencode(first.path).endswith(b"caf\xe9")
    assert first.path in services.sources.recent()


def test_a_hundred_thousand_entries_are_listed_quickly(services: bootstrap.Services, tmp_path: Path) -> None:
    root = tmp_path / "wide"
    root.mkdir()
    for number in range(100_000):
        (root / f"{number:06d}").touch()
    for number in range(2_000):
        (root / f"folder{number:05d}").mkdir()
    started = time.perf_counter()
    listing = services.sources.browse(str(root))
    took = time.perf_counter() - started
    print(f"{took:.2f} s")
    assert listing.files == 100_000
    assert len(listing.folders) == 500
    assert listing.hidden_folders == 1_500
    assert took < 3
    above = services.sources.browse(str(tmp_path))
    wide = next(folder for folder in above.folders if folder.name == "wide")
    assert wide.more
    assert wide.files is not None


def test_links_that_lead_out_are_not_shown(
    services: bootstrap.Services, tree: TreeBuilder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret-name").mkdir()
    root = tree({"inside/x": b""})
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to("inside")
    assert [folder.name for folder in services.sources.browse(str(root)).folders] == ["in", "inside"]
    assert services.sources.suggest(f"{root}/") == [f"{root}/in", f"{root}/inside"]
    assert services.sources.suggest(f"{root}/out/") == []
    assert services.sources.suggest(f"{root}/out/sec") == []


@pytest.mark.parametrize(
    "prefix", ["/", "/etc", "/etc/", "/etc/ho", "/root/.", "", "x", "/../etc/p", "~root/.s", "\0", "a\0b"]
)
def test_suggestions_name_nothing_outside(services: bootstrap.Services, tmp_path: Path, prefix: str) -> None:
    for path in services.sources.suggest(prefix):
        assert Path(path) == tmp_path or Path(path).is_relative_to(tmp_path)


def test_suggestions_lead_to_the_roots_and_below(
    services: bootstrap.Services, tree: TreeBuilder, tmp_path: Path
) -> None:
    root = tree({"alpha/x": b"", "alto/x": b"", "beta/x": b"", "alfile": b""})
    assert services.sources.suggest(str(tmp_path)[:-2]) == [str(tmp_path)]
    assert services.sources.suggest(f"{root}/al") == [f"{root}/alpha", f"{root}/alto"]
    assert services.sources.suggest(f"{root}/nothing") == []
    for number in range(30):
        (root / f"many{number:02d}").mkdir()
    assert len(services.sources.suggest(f"{root}/many")) == 20


@pytest.mark.parametrize("path", ["", "\0", "relative/../../..", "~nobody-here/x"])
def test_what_is_no_path_is_refused(services: bootstrap.Services, path: str) -> None:
    with pytest.raises(errors.PravahError):
        services.sources.browse(path)


def test_a_file_a_loop_and_a_missing_directory_are_told_apart(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"file": b"1"})
    (root / "loop").symlink_to("loop")
    for name, words in (("file", "not a directory"), ("nothing", "does not exist"), ("loop", "symbolic links")):
        with pytest.raises(errors.SourceNotFoundError, match=words):
            services.sources.browse(f"{root}/{name}")


def test_favourites_are_kept_once_and_forgotten(services: bootstrap.Services, tree: TreeBuilder) -> None:
    root = tree({"a/x": b"", "b/x": b"", b"caf\xe9/x": b""})
    services.sources.add_favourite(f"{root}/b")
    services.sources.add_favourite(f"{root}/a")
    services.sources.add_favourite(f"{root}/a/../a")
    assert services.sources.favourites() == [f"{root}/a", f"{root}/b"]
    services.sources.remove_favourite(f"{root}/a")
    for unknown in (f"{root}/a", "nothing", "\0", "\ud800"):
        services.sources.remove_favourite(unknown)
    assert services.sources.favourites() == [f"{root}/b"]
    with pytest.raises(errors.InvalidOptionsError, match="UTF-8"):
        services.sources.add_favourite(os.fsdecode(os.fsencode(root) + b"/caf\xe9"))


def test_recent_places_are_the_newest_sources_that_may_still_be_read(
    services: bootstrap.Services, tree: TreeBuilder
) -> None:
    root = tree({f"d{number}/x": b"" for number in range(4)})
    for number in (0, 1, 2, 1, 3):
        services.jobs.submit(one_job(operation="inventory", source=Source(path=f"{root}/d{number}")))
    services.jobs.submit(one_job(operation="checksum", source=Source(s3_uri="s3://bucket/prefix")))
    (root / "d3" / "x").unlink()
    (root / "d3").rmdir()
    assert services.sources.recent() == [f"{root}/d1", f"{root}/d2", f"{root}/d0"]
    assert services.sources.recent(limit=1) == [f"{root}/d1"]
