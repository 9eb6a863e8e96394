"""Comparisons of large results: exact, and in bounded memory."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pyarrow as pa

from services import bootstrap
from services.base import settings as settings_module
from tests.integration.results.conftest import Store

ROWS = 100_000

PEAK = """
import json, sys, uuid
from pathlib import Path
from services import bootstrap
from services.base import settings
from services.models.results import ResultQuery

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024

with bootstrap.open_services(settings.load_settings()) as services:
    before, after = map(uuid.UUID, sys.argv[1:])
    services.results.query(after, "checksum.result", ResultQuery(limit=1))
    start = peak()
    found = services.comparisons.compare(after, "checksum", before)
    size = sum(len(chunk) for chunk in services.comparisons.export(after, "checksum", before, "", "jsonl"))
    kinds = {one.kind: one.rows for one in found.tables[0].kinds}
    print(json.dumps({"kinds": kinds, "same": found.tables[0].same_rows, "size": size, "grown": peak() - start}))
"""


def digests(later: bool) -> pa.Table:
    """Return made-up digests; later each third file lies elsewhere, and each fifth has another content."""
    numbers = range(1, ROWS + 1)
    folders = ["moved" if later and number % 3 == 0 else "folder" for number in numbers]
    contents = [-number if later and number % 5 == 0 else number for number in numbers]
    return pa.table(
        {
            "path": [f"{folder}/{'long-name-' * 6}{n:08d}" for folder, n in zip(folders, numbers, strict=True)],
            "path_raw": pa.nulls(ROWS, pa.binary()),
            "size_bytes": pa.array([number % 1000 + 1 for number in numbers], pa.int64()),
            "modified": pa.array(list(numbers), pa.timestamp("ns", "UTC")),
            "blake3": [hashlib.sha256(b"%d" % content).hexdigest() for content in contents],
        }
    )


def test_a_hundred_thousand_files_in_bounded_memory(
    services: bootstrap.Services, settings: settings_module.Settings, store: Store
) -> None:
    before, after = (store({"checksum.result": digests(later)}, 30_000, "checksum") for later in (False, True))
    assert settings.database_url is not None
    own = {
        "PRAVAH_DATA_DIR": str(settings.data_dir),
        "PRAVAH_DATABASE_URL": settings.database_url.get_secret_value(),
        "PRAVAH_QUERY_MEMORY_BYTES": str(64 << 20),
    }
    command = [sys.executable, "-c", PEAK, str(before), str(after)]
    answer = subprocess.run(command, env={**os.environ, **own}, capture_output=True, check=False, timeout=120)
    assert answer.returncode == 0, answer.stderr.decode()[-2000:]
    found = json.loads(answer.stdout)
    both = ROWS // 15
    assert found["kinds"] == {
        "changed": ROWS // 5 - both,
        "missing": both,
        "moved": ROWS // 3 - both,
        "new": both,
    }
    assert found["same"] == ROWS - ROWS // 5 - ROWS // 3 + both
    assert found["size"] > 10 << 20
    assert found["grown"] < 256 << 20
