"""A server that is ended by a signal leaves no PostgreSQL behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import free_port, wait_until


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health/live", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.parametrize("factory", ["pages.server:create", "services.api.asgi:create"])
def test_uvicorn_with_sigterm_stops_the_embedded_server(tmp_path: Path, factory: str) -> None:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--port", str(port), "--log-level", "warning"]
    environment = os.environ | {"PRAVAH_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port), f"the server answers; see {tmp_path}/log")
        lock = tmp_path / "data" / "postgres" / "postmaster.pid"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/jobs", timeout=20) as answer:
            assert answer.status == 200
        assert lock.exists()
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
        wait_until(lambda: not lock.exists(), "PostgreSQL has stopped")
    finally:
        server.kill()
        server.wait()
