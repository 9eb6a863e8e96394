"""``pravah verify`` and the manifests of ``pravah run checksum``, against the real tools."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import TreeBuilder
from tests.integration.cli.conftest import Cli
from tests.processes import Pravah

NAMES: dict[str | bytes, bytes | None] = {
    "plain": b"plain",
    "sub/with space": b"space",
    "new\nline": b"newline",
    "back\\slash": b"backslash",
    "carriage\rreturn": b"return",
    " leading": b"leading",
    "*star": b"star",
    "\u00fcnicode \u6f22": b"unicode",
    "empty": b"",
}
NOT_UTF8: dict[str | bytes, bytes | None] = {b"latin-\xe9\xff": b"latin"}
# Program, its flag for checking, the algorithm, and our manifest's name.
TOOLS = [
    ("sha256sum", "-c", "sha256", "checksum/manifest.sha256"),
    ("md5sum", "-c", "md5", "checksum/manifest.md5"),
    ("sha1sum", "-c", "sha1", "checksum/manifest.sha1"),
    ("b3sum", "--check", "blake3", "checksum/manifest.b3"),
]


def _files(tool: str) -> dict[str | bytes, bytes | None]:
    # b3sum's own format cannot hold such a name.
    return NAMES if tool == "b3sum" else NAMES | NOT_UTF8


def _manifest(tool: str, source: Path, target: Path) -> Path:
    """Write a manifest of a tree with a real tool."""
    names = sorted(os.fsencode(os.path.relpath(path, source)) for path in source.rglob("*") if path.is_file())
    with target.open("wb") as file:
        subprocess.run([tool, "--", *names], cwd=source, stdout=file, check=True)
    return target


@pytest.mark.parametrize(("tool", "flag", "algorithm", "name"), TOOLS)
def test_the_tool_accepts_our_manifest(
    tool: str, flag: str, algorithm: str, name: str, cli: Cli, tree: TreeBuilder, tmp_path: Path
) -> None:
    source = tree(_files(tool))
    cli("run", "checksum", source, "--algorithm", algorithm, "--output", "proof", "--strict")
    manifest = tmp_path / "proof" / name
    checked = subprocess.run([tool, flag, manifest], cwd=source, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(b": OK\n") == len(_files(tool))
    (source / "plain").write_bytes(b"other")
    assert subprocess.run([tool, flag, manifest], cwd=source, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(("tool", "flag", "algorithm", "name"), TOOLS)
def test_we_accept_the_tools_manifest(
    tool: str, flag: str, algorithm: str, name: str, cli: Cli, tree: TreeBuilder, tmp_path: Path
) -> None:
    source = tree(_files(tool))
    manifest = _manifest(tool, source, tmp_path / f"SUMS-{flag}")
    summary = cli("verify", manifest, source, "--json").document["outcome"]["results"][0]["summary"]
    assert summary["verdict"] == "verified"
    assert summary["algorithm"] == algorithm
    assert summary["statuses"]["ok"] == len(_files(tool))
    (source / "empty").write_bytes(b"no more")
    cli("verify", manifest, source, status=1)


@pytest.fixture
def changed(tree: TreeBuilder, tmp_path: Path) -> Path:
    """Return a tree, with a manifest beside it, of which files were changed, removed, moved and added."""
    source = tree({"same": b"1", "edited": b"2", "gone": b"3", "old/name": b"4", "odd\nname": b"5"})
    _manifest("sha256sum", source, tmp_path / "SUMS")
    (source / "edited").write_bytes(b"22")
    (source / "gone").unlink()
    (source / "old" / "name").rename(source / "renamed")
    (source / "odd\nname").write_bytes(b"55")
    (source / "added").write_bytes(b"6")
    return source


def test_each_path_that_is_not_ok_is_printed_once(cli: Cli, changed: Path) -> None:
    done = cli("verify", "SUMS", changed, status=1)
    lines = done.out.splitlines()
    assert lines[: lines.index("added: new") + 1] == [
        "edited: changed",
        "gone: missing",
        "odd\\nname: changed",
        "renamed: moved from old/name",
        "added: new",
    ]
    counts = {" ".join(line.split()[:-1]): line.split()[-1] for line in lines if line.startswith("  ")}
    assert counts == {
        "Verdict": "failed",
        "Algorithm": "sha256",
        "OK": "1",
        "Changed": "2",
        "Moved": "1",
        "New": "1",
        "Missing": "1",
        "Unreadable": "0",
        "Not verified": "0",
        "Unchanged (not read again)": "0",
    }


def test_without_search_for_moves_a_moved_file_is_missing_and_new(cli: Cli, changed: Path) -> None:
    summary = cli("verify", "SUMS", changed, "--no-detect-moves", "--json", status=1).document["outcome"]["results"][0][
        "summary"
    ]
    assert summary["statuses"]["missing"] == 2
    assert summary["statuses"]["new"] == 2
    assert summary["statuses"]["moved"] == 0


def test_new_files_alone_do_not_fail_and_only_the_first_are_listed(cli: Cli, tree: TreeBuilder, tmp_path: Path) -> None:
    source = tree({"a": b"1"})
    _manifest("sha256sum", source, tmp_path / "SUMS")
    tree({f"new-{number:02d}": b"" for number in range(25)})
    lines = cli("verify", "SUMS", source).out.splitlines()
    assert [line for line in lines if line.endswith(": new")] == [f"new-{number:02d}: new" for number in range(20)]
    assert lines[20].startswith("… and 5 more new: pravah jobs results ")


def test_by_default_the_manifests_own_directory_is_verified(cli: Cli, tree: TreeBuilder) -> None:
    source = tree({"a": b"1", "b": b"2"})
    _manifest("md5sum", source, source / "MD5SUMS")
    cli("verify", "source/MD5SUMS")
    (source / "b").unlink()
    assert "b: missing" in cli("verify", "source/MD5SUMS", status=1).out


def test_a_manifest_may_come_from_a_pipe_and_the_job_be_retried(
    pravah: Pravah, cli: Cli, tree: TreeBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tree({"a": b"1", "sub/b": b"2"})
    content = _manifest("sha256sum", source, tmp_path / "SUMS").read_bytes()
    # The data directory, where such a manifest is kept, is no allowed root.
    env = {"PRAVAH_ALLOWED_ROOTS": str(source)}
    assert pravah.run("verify", "-", "source", stdin=content, env=env).returncode == 0
    job = pravah.json("verify", "-", cwd=source, stdin=content, env=env)
    assert job["outcome"]["results"][0]["summary"]["statuses"]["ok"] == 2
    monkeypatch.setenv("PRAVAH_ALLOWED_ROOTS", str(source))
    cli("jobs", "rerun", job["id"])
    pravah.start("serve", "worker", env=env)
    again = cli("jobs", "wait", "latest", "--json").document
    assert again["outcome"]["results"][0]["summary"]["verdict"] == "verified"
    kept = Path(job["operations"][0]["options"]["manifest"])
    secret = kept.parent.parent / "secret"
    secret.write_bytes(content)
    for other in (kept.parent, kept.parent.parent / "results", secret, kept.parent / ".." / "secret"):
        cli("verify", other, "source", status=3)


def test_an_earlier_result_is_a_manifest(cli: Cli, tree: TreeBuilder) -> None:
    source = tree(NAMES | NOT_UTF8)
    first = cli("run", "checksum", source, "-o", "proof", "--json", "--no-write-manifests").document["id"]
    for reference in (f"job:{first}", f"job:{first[:6]}", "job:latest"):
        statuses = cli("verify", reference, "--json").document["outcome"]["results"][0]["summary"]["statuses"]
        assert statuses["ok"] == len(NAMES | NOT_UTF8)
        cli("run", "checksum", source, "-q")  # the newest again
    cli("verify", "proof", source)
    assert "second argument" in cli("verify", "proof", status=2).err
    (source / "plain").write_bytes(b"?")
    assert cli("verify", f"job:{first}", status=1).out.startswith("plain: changed\n")


@pytest.mark.parametrize("content", [b"", b"this is no manifest\n", b"\x00\xff" * 100])
def test_what_is_no_manifest_is_refused(content: bytes, cli: Cli, tree: TreeBuilder, tmp_path: Path) -> None:
    source = tree({"a": b"1"})
    (tmp_path / "SUMS").write_bytes(content)
    assert cli("verify", "SUMS", source, "--json", status=2).problem["code"] == "invalid_options"


def test_a_manifest_that_is_not_there_is_told_at_once(cli: Cli) -> None:
    assert "nothing does not exist" in cli("verify", "nothing", status=3).err


def test_a_manifest_outside_the_allowed_roots_is_refused(cli: Cli, small: Path) -> None:
    assert "PRAVAH_ALLOWED_ROOTS" in cli("verify", "/etc/passwd", small, status=3).err


def test_run_verify_is_the_same(cli: Cli, changed: Path) -> None:
    assert cli("run", "verify", changed, "--manifest", "SUMS", status=1).out.startswith("Verify of ")
