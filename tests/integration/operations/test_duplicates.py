"""duplicates as its user has it: groups as naive grouping finds them, keep rules, and the plan, really run."""

from __future__ import annotations

import csv
import io
import os
import random
import subprocess
from collections import defaultdict
from pathlib import Path
from uuid import UUID

import pytest

from services import bootstrap
from services.base import errors
from services.models import results
from services.operations import duplicates
from services.results import removal
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob

TREE: dict[str | bytes, bytes | None] = {
    "photos/2023/a.jpg": b"one picture",
    "photos/2024/a.jpg": b"one picture",
    "backup/copy of a.jpg": b"one picture",
    "deep/er/still/x.txt": b"text",
    "x.txt": b"text",
    "single": b"only here",
}
AGES = {"photos/2023/a.jpg": 3, "photos/2024/a.jpg": 1, "backup/copy of a.jpg": 2, "x.txt": 1, "deep/er/still/x.txt": 2}


@pytest.fixture
def source(tree: TreeBuilder) -> Path:
    """Return a directory of two groups; `AGES` says how many days old each file is."""
    root = tree(TREE)
    for name, days in AGES.items():
        moment = 1_700_000_000_123_456_789 - days * 86_400_000_000_000
        os.utime(root / name, ns=(moment, moment))
    return root


def removed(services: bootstrap.Services, job: UUID, **rule: object) -> set[str]:
    """Return the paths that a rule would remove."""
    wanted = results.KeepRule.model_validate(rule)
    text = b"".join(services.results.removal_plan(job, wanted, "csv")).decode()
    found = {row["path"] for row in csv.DictReader(io.StringIO(text))}
    preview = services.results.removal_preview(job, wanted)
    assert preview.files == len(found)
    assert {row["path"] for row in preview.first} == found
    return found


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ({"keep": "oldest"}, {"photos/2023/a.jpg", "deep/er/still/x.txt"}),
        ({"keep": "newest"}, {"photos/2024/a.jpg", "x.txt"}),
        ({"keep": "shortest_path"}, {"photos/2023/a.jpg", "x.txt"}),
        ({"keep": "under", "folder": "photos/2024/"}, {"photos/2024/a.jpg", "x.txt", "deep/er/still/x.txt"}),
        ({"keep": "under", "folder": "./photos/../photos/2024"}, {"photos/2024/a.jpg", "x.txt", "deep/er/still/x.txt"}),
        ({"keep": "under", "folder": "photos"}, set(AGES) - {"backup/copy of a.jpg"}),
        ({"keep": "each_name"}, {"photos/2023/a.jpg", "backup/copy of a.jpg", "deep/er/still/x.txt"}),
    ],
)  # fmt: skip
def test_a_rule_keeps_what_it_says(
    running: bootstrap.Services, run_job: RunJob, source: Path, rule: dict[str, str], kept: set[str]
) -> None:
    view = run_job("duplicates", source)
    assert removed(running, view.id, **rule) == set(AGES) - kept


def test_filters_spare_what_they_do_not_match(running: bootstrap.Services, run_job: RunJob, source: Path) -> None:
    job = run_job("duplicates", source).id
    only = [{"column": "extension", "operator": "eq", "value": "txt"}]
    assert removed(running, job, keep="oldest", filters=only) == {"x.txt"}
    below = [{"column": "path", "operator": "starts_with", "value": "backup/"}]
    found = running.results.removal_preview(job, results.KeepRule.model_validate({"keep": "newest", "filters": below}))
    assert (found.files, found.reclaimable_bytes, found.groups, found.untouched_groups) == (1, 11, 1, 1)
    with pytest.raises(errors.InvalidOptionsError, match="unknown column"):
        removed(running, job, filters=[{"column": "colour", "operator": "eq", "value": "red"}])
    with pytest.raises(errors.InvalidOptionsError, match="requires a folder"):
        removed(running, job, keep="under", folder="/")
    with pytest.raises(errors.InvalidOptionsError, match="no duplicate is below the folder 'photo'"):
        removed(running, job, keep="under", folder="photo")


