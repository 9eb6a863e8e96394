"""Totals, and with them the remaining time, are known while a long job still waits for its walk."""

from __future__ import annotations

import json
import os
from pathlib import Path

from services import engine
from tests.conftest import wait_until


def test_a_long_job_knows_its_totals_before_its_walk_ends(tmp_path: Path) -> None:
    for number in range(200):
        folder = tmp_path / "source" / f"{number:03d}"
        folder.mkdir(parents=True)
        with (folder / "sparse").open("wb") as file:
            file.truncate(1 << 30)
    document = {
        "version": 1,
        "operations": [{"operation": "checksum", "options": {"algorithms": ["md5"], "write_manifests": False}}],
        "source": {"path": os.fspath(tmp_path / "source")},
        "output": {"directory": os.fspath(tmp_path / "out")},
    }
    handle = engine.start(json.dumps(document).encode())
    try:
        assert handle.progress().files_total is None
        wait_until(lambda: handle.progress().files_total is not None, "the totals are known")
        known = handle.progress()
        assert (known.files_total, known.bytes_total) == (200, 200 << 30)
        assert known.files_done < 200
        assert known.remaining_seconds is None or known.remaining_seconds > 0
    finally:
        handle.cancel()
        assert handle.wait(5)
