"""The native module without the services: job specifications, rows of a result, scripts in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]


def spec(operation: str, source: Path, out: Path, /, walk: dict[str, Any] | None = None, **options: Any) -> bytes:
    document = {
        "version": 1,
        "operations": [{"operation": operation, "options": options}],
        "source": {"path": str(source), "path_bytes": os.fsencode(source).hex()},
        "walk": walk or {},
        "output": {"directory": str(out)},
        "threads": 2,
    }
    return json.dumps(document).encode()


def rows(out: Path, table: str) -> list[dict[str, Any]]:
    parts = [out / "issues.parquet"] if table == "issues" else sorted(out.glob(f"*/{table}/part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def raw(row: dict[str, Any]) -> bytes:
    """Return a row's path as bytes."""
    return row["path"].encode() if row["path_raw"] is None else bytes(row["path_raw"])


def python(script: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, with this project on its path."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False, **options)
