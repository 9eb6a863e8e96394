"""Only regular files of a bounded size are read, and no opening waits."""

from __future__ import annotations

import errno
import os
import uuid
from pathlib import Path

import pytest

from services.base import regular
from services.models.jobs import Source
from services.use_cases.sources import UNFINISHED, _is_empty
from services.workers import destinations
from tests.asking import one_job


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert regular.read(file, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes") as raised:
        regular.read(file, 4)
    assert raised.value.errno == errno.EFBIG


def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
            regular.read(path, 100)


@pytest.mark.parametrize("kind", ["fifo", "zeros", "own", "another job's"])
def test_only_a_jobs_own_marker_is_taken_away(tmp_path: Path, kind: str) -> None:
    origin = uuid.uuid4()
    marker = tmp_path / "packed" / UNFINISHED
    marker.parent.mkdir()
    if kind == "fifo":
        os.mkfifo(marker)
    else:
        marker.write_bytes({"zeros": bytes(36), "own": str(origin).encode()}.get(kind, b"x"))
    options = {"destination": str(marker.parent)}
    destinations.settle(one_job(operation="compress", source=Source(path="/source"), options=options), origin)
    assert marker.exists() == (kind != "own")


def test_a_marker_that_was_not_named_yet_takes_no_destination(tmp_path: Path) -> None:
    assert _is_empty(tmp_path)
    (tmp_path / ".pravah-3f.part").write_bytes(b"a job")
    assert _is_empty(tmp_path)
    (tmp_path / ".pravah-3f.parts").write_bytes(b"")
    assert not _is_empty(tmp_path)
