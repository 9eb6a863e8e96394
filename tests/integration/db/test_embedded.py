"""The embedded server: started, shared, stopped with its last user, restarted after its death."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from services import bootstrap
from services.base import errors
from services.base import settings as settings_module
from services.db import embedded
from tests.conftest import wait_until
from tests.processes import is_alive

USER = """
import sys
from pathlib import Path
from services.db import embedded
print(embedded.start(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""

Use = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Yield a server's directory; what runs there at the end is killed."""
    path = tmp_path / "data" / "postgres"
    yield path
    if (pid := postmaster(path)) is not None:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def use(directory: Path) -> Iterator[Use]:
    """Return a function that starts a process which uses the server, and waits until it does."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", USER, str(directory)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"postgresql://")
        return process

    yield start
    for process in started:
        leave(process)


def leave(process: subprocess.Popen[bytes]) -> None:
    """Let a process end by itself."""
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    process.wait(30)
    if process.stdout is not None:
        process.stdout.close()


def postmaster(directory: Path) -> int | None:
    """Return the number of the running server."""
    try:
        pid = int((directory / "postmaster.pid").read_text().partition("\n")[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid


def kill_server(directory: Path) -> int:
    """Kill the server as a power failure would; its lock file stays."""
    pid = postmaster(directory)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), "the server is dead")
    return pid


def test_processes_share_one_server_and_the_last_one_stops_it(directory: Path, use: Use) -> None:
    first, second = use(), use()
    pid = postmaster(directory)
    assert pid is not None
    leave(first)
    assert postmaster(directory) == pid
    leave(second)
    wait_until(lambda: postmaster(directory) is None, "the server has stopped")


def test_a_killed_user_does_not_keep_the_server_up(directory: Path, use: Use) -> None:
    killed = use()
    killed.kill()
    # Not reaped yet: in a container without an init process such a zombie stays for ever.
    wait_until(lambda: not is_alive(killed.pid), "it is dead")
    assert postmaster(directory) is not None
    leave(use())
    wait_until(lambda: postmaster(directory) is None, "the server has stopped")


def test_a_killed_server_starts_again_over_its_stale_lock(directory: Path, use: Use) -> None:
    first = use()
    before = kill_server(directory)
    assert (directory / "postmaster.pid").exists()
    use()
    after = postmaster(directory)
    assert after is not None
    assert after != before
    leave(first)


def test_a_server_that_goes_on_starting_when_its_starter_is_gone_is_waited_for(directory: Path, use: Use) -> None:
    leave(use())
    # It waits for an archive before it takes connections, as after a crash it reads what was not written.
    (directory / "recovery.signal").touch(mode=0o666)
    with (directory / "postgresql.conf").open("a") as settings:
        settings.write("restore_command = 'sleep 1; exit 1'\n")

    starter = subprocess.Popen([sys.executable, "-c", USER, str(directory)], stdin=subprocess.DEVNULL)
    wait_until(lambda: postmaster(directory) is not None, "it starts")
    starter.kill()
    starter.wait()
    url = embedded.hold(directory)
    try:
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        embedded.release(directory)


@pytest.mark.parametrize("holder", ["own process", "init"])
def test_a_lock_of_another_process_with_the_servers_old_number_is_removed(
    directory: Path, use: Use, holder: str
) -> None:
    leave(use())
    wait_until(lambda: postmaster(directory) is None, "the server has stopped")
    pid = os.getpid() if holder == "own process" else 1
    lines = [str(pid), str(directory), "1700000000", "5432", str(directory), "", "1 2", "ready   "]
    (directory / "postmaster.pid").write_text("\n".join(lines) + "\n")
    (directory / ".s.PGSQL.5432.lock").write_text("\n".join(lines[:5]) + "\n")
    use()
    assert postmaster(directory) not in {None, pid}


def test_the_running_services_start_a_dead_server_again(tmp_path: Path, directory: Path) -> None:
    config = settings_module.load_settings(data_dir=directory.parent, allowed_roots=(tmp_path,), database_url=None)
    with bootstrap.open_services(config) as services:
        assert services.database.embedded
        services.start_worker()
        kill_server(directory)

        def answers() -> bool:
            try:
                return services.jobs.list().items == []
            except errors.DatabaseError:
                return False

        wait_until(answers, "the database answers again")


def test_only_this_user_may_connect(directory: Path, use: Use) -> None:
    use()
    socket = directory / ".s.PGSQL.5432"
    assert socket.stat().st_mode & 0o077 == 0
    with psycopg.connect(f"postgresql://postgres@/postgres?host={directory}") as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_long_path_works(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 40) / "postgres"
    url = embedded.start(directory)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert connection.execute("SHOW unix_socket_permissions").fetchone() == ("0700",)
    pid = postmaster(directory)
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    wait_until(lambda: postmaster(directory) is None, "the server has stopped")


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    config = settings_module.load_settings(data_dir=tmp_path / "data", database_url=None)
    with pytest.raises(errors.OutputError, match="data directory") as caught:
        bootstrap.create_services(config)
    assert "PRAVAH_DATA_DIR" in caught.value.remedy


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "postgres"
    directory.parent.mkdir()
    directory.write_text("a file")
    with pytest.raises(errors.DatabaseError, match="did not start") as caught:
        embedded.start(directory)
    assert str(directory) in caught.value.message
    assert "PRAVAH_DATABASE_URL" in caught.value.remedy


def test_a_broken_configuration_is_quoted_from_the_servers_log(directory: Path, use: Use) -> None:
    leave(use())
    with (directory / "postgresql.conf").open("a") as file:
        file.write("no_such_parameter = 1\n")
    with pytest.raises(errors.DatabaseError, match=r"configuration file .* contains errors"):
        embedded.start(directory)


def test_a_lock_that_another_process_keeps_is_told(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(embedded, "_WARN_SECONDS", 0.1)
    monkeypatch.setattr(embedded, "_WAIT_SECONDS", 0.3)
    directory.mkdir(parents=True)
    with (directory.parent / "postgres.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(errors.DatabaseError, match=r"another process holds a lock on .*postgres\.lock"):
            embedded.start(directory)
    assert "waiting for another process" in caplog.text
    assert not (directory / "PG_VERSION").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["postgres.lock", "postgres.users"])
def test_a_lock_file_of_another_user_holds_up_no_start(directory: Path, name: str) -> None:
    directory.mkdir(parents=True)
    lock = directory.parent / name
    lock.touch()
    os.chown(lock, 65534, 65534)
    with pytest.raises(errors.DatabaseError, match=rf"{name} belongs to another user \(65534\)"):
        embedded.start(directory)
    lock.unlink()
    lock.symlink_to("/etc/passwd")
    with pytest.raises(errors.DatabaseError, match="did not start"):
        embedded.start(directory)
