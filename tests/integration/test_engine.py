"""The native module as Python has it: threads, signals, waiting, progress, errors."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import pravah_core
from services import engine
from services.base import errors
from tests.conftest import TreeBuilder, wait_until
from tests.native import ROOT, python, rows, spec

ANSWER_SECONDS = 0.2


@pytest.fixture
def slow(tmp_path: Path) -> bytes:
    """Return a job that reads for minutes, of a file that takes no space."""
    source = tmp_path / "slow"
    source.mkdir()
    with (source / "sparse").open("wb") as file:
        file.truncate(256 << 30)
    return spec("checksum", source, tmp_path / "slow-out", algorithms=["sha256"])


@contextlib.contextmanager
def counting() -> Iterator[list[int]]:
    """Count on another thread, as far as the GIL allows."""
    counted, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield counted
    finally:
        stop.set()
        thread.join()


def engine_threads() -> list[str]:
    """Return the names of this process's threads that are the engine's."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it ended meanwhile
            names.append((task / "comm").read_text().strip())
    return [name for name in names if name.startswith("pravah-")]


def test_waiting_lets_other_threads_run(slow: bytes) -> None:
    handle = pravah_core.start(slow)
    with counting() as counted:
        before = counted[0]
        assert handle.wait(0.3) is False
        assert counted[0] - before > 10_000
    handle.cancel()


def test_preview_lets_other_threads_run(tmp_path: Path) -> None:
    for name in range(300):
        (tmp_path / "many" / str(name)).mkdir(parents=True)
    document = spec("inventory", tmp_path / "many", tmp_path / "out")
    with counting() as counted:
        before = counted[0]
        for _ in range(20):
            assert json.loads(pravah_core.preview(document, 10**6, math.inf))["directories"] == 301
        assert counted[0] - before > 1_000


def test_wait_takes_any_time_that_is_one(slow: bytes, tree: TreeBuilder, tmp_path: Path) -> None:
    handle = pravah_core.start(slow)
    begun = time.monotonic()
    assert handle.wait(0) is False
    assert handle.wait(0.05) is False
    assert 0.05 <= time.monotonic() - begun < 5
    for seconds in (-1.0, -math.inf, math.nan):
        with pytest.raises(ValueError, match="seconds"):
            handle.wait(seconds)
    handle.cancel()
    assert handle.wait(math.inf) is True
    done = pravah_core.start(spec("inventory", tree({"a": b"1"}), tmp_path / "out"))
    assert done.wait(1e300) is True
    assert done.wait(0) is True


def test_result_is_the_outcome_each_time_and_on_every_thread(tree: TreeBuilder, tmp_path: Path) -> None:
    handle = pravah_core.start(spec("checksum", tree({"a": b"1"}), tmp_path / "out"))
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(handle.result())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results) == {(tmp_path / "out" / "outcome.json").read_bytes()}
    assert handle.result() == results[0]


def test_cancel_is_answered_soon_and_again_and_again(slow: bytes) -> None:
    handle = pravah_core.start(slow)
    wait_until(lambda: handle.progress().bytes_done > 0, "the file is being read")
    begun = time.monotonic()
    handle.cancel()
    handle.cancel()
    assert handle.wait(10) is True
    assert time.monotonic() - begun < 5 * ANSWER_SECONDS  # the machine is shared; cancel.rs measures
    for _ in range(2):
        with pytest.raises(pravah_core.CancelledError, match="cancelled"):
            handle.result()
    handle.cancel()


def test_dropping_a_handle_cancels_its_job_and_joins_its_threads(slow: bytes) -> None:
    handles = [pravah_core.start(slow)]
    wait_until(lambda: handles[0].progress().bytes_done > 0, "the file is being read")
    assert engine_threads()
    handles.clear()
    gc.collect()
    wait_until(lambda: not engine_threads(), "the engine's threads are gone", seconds=5)


def test_jobs_run_side_by_side(slow: bytes, tree: TreeBuilder, tmp_path: Path) -> None:
    blocked = pravah_core.start(slow)
    source = tree({f"d{n}/f": b"%d" % n for n in range(50)})
    handles = [pravah_core.start(spec("inventory", source, tmp_path / f"out{n}")) for n in range(5)]
    for handle in handles:
        assert json.loads(handle.result())["results"][0]["summary"]["files"] == 50
    assert blocked.wait(0) is False
    blocked.cancel()


def test_progress_and_records_are_frozen_and_none_is_not_known(slow: bytes, tree: TreeBuilder, tmp_path: Path) -> None:
    handle = pravah_core.start(slow)
    wait_until(lambda: handle.progress().bytes_total is not None, "the walk is done")
    progress = handle.progress()
    assert (progress.stage, progress.stage_index, progress.stage_count) == ("digest", 0, 2)
    assert (progress.files_done, progress.files_total, progress.bytes_total) == (0, 1, 256 << 30)
    assert progress.bytes_per_second is None or progress.bytes_per_second > 0
    assert progress.issues == 0
    for name in ("stage", "files_done", "made_up"):
        with pytest.raises(AttributeError):
            setattr(progress, name, 1)
    handle.cancel()
    inventory = pravah_core.start(spec("inventory", tree({"a": b"1"}), tmp_path / "out"))
    inventory.result()
    progress = inventory.progress()
    assert (progress.files_done, progress.files_total, progress.bytes_total) == (1, 1, 1)
    elapsed = progress.elapsed_seconds
    assert inventory.progress().elapsed_seconds == elapsed, "the clock stands still at the end"


