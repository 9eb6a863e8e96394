"""The examples of ``deploy/``: a proxy that runs, a unit that systemd accepts."""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.conftest import free_port, wait_until
from tests.e2e.conftest import REPOSITORY, Dashboard, open_page

DEPLOY = REPOSITORY / "deploy"
NGINX = "/usr/sbin/nginx"


@pytest.fixture
def proxy(fresh: Dashboard, tmp_path: Path) -> str:
    """Return the address of nginx in front of a server; the name in it is one of the example's."""
    port, directory = free_port(), tmp_path / "nginx"
    directory.mkdir()
    site = (DEPLOY / "nginx.conf").read_text().replace("127.0.0.1:8501", fresh.url.removeprefix("http://"))
    site = site.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("pravah.example.org", "localhost")
    paths = "".join(
        f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"pid {directory}/pid;\nerror_log {directory}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{site}\n}}\n"
    )
    return f"http://localhost:{port}"


@pytest.mark.browser
def test_nginx_passes_dashboard_and_api_on(proxy: str, tmp_path: Path, page: Page) -> None:
    command = [NGINX, "-e", str(tmp_path / "nginx" / "error.log"), "-c", str(tmp_path / "nginx" / "nginx.conf")]
    server = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        wait_until(lambda: server.poll() is not None or _status(f"{proxy}/api/health/live") == 200, "nginx answers")
        assert server.poll() is None
        # The dashboard is drawn over the websocket.
        open_page(page, proxy)
        job = b'{"operations": [{"operation": "inventory"}], "source": {}}'
        # A source without a path is refused as malformed, behind the guard.
        assert _status(f"{proxy}/api/jobs", job) == 422, "a request without Origin"
        assert _status(f"{proxy}/api/jobs", job, Origin=proxy) == 422, "a page of this address"
        assert _status(f"{proxy}/api/jobs", job, Origin="http://evil.example") == 403
        with pytest.raises(OSError, match=r"closed|reset"):
            _status(f"{proxy}/api/health/live", Host="evil.example")
    finally:
        # Before the proxy goes: the dashboard would look for its server.
        page.close()
        server.terminate()
        server.wait(timeout=10)


def _status(url: str, body: bytes | None = None, **headers: str) -> int:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return 0
        raise


def test_the_unit_may_limit_the_memory_of_a_job() -> None:
    lines = (DEPLOY / "pravah.service").read_text().splitlines()
    assert {"Delegate=memory", "DelegateSubgroup=main"} <= set(lines)
    assert not [line for line in lines if line.startswith("ProtectControlGroups=")], "it would win"


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    # What systemd would start is not installed here.
    unit = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", (DEPLOY / "pravah.service").read_text())
    version = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.split()[1]) < 254:
        # It would warn, and go on without.
        unit = unit.replace("DelegateSubgroup=main\n", "")
    (tmp_path / "pravah.service").write_text(unit)
    checked = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "pravah.service"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
