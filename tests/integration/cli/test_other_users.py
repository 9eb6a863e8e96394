"""What a second user of this machine gets: nothing. Not from the data directory, its sockets, the port."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.processes import Pravah

# Tries everything that a program of that user can, and says what it got.
NOBODY = """
import json, os, socket, sys, urllib.error, urllib.request
data, port, listening = sys.argv[1:]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
got = []
def tries(name, call):
    try:
        got.append([name, repr(call())])
    except urllib.error.HTTPError as error:
        if error.code != 401:
            got.append([name, error.code])
    except PermissionError:
        pass
def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
for name in json.load(sys.stdin):
    tries(name, lambda: os.listdir(name) if os.path.isdir(name) else open(name, "rb").read(1))
    tries(name, lambda: os.open(name, os.O_WRONLY))
    if name.endswith(".5432"):
        tries(name, lambda: connect(name))
tries("list", lambda: os.listdir(data))
tries("make", lambda: os.open(f"{data}/new", os.O_CREAT | os.O_WRONLY))
tries("listening", lambda: connect(listening))
for path in ("/", "/api/jobs", "/_stcore/stream"):
    tries(path, lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20).read(20))
for process in filter(str.isdigit, os.listdir("/proc")):
    try:
        if b"postgres" in open(f"/proc/{process}/cmdline", "rb").read() and data in os.readlink(f"/proc/{process}/cwd"):
            got.append([process, "cwd"])
    except OSError:
        pass
print(json.dumps(got))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a home that is closed to others, in a place that is open to all: pytest's own folders are not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        home = Path(name) / "home"
        home.mkdir(0o700)
        yield home


@pytest.fixture
def pravah(home: Path) -> Iterator[Pravah]:
    """Yield a command line whose settings hold secrets, with an umask that opens everything."""
    secrets = {"PRAVAH_WEBHOOK_SECRET": "a-secret", "AWS_SECRET_ACCESS_KEY": "another", "PGPORT": "5433"}
    made = Pravah({"PRAVAH_DATA_DIR": str(home / "data")} | secrets, home)
    yield made
    made.close()


def modes(root: Path) -> dict[str, str]:
    """Return what others may do with what is in a directory, and with itself; nothing for what they may not use."""
    found = {}
    for path in (root, *root.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & 0o077:
            found[str(path.relative_to(root))] = stat.filemode(mode)
    return found


def environment_of_postgres(data: Path) -> dict[str, str]:
    """Return the environment of the embedded server."""
    pid = (data / "postgres" / "postmaster.pid").read_text().partition("\n")[0]
    lines = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_a_second_user_gets_nothing(pravah: Pravah, home: Path) -> None:
    users, data = pwd.getpwall(), home / "data"
    old = os.umask(0)
    try:
        # As a directory that an earlier version has made.
        data.mkdir(0o777)
        (home / "source").mkdir()
        (home / "source" / "a.csv").write_text("a,b\n1,2\n")
        server = pravah.serve()
        done = pravah.run("run", "checksum", str(home / "source"))
        assert done.returncode == 0, done.stderr
        listening = home / "listening"
        other = pravah.start("serve", "--host", f"unix:{listening}")
    finally:
        os.umask(old)
    wait_until(lambda: listening.exists() or other.poll() is not None, "the second server listens")
    assert listening.is_socket()
    assert listening.stat().st_mode & 0o077 == 0
    assert any((data / "results").rglob("*.parquet"))
    assert modes(data) == {}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700, "no directory above it was opened"
    assert pwd.getpwall() == users
    passed_on = environment_of_postgres(data)
    assert "PATH" in passed_on
    assert not [name for name in passed_on if name.startswith(("PRAVAH", "AWS")) or name == "PGPORT"]
    if os.geteuid() == 0:
        names = [str(path) for path in (data, *data.rglob("*"))]
        command = [sys.executable, "-c", NOBODY, str(data), server.url.rpartition(":")[2], str(listening)]
        tried = subprocess.run(command, input=json.dumps(names), capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr
        assert json.loads(tried.stdout) == []


def test_a_directory_with_other_things_is_not_closed(pravah: Pravah, home: Path) -> None:
    shared = home / "data"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "of somebody else").touch()
    assert pravah.run("jobs", "list").returncode == 0
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    assert set(modes(shared)) == {".", "of somebody else"}