def test_names_of_one_inode_stay_or_go_together(running: bootstrap.Services, run_job: RunJob, source: Path) -> None:
    os.link(source / "photos/2024/a.jpg", source / "link.jpg")
    job = run_job("duplicates", source).id
    assert removed(running, job, keep="newest") == {"photos/2023/a.jpg", "backup/copy of a.jpg", "deep/er/still/x.txt"}
    assert removed(running, job, keep="oldest") == {"photos/2024/a.jpg", "link.jpg", "backup/copy of a.jpg", "x.txt"}
    rule = results.KeepRule(keep="oldest", filters=(results.Filter(column="path", operator="ne", value="link.jpg"),))
    # The inode keeps a name, so its bytes are not freed.
    assert running.results.removal_preview(job, rule).reclaimable_bytes == 11 + 4


def test_a_plan_lists_no_path_through_a_link(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    root = tree({"real/a": b"content", "copy/b": b"content"})
    for place, name in enumerate(("copy/b", "real/a")):
        os.utime(root / name, ns=(10**18 + place, 10**18 + place))
    # In front of the names that they lead to, by their path, and behind them.
    for name, target in (("a link", "real"), ("z link", "real"), ("another", "copy/b"), ("zz", "real/a")):
        (root / name).symlink_to(root / target)
    view = run_job("duplicates", root, walk={"follow_links": True})
    assert view.result("duplicates")["summary"]["hard_linked_inodes"] == 0
    assert rows(view, "hard_links") == []
    standings = {row["path"]: row["standing"] for row in rows(view)}
    links = dict.fromkeys(("a link/a", "z link/a", "another", "zz"), "through_link")
    assert standings == {"copy/b": "kept", "real/a": "redundant"} | links
    assert removed(running, view.id, keep="oldest") == {"real/a"}
    assert removed(running, view.id, keep="newest") == {"copy/b"}
    # A hard link is a name of its own; it goes with the other one, which frees the bytes once.
    os.link(root / "real/a", root / "again")
    view = run_job("duplicates", root, walk={"follow_links": True})
    assert view.result("duplicates")["summary"]["hard_linked_inodes"] == 1
    assert removed(running, view.id, keep="oldest") == {"real/a", "again"}
    rule = results.KeepRule(keep="oldest")
    assert running.results.removal_preview(view.id, rule).reclaimable_bytes == len(b"content")


def test_what_is_seen_only_through_a_link_stays(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    root = tree({".hidden/a": b"content", "b": b"content", "c": b"content"})
    (root / "link").symlink_to(root / ".hidden")
    for place, name in enumerate((".hidden/a", "b", "c")):
        os.utime(root / name, ns=(10**18 + place, 10**18 + place))
    view = run_job("duplicates", root, walk={"follow_links": True, "include_hidden": False})
    assert {row["path"]: row["standing"] for row in rows(view)} == {
        "link/a": "linked_elsewhere",
        "b": "kept",
        "c": "redundant",
    }
    assert removed(running, view.id, keep="oldest") == {"c"}
    assert removed(running, view.id, keep="newest") == {"b"}


def test_the_map_and_the_plan_keep_the_same_files(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    places = ("2023 (copy)", "2023", "elsewhere/2023", "ünï/2023", "b\\n")
    root = tree({f"{place}/{name}": name.encode() for place in places for name in ("1.jpg", "2.jpg")})
    for ages in ((0, 0, 0, 0, 0), (0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (3, 0, 0, 1, 1)):
        for place, age in zip(places, ages, strict=True):
            for name in ("1.jpg", "2.jpg"):
                os.utime(root / place / name, ns=(10**18 + age, 10**18 + age))
        view = run_job("duplicates", root)
        waste = {row["path"] for row in rows(view) if row["standing"] == "redundant"}
        assert removed(running, view.id, keep="oldest") == waste, ages
        folders = [row for row in rows(view, "folders") if row["path"] != "."]
        stays = min(folders, key=lambda row: removal.preference(row["path"], row["reclaimable_bytes"]))
        assert stays["reclaimable_bytes"] == 0, (ages, stays)


def test_a_reference_always_stays(running: bootstrap.Services, run_job: RunJob, source: Path, tmp_path: Path) -> None:
    reference = tmp_path / "kept"
    reference.mkdir()
    (reference / "original").write_bytes(b"one picture")
    (reference / "unlike").write_bytes(b"two")
    options = {"references": [str(reference)], "only_against_reference": True}
    view = run_job("duplicates", source, options=options)
    assert view.result("duplicates")["summary"]["reference"]["safe_to_wipe"] == "no"
    assert view.verdict == "unsafe"
    pictures = {name for name in AGES if name.endswith(".jpg")}
    for keep in ("oldest", "newest", "shortest_path", "each_name"):
        assert removed(running, view.id, keep=keep) == pictures
    script = planned(running, view.id, tmp_path)
    assert subprocess.run(["bash", script, "--remove"], check=True, capture_output=True).stderr == b""
    assert not any((source / name).exists() for name in pictures)
    assert (reference / "original").exists()


def planned(services: bootstrap.Services, job: UUID, folder: Path, **rule: object) -> Path:
    """Write the script of a rule for a job into a folder."""
    script = folder / "plan.sh"
    script.write_bytes(b"".join(services.results.removal_plan(job, results.KeepRule.model_validate(rule), "sh")))
    return script


def run_script(script: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(["bash", script, *arguments], capture_output=True, check=False)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def test_the_script_removes_only_what_is_still_so(
    running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder, tmp_path: Path
) -> None:
    names = [b"a", b"-rf", b"it's", b"new\nline", b"not-\xff", b"$(touch hacked)", b"sub/b c", "ünï".encode()]
    root = tree(dict.fromkeys(names, b"same content") | {"other": b"12345", "other 2": b"12345"})
    for place, name in enumerate(names):
        os.utime(os.fsencode(root) + b"/" + name, ns=(10**18 + place, 10**18 + place))
    view = run_job("duplicates", root)
    script = planned(running, view.id, tmp_path, keep="oldest")

    before = sorted(os.fsencode(path) for path in root.rglob("*"))
    status, out, err = run_script(script)
    assert (status, err) == (0, "")
    assert out.count("would remove ") == 8 + 1
    assert sorted(os.fsencode(path) for path in root.rglob("*")) == before

    (root / "sub" / "b c").write_bytes(b"other!! size")
    os.utime(root / "sub" / "b c", ns=(1, 1))
    (root / "other").unlink()
    status, out, err = run_script(script, "--remove")
    assert status == 1
    assert err.count("changed or gone") == 2
    assert "skipped: 2" in out
    left = {os.fsencode(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert left == {b"a", b"sub/b c", b"other 2"}
    assert not (root / "hacked").exists()
    assert not Path("hacked").exists()

    # All that is left of a group stays, though its own plan would remove it.
    status, out, err = run_script(script, "--remove")
    assert {os.fsencode(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} == left


def test_a_kept_file_that_changed_saves_its_copies(
    running: bootstrap.Services, run_job: RunJob, source: Path, tmp_path: Path
) -> None:
    view = run_job("duplicates", source)
    script = planned(running, view.id, tmp_path, keep="oldest")
    (source / "photos/2023/a.jpg").write_bytes(b"changed now")
    status, _, err = run_script(script, "--remove")
    assert status == 1
    assert err.count("the kept file is changed or gone") == 2
    assert all((source / name).exists() for name in AGES if name.endswith(".jpg"))


def test_a_kept_file_that_changed_and_has_its_time_saves_its_copies(
    running: bootstrap.Services, run_job: RunJob, source: Path, tmp_path: Path
) -> None:
    view = run_job("duplicates", source)
    script = planned(running, view.id, tmp_path, keep="oldest")
    kept = source / "photos/2023/a.jpg"
    was = kept.stat()
    kept.write_bytes(b"!" * was.st_size)
    os.utime(kept, ns=(was.st_atime_ns, was.st_mtime_ns))
    status, _, err = run_script(script, "--remove")
    assert status == 1
    assert err.count("the kept file has other content now") == 2
    assert all((source / name).exists() for name in AGES if name.endswith(".jpg"))


def test_a_plan_names_the_files_exactly(running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder) -> None:
    names = ["=1+1", "-x", "+y", "@z", "\tt"]
    root = tree(dict.fromkeys(names, b"A") | {"'=1+1": b"B"})
    for place, name in enumerate(names):
        os.utime(root / name, ns=(place, place))
    assert removed(running, run_job("duplicates", root).id, keep="newest") == {"=1+1", "-x", "+y", "@z"}


def test_a_time_that_cannot_be_checked_keeps_its_file(
    running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder, tmp_path: Path
) -> None:
    root = tree(dict.fromkeys(("f1", "f2", "f3", "f4"), b"SAME") | dict.fromkeys(("odd/x", "y", "z"), b"other"))
    for place, name in enumerate(("f1", "f2", "f3", "f4", "y", "z")):
        os.utime(root / name, (place, place))
    for name in ("f3", "odd/x"):  # the year 2400
        os.utime(root / name, (13_569_465_600, 13_569_465_600))
    job = run_job("duplicates", root).id
    assert removed(running, job, keep="newest") == {"f1", "f2", "y"}
    # Where the file to keep is the one that cannot be checked, its copies stay.
    assert removed(running, job, keep="under", folder="odd") == set()
    rule = results.KeepRule(keep="under", folder="odd")
    assert running.results.removal_preview(job, rule).unchecked_files == 2
    assert removed(running, job, keep="oldest") == {"f2", "f4", "z"}
    found = running.results.removal_preview(job, results.KeepRule(keep="oldest"))
    assert (found.files, found.reclaimable_bytes, found.unchecked_files) == (3, 13, 2)
    status, out, err = run_script(planned(running, job, tmp_path, keep="oldest"), "--remove")
    assert (status, err) == (0, "")
    assert "2 more files stay: their time" in out
    left = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert left == {"f1", "f3", "odd/x", "y"}


def test_times_before_1970_are_those_of_stat(
    running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder, tmp_path: Path
) -> None:
    root = tree(dict.fromkeys("abcd", b"content"))
    for name, nanoseconds in zip("abcd", (-631_151_999_500_000_000, -500_000_000, -1, 1), strict=True):
        os.utime(root / name, ns=(nanoseconds, nanoseconds))
    script = planned(running, run_job("duplicates", root).id, tmp_path, keep="oldest")
    assert run_script(script, "--remove")[::2] == (0, "")
    assert [path.name for path in root.iterdir()] == ["a"]


def test_a_script_that_was_cut_off_does_nothing(
    running: bootstrap.Services, run_job: RunJob, source: Path, tmp_path: Path
) -> None:
    whole = planned(running, run_job("duplicates", source).id, tmp_path, keep="oldest")
    lines = whole.read_bytes().splitlines(keepends=True)
    plans = [place for place, line in enumerate(lines) if line.startswith(b"plan ")]
    cut = tmp_path / "cut.sh"
    for end in (*(place + 1 for place in plans), len(lines) - 1):
        cut.write_bytes(b"".join(lines[:end]))
        status, _, err = run_script(cut, "--remove")
        assert (status, "is not whole" in err) == (2, True)
    # What bash reads from a pipe may break off later.
    done = subprocess.run(["bash", "-s", "--", "--remove"], input=whole.read_bytes(), capture_output=True, check=False)
    assert (done.returncode, b"is not whole" in done.stderr) == (2, True)
    assert all((source / name).exists() for name in AGES)
    assert run_script(whole, "--remove")[0] == 0


@pytest.mark.parametrize("how", ["--hardlink", "--reflink"])
def test_a_plan_can_link_instead_of_removing(
    running: bootstrap.Services, run_job: RunJob, source: Path, tmp_path: Path, how: str
) -> None:
    view = run_job("duplicates", source)
    script = planned(running, view.id, tmp_path, keep="oldest")
    before = {name: (source / name).read_bytes() for name in AGES}
    status, out, err = run_script(script, how)
    # Whether blocks can be shared is for the file system to say; nothing is lost either way.
    assert {name: (source / name).read_bytes() for name in AGES} == before
    assert sorted(path.name for path in source.rglob("*.pravah-*")) == []
    if how == "--hardlink":
        assert (status, err) == (0, "")
        assert (source / "photos/2023/a.jpg").stat().st_nlink == 3
        assert "hard-linked" in out
    assert run_script(script, "--unknown")[0] == 2


def test_of_one_age_the_original_stays_and_not_what_is_called_a_copy(
    running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder
) -> None:
    names = ["2023/a.jpg", "2023 (copy)/a.jpg", "2023/copyright.txt", "z.bak", "2023/b.txt", "b (1).txt"]
    contents = [b"picture", b"picture", b"text", b"text", b"more", b"more"]
    root = tree(dict(zip(names, contents, strict=True)))
    for name in names:
        os.utime(root / name, ns=(10**18, 10**18))
    job = run_job("duplicates", root).id
    assert removed(running, job, keep="oldest") == {"2023 (copy)/a.jpg", "z.bak", "b (1).txt"}
    assert removed(running, job, keep="newest") == {"2023 (copy)/a.jpg", "z.bak", "b (1).txt"}


def test_what_frees_nothing_is_left_alone(
    running: bootstrap.Services, run_job: RunJob, tree: TreeBuilder, tmp_path: Path
) -> None:
    root = tree({"a": b"content", "b": b"content"})
    os.utime(root / "a", ns=(1, 1))
    os.link(root / "b", tmp_path / "elsewhere")
    job = run_job("duplicates", root).id
    assert removed(running, job, keep="oldest") == set()


def test_groups_are_those_of_naive_grouping(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    seed = 20261125
    print(f"seed {seed}")
    made = random.Random(seed)
    contents = [made.randbytes(size) for size in (1, 1, 2, 4095, 4096, 4097, 70_000)]
    contents += [contents[-1][:-1] + b"x", b"y" + contents[-1][1:]]
    files = {f"d{made.randrange(5)}/{n}.{made.choice('abc')}": made.choice(contents) for n in range(150)}
    view = run_job("duplicates", tree(dict(files)))
    naive = defaultdict(set)
    for name, content in files.items():
        naive[content].add(name)
    wanted = {frozenset(names) for names in naive.values() if len(names) > 1}
    found = defaultdict(set)
    for row in rows(view):
        found[row["group"]].add(row["path"])
    assert {frozenset(names) for names in found.values()} == wanted
    waste = sum(len(content) * (len(names) - 1) for content, names in naive.items())
    summary = view.result("duplicates")["summary"]
    assert summary["reclaimable_bytes"] == waste == sum(row["reclaimable_bytes"] for row in rows(view, "groups"))
    top = next(row for row in rows(view, "by_folder") if row["path"] == ".")
    assert top["reclaimable_bytes"] == waste


def test_the_rules_are_those_that_are_declared() -> None:
    assert set(removal.KeepRule.model_json_schema()["properties"]["keep"]["enum"]) == {
        "oldest", "newest", "shortest_path", "under", "each_name"
    }  # fmt: skip
    assert duplicates.OPERATION.tables[0].name == "result"
