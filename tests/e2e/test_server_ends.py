"""A server that is ended by a signal leaves no PostgreSQL behind."""

from __future__ import annotations

import os
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.e2e.conftest import serving


@pytest.mark.parametrize("factory", ["pages.server:create", "services.api.asgi:create"])
def test_uvicorn_with_sigterm_stops_the_embedded_server(tmp_path: Path, factory: str) -> None:
    with serving(tmp_path, None, factory) as server:
        lock = server.data_dir / "postgres" / "postmaster.pid"
        with urllib.request.urlopen(f"{server.url}/api/jobs", timeout=20) as answer:
            assert answer.status == 200
        assert lock.exists()
    wait_until(lambda: not lock.exists(), "PostgreSQL has stopped")


def test_a_worker_that_was_killed_does_not_keep_the_embedded_server(tmp_path: Path) -> None:
    with serving(tmp_path, None) as server:
        lock = server.data_dir / "postgres" / "postmaster.pid"
        users = server.data_dir / "postgres.users"
        with urllib.request.urlopen(f"{server.url}/api/health/ready", timeout=20) as answer:
            worker = int(re.findall(rb"running as process (\d+)", answer.read())[0])
        held = Path(f"/proc/{worker}/fd")
        wait_until(lambda: users in [file.resolve() for file in held.iterdir()], "the worker uses the embedded server")
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not lock.exists(), "PostgreSQL has stopped")
