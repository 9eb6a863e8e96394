"""Both storages, and a proxy that makes an S3 server fail as asked."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.storage import Storage
from services.storage.local import LocalStorage
from services.storage.s3 import S3Storage

KEYS = ("AKTESTIDENTIFIER", "TestSecretKey")


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return an empty storage of each kind."""
    if request.param == "local":
        return LocalStorage(tmp_path / "stored")
    bucket = request.getfixturevalue("s3_bucket")
    return S3Storage(bucket, "some/prefix", request.getfixturevalue("s3_server"))


@pytest.fixture
def put(storage: Storage, tmp_path: Path) -> Callable[[str, bytes], None]:
    """Return a function that stores bytes."""

    def store(key: str, content: bytes) -> None:
        path = tmp_path / "to-store"
        path.write_bytes(content)
        storage.put(key, path)

    return store


class Proxy:
    """Hands requests on to a server, unless it is told otherwise.

    Attributes:
        fail: given method and path, returns a status to answer with instead.
        cut_after: bytes of a body after which the connection breaks, once each.
        requests: (method, path) of each.
        signers: the Authorization header of each, as far as it names who signed.
    """

    def __init__(self, endpoint: str) -> None:
        self.target = urlsplit(endpoint)
        self.fail: Callable[[str, str], int | None] = lambda method, path: None
        self.cut_after: list[int] = []
        self.requests: list[tuple[str, str]] = []
        self.signers: list[str] = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                proxy.answer(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one  # noqa: N815

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        self.requests.append((request.command, request.path))
        self.signers.append(request.headers.get("Authorization", "").partition(",")[0])
        status = self.fail(request.command, request.path)
        if status is not None:
            self._refuse(request, status)
            return
        upstream = http.client.HTTPConnection(self.target.hostname or "", self.target.port or 80, timeout=30)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "expect"}
        upstream.request(request.command, request.path, body, headers)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        request.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                request.send_header(name, value)
        request.send_header("Content-Length", answer.getheader("Content-Length") or str(len(content)))
        request.end_headers()
        if request.command == "GET" and self.cut_after and len(content) > self.cut_after[0]:
            request.wfile.write(content[: self.cut_after.pop(0)])
            request.close_connection = True
            return
        if request.command != "HEAD":
            request.wfile.write(content)

    def _refuse(self, request: http.server.BaseHTTPRequestHandler, status: int) -> None:
        content = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        request.send_response_only(status)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


@pytest.fixture
def proxy(s3_server: str, s3_bucket: str) -> Iterator[Proxy]:
    """Yield a proxy before the S3 server."""
    made = Proxy(s3_server)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def s3(s3_server: str, s3_bucket: str) -> Any:
    """Return a plain client."""
    return boto3.client("s3", endpoint_url=s3_server)


@pytest.fixture
def config(
    settings: settings_module.Settings, s3_server: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> settings_module.Settings:
    """Return settings with results in S3; credentials that can be found again wherever they leak."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    change = {"storage": f"s3://{s3_bucket}/results", "s3_endpoint_url": s3_server}
    return settings.model_copy(update=change)


@pytest.fixture
def opened(config: settings_module.Settings) -> Iterator[bootstrap.Services]:
    """Yield services with a worker."""
    with bootstrap.open_services(config) as services:
        services.start_worker()
        yield services