def test_issues_and_shards_are_paged(tree: TreeBuilder, tmp_path: Path) -> None:
    hello = hashlib.sha256(b"hello").hexdigest()
    lines = "".join(f"nonsense {n}\n" for n in range(25))
    source = tree({b"a\xff": b"hello", "sums.sha256": f"{hello}  gone\n{lines}".encode()})
    handle = pravah_core.start(spec("verify", source, tmp_path / "out", manifest=str(source / "sums.sha256")))
    handle.result()
    found: list[pravah_core.Issue] = []
    while page := handle.issues(len(found), 10):
        assert len(page) <= 10
        found += page
    assert [issue.index for issue in found] == list(range(1, 26))
    assert all(isinstance(issue.path, bytes) for issue in found)
    assert {(issue.stage, issue.kind) for issue in found} == {("read", "malformed")}
    assert len(handle.issues(0)) == 25
    shards = handle.shards(0)
    assert [shard.index for shard in shards] == [1, 2, 3]
    assert [shard.index for shard in handle.shards(1)] == [2, 3]
    for shard in shards:
        path = tmp_path / "out" / shard.path
        assert (path.stat().st_size, pq.read_metadata(path).num_rows) == (shard.size_bytes, shard.rows)
    assert [row["message"] for row in rows(tmp_path / "out", "issues")] == [issue.message for issue in found]


def test_errors_are_the_standard_ones_too(tree: TreeBuilder, tmp_path: Path) -> None:
    source = tree({"file": b"x"})
    cases: list[tuple[bytes, type[Exception], str]] = [
        (b"nonsense", ValueError, "invalid_options"),
        (spec("inventory", source / "absent", tmp_path / "1"), FileNotFoundError, "source_not_found"),
        (spec("inventory", source / "file", tmp_path / "2"), FileNotFoundError, "source_not_found"),
        (spec("inventory", source, source / "file" / "out"), OSError, "output_failed"),
        (spec("inventory", source, source), OSError, "output_failed"),
    ]
    for document, standard, code in cases:
        with pytest.raises(standard) as raised:
            pravah_core.start(document)
        assert isinstance(raised.value, pravah_core.EngineError)
        assert raised.value.code == code
        with pytest.raises(errors.PravahError) as translated:
            engine.start(document)
        assert translated.value.code == code
    assert not isinstance(pravah_core.CancelledError(), (ValueError, OSError, RuntimeError))
    assert issubclass(pravah_core.InternalError, RuntimeError)
    assert issubclass(pravah_core.SourceForbiddenError, PermissionError)


def test_an_error_of_the_running_job_comes_with_its_result(tree: TreeBuilder, tmp_path: Path) -> None:
    source = tree({"prose": b"no line of a manifest\n"})
    handle = pravah_core.start(spec("verify", source, tmp_path / "out", manifest=str(source / "prose")))
    assert handle.wait(30)
    with pytest.raises(pravah_core.InvalidOptionsError, match="no line with a digest"):
        handle.result()
    assert not (tmp_path / "out" / "outcome.json").exists()


def test_preview_is_bounded_and_refuses_what_is_no_time(tree: TreeBuilder, tmp_path: Path) -> None:
    document = spec("inventory", tree({"a": b"12", "b/c": b"3"}), tmp_path / "out")
    told = json.loads(pravah_core.preview(document, 10, 1e300))
    counts = {"files": 2, "bytes": 3, "directories": 2}
    assert told == {**counts, "first_names": ["a", "b/c"], "first_tables": [], "complete": True}
    assert json.loads(pravah_core.preview(document, 10, 0))["complete"] is False
    for seconds in (-1.0, math.nan):
        with pytest.raises(ValueError, match="limit_seconds"):
            pravah_core.preview(document, 10, seconds)
    with pytest.raises(FileNotFoundError):
        pravah_core.preview(spec("inventory", tmp_path / "absent", tmp_path / "out"), 10, 1)
    assert not (tmp_path / "out").exists()


INTERRUPTED = """
import sys, pravah_core
handle = pravah_core.start(sys.argv[1].encode())
while not handle.progress().bytes_done: handle.wait(0.01)
try:
    print("running", flush=True)
    handle.result() if sys.argv[2] == "result" else handle.wait(1000)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("call", ["result", "wait"])
def test_ctrl_c_interrupts_a_wait_and_the_process_ends(slow: bytes, call: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, slow.decode(), call]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
        assert child.wait(timeout=20) == 0


def test_an_interpreter_ends_with_a_job_that_runs(slow: bytes) -> None:
    script = "import sys, pravah_core; handle = pravah_core.start(sys.argv[1].encode()); print(handle.wait(0.05))"
    ended = python(script, slow.decode())
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "False\n", "")
