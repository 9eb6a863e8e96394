"""The examples of ``deploy/``: a proxy that runs, a unit that systemd accepts."""

from __future__ import annotations

import contextlib
import json
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests import doors
from tests.conftest import free_port, wait_until
from tests.e2e.conftest import REPOSITORY, open_page, serving

DEPLOY = REPOSITORY / "deploy"
NGINX = "/usr/sbin/nginx"


@contextlib.contextmanager
def _nginx(server: str, port: int, path: str, directory: Path) -> Iterator[None]:
    """Run nginx with the example in front of a server; the name in it is one of the example's."""
    directory.mkdir()
    site = (DEPLOY / "nginx.conf").read_text().replace("127.0.0.1:8501", server.removeprefix("http://"))
    site = site.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("pravah.example.org", "localhost")
    site = site.replace("location / {", f"location {path} {{")
    paths = "".join(
        f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"pid {directory}/pid;\nerror_log {directory}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{site}\n}}\n"
    )
    command = [NGINX, "-e", str(directory / "error.log"), "-c", str(directory / "nginx.conf")]
    running = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        live = f"http://localhost:{port}{path}api/health/live"
        wait_until(lambda: running.poll() is not None or _status(live) == 200, "nginx answers")
        assert running.poll() is None
        yield
    finally:
        running.terminate()
        running.wait(timeout=10)


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/", "/pravah/"])
def test_nginx_passes_dashboard_and_api_on(
    path: str, make_database: Callable[[], str], tmp_path: Path, page: Page
) -> None:
    port = free_port()
    host, root = f"http://localhost:{port}", path.rstrip("/")
    with (
        serving(tmp_path, make_database(), PRAVAH_PUBLIC_URL=f"{host}{path}") as server,
        _nginx(server.url, port, path, tmp_path / "nginx"),
    ):
        assert _status(f"{host}{path}") == _status(f"{host}{path}api/jobs") == 401
        link = server.pravah.run("link").stdout.decode().strip()
        assert link.startswith(f"{host}{path}?link=")
        page.goto(link)
        # The dashboard is drawn over the websocket.
        open_page(page, f"{host}{path}")
        open_page(page, f"{host}{path}jobs")
        assert page.evaluate("fetch('api/openapi.json').then(answer => answer.json())")["servers"] == [
            {"url": f"{root}/api"}
        ]
        token = {"Authorization": doors.headers(server.url)["Authorization"]}
        job = b'{"operations": [{"operation": "inventory"}], "source": {}}'
        api = f"{host}{path}api/jobs"
        # A source without a path is refused as malformed, behind the door.
        assert _status(api, job, **token) == 422, "a request without Origin"
        assert _status(api, job, **token, Origin=host) == 422, "a page of this address"
        for origin in ("http://evil.example", f"http://localhost:{port + 1}", server.url):
            assert _status(api, job, **token, Origin=origin) == 403, origin
        with pytest.raises(OSError, match=r"closed|reset"):
            _status(f"{host}{path}api/health/live", Host="evil.example")
        good = json.dumps({"operations": [{"operation": "inventory"}], "source": {"path": str(server.root)}}).encode()
        request = urllib.request.Request(api, good, {"Content-Type": "application/json", **token})
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.headers["Location"].startswith(f"{root}/api/jobs/")
            assert _status(f"{host}{answer.headers['Location']}", **token) == 200
        # Before the proxy goes: the dashboard would look for its server.
        page.goto("about:blank")


@contextlib.contextmanager
def _caddy(server: str, port: int, path: str, directory: Path) -> Iterator[ssl.SSLContext]:
    """Run Caddy with the example in front of a server, with a certificate of its own; yield what trusts that."""
    directory.mkdir()
    site = (DEPLOY / "Caddyfile").read_text().replace("127.0.0.1:8501", server.removeprefix("http://"))
    site = site.replace("pravah.example.org {", f"https://localhost:{port} {{\n\ttls internal")
    site = site.replace("reverse_proxy ", f"reverse_proxy {path}* ")
    options = f"admin off\nauto_https disable_redirects\nskip_install_trust\nstorage file_system {directory}\n"
    (directory / "Caddyfile").write_text(f"{{\n{options}}}\n{site}")
    with (directory / "log").open("wb") as log:
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(directory / "Caddyfile")]
        environment = {"HOME": str(directory), "PATH": os.environ["PATH"]}
        running = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    authority = directory / "pki" / "authorities" / "local" / "root.crt"

    def is_up() -> bool:
        # It makes its certificates while it starts.
        with contextlib.suppress(OSError):
            trusting.load_verify_locations(authority)
            return _status(f"https://localhost:{port}{path}api/health/live", tls=trusting) == 200
        return False

    trusting = ssl.create_default_context()
    try:
        wait_until(lambda: running.poll() is not None or is_up(), "Caddy answers")
        assert running.poll() is None, (directory / "log").read_text()
        yield trusting
    finally:
        running.terminate()
        running.wait(timeout=10)


@pytest.mark.parametrize("path", ["/", "/pravah/"])
def test_caddy_adds_tls(path: str, make_database: Callable[[], str], tmp_path: Path) -> None:
    port = free_port()
    host = f"https://localhost:{port}"
    with (
        serving(tmp_path, make_database(), "services.api.asgi:create", PRAVAH_PUBLIC_URL=f"{host}{path}") as server,
        _caddy(server.url, port, path, tmp_path / "caddy") as tls,
    ):
        link = server.pravah.run("link").stdout.decode().strip()
        assert link.startswith(f"{host}{path}?link=")
        keeper = CookieJar()
        browser = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=tls), urllib.request.HTTPCookieProcessor(keeper)
        )
        with browser.open(link, timeout=20) as answer:
            assert answer.url == f"{host}{path}api/docs"
        (cookie,) = keeper
        assert (cookie.secure, cookie.path, cookie.name) == (True, path, f"pravah_session_{port}")
        with browser.open(f"{host}{path}api/jobs", timeout=20) as answer:
            assert answer.status == 200
        token = {"Authorization": doors.headers(server.url)["Authorization"]}
        api = f"{host}{path}api/jobs"
        assert _status(api, tls=tls) == 401
        assert _status(api, b"{}", tls=tls, **token, Origin=host) == 422
        assert _status(api, b"{}", tls=tls, **token, Origin=f"http://localhost:{port}") == 403
        remote = {"PRAVAH_URL": f"{host}{path}", "PRAVAH_TOKEN": token["Authorization"].partition(" ")[2]}
        trusted = {**remote, "SSL_CERT_FILE": str(tmp_path / "caddy" / "pki" / "authorities" / "local" / "root.crt")}
        assert server.pravah.json("jobs", "list", env=trusted)["items"] == []
        refused = server.pravah.run("jobs", "list", env=remote)
        assert (refused.returncode, b"certificate" in refused.stderr) == (5, True)


def _status(url: str, body: bytes | None = None, tls: ssl.SSLContext | None = None, **headers: str) -> int:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20, context=tls) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
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
