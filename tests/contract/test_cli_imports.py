"""What the command line imports: a start that needs no answer from a library does not pay for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.db.database import newest_revision

ROOT = Path(__file__).parents[2]
HEAVY = {"alembic", "boto3", "botocore", "duckdb", "fastapi", "numpy", "pandas", "plotly", "pyarrow", "rich", "smtplib"}
HEAVY |= {"sqlalchemy", "starlette", "streamlit", "uvicorn"}
SCRIPT = """
import json, sys
from services.cli import main
try:
    main.main(json.loads(sys.argv[1]))
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def imported(*args: str, **environment: str) -> set[str]:
    """Return the top-level modules that a command had imported when it ended well."""
    listed = "[" + ", ".join(f'"{arg}"' for arg in args) + "]"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, listed],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_the_version_needs_neither_options_nor_models() -> None:
    found = imported("--version")
    assert "services" in found
    assert found & (HEAVY | {"psycopg", "pydantic", "typer"}) == set()


def test_a_run_imports_no_library_that_it_does_not_need(tmp_path: Path, database_url: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("one")
    environment = {
        "PRAVAH_DATABASE_URL": database_url,
        "PRAVAH_DATA_DIR": str(tmp_path / "data"),
        "PRAVAH_ALLOWED_ROOTS": str(tmp_path),
    }
    found = imported("run", "checksum", str(source), "-q", **environment)
    assert "psycopg" in found
    assert found & HEAVY == set()


def test_the_newest_revision_is_the_one_that_alembic_finds() -> None:
    script = pytest.importorskip("alembic.script")
    assert script.ScriptDirectory(str(ROOT / "services/db/migrations")).get_current_head() == newest_revision()
