"""Fixtures on real parts: an embedded PostgreSQL per session, a database per test, a real S3 server."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright
from psycopg import sql

from services import bootstrap
from services.base import settings as settings_module
from services.db import embedded
from tests import databases, doors, programs
from tests.distribution import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from tests.faults.summary import pytest_terminal_summary
from tests.timing import Timing

__all__ = ["doors", "pytest_collection_modifyitems", "pytest_terminal_summary", "pytest_xdist_make_scheduler"]

programs.refuse_unlisted()


# The collector would go through all modules and all collected tests dozens of times: a fifth of the time of tests.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    """Let the collector leave alone what is there for the whole run."""
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Have the times of all tests told at the end of a run."""
    target = os.environ.get("PRAVAH_TEST_TIMES")
    config.pluginmanager.register(Timing(Path(target) if target and not hasattr(config, "workerinput") else None))


hypothesis.settings.register_profile("fast", max_examples=25, deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile("slow", max_examples=1_000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

# What is exported in the shell of whoever runs the tests is not theirs.
for _name in [name for name in os.environ if name.startswith("PRAVAH_")]:
    if _name not in {"PRAVAH_FAULT_FACTOR", "PRAVAH_TEST_SEED", "PRAVAH_TEST_TIMES", "PRAVAH_UPDATE_SCREENSHOTS"}:
        del os.environ[_name]

# A job runner that detaches its children has them ignore these, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

TreeBuilder = Callable[..., Path]


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Poll a condition; fail with `what` when it does not come true in time."""
    start = time.monotonic()
    while not condition():
        waited = time.monotonic() - start
        if waited > seconds:
            pytest.fail(f"not within {seconds:g} s: {what}")
        # To look costs CPU time, often that of a server and a database too: seldom where the wait is long anyway.
        time.sleep(min(0.1, 0.02 + waited / 50))


def fill(root: Path, files: dict[str | bytes, bytes | None]) -> Path:
    """Make files with their content, and directories where the content is None; return `root`."""
    root.mkdir(exist_ok=True)
    for relative, content in files.items():
        raw = os.path.join(os.fsencode(root), os.fsencode(relative))
        if content is None:
            os.makedirs(raw, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(raw), exist_ok=True)
        with open(raw, "wb") as file:
            file.write(content)
    return root


@pytest.fixture
def tree(tmp_path: Path) -> TreeBuilder:
    """Return a builder: ``tree({"a/b.csv": b"...", "empty/": None})`` gives the directory it filled."""

    def build(files: dict[str | bytes, bytes | None], name: str = "source") -> Path:
        return fill(tmp_path / name, files)

    return build


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Yield the URL of a real PostgreSQL; one server per test process."""
    # Not below pytest's own directory, which has a long path.
    directory = Path(tempfile.mkdtemp(prefix="pravah-test-postgres-"))
    url = embedded.hold(directory / "postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        # Nothing here outlives a power failure, and a database per test is made three times as fast.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
    yield url
    embedded.release(directory / "postgres")
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def template_database(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a database with the newest schema, to be copied."""
    name = "pravah_template"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    config = settings_module.load_settings(
        data_dir=tmp_path_factory.mktemp("template"), database_url=databases.at(postgres, name)
    )
    bootstrap.Database(config).close()
    return name


@pytest.fixture
def database_url(postgres: str, template_database: str) -> Iterator[str]:
    """Yield the URL of an empty database of this test's own."""
    with databases.copy(postgres, template_database) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> settings_module.Settings:
    """Return settings with a data directory of this test's own; jobs may read below `tmp_path`."""
    return settings_module.load_settings(
        data_dir=tmp_path / "data", database_url=database_url, allowed_roots=(tmp_path,), min_free_disk_bytes=0
    )


@pytest.fixture
def services(settings: settings_module.Settings) -> Iterator[bootstrap.Services]:
    """Yield services without a worker: jobs stay PENDING."""
    with bootstrap.open_services(settings) as opened:
        yield opened


@pytest.fixture
def running(services: bootstrap.Services) -> bootstrap.Services:
    """Return services with a worker."""
    services.start_worker()
    return services


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the endpoint of a real S3 server: SeaweedFS's single binary."""
    weed = shutil.which("weed") or str(Path(os.sys.executable).parent / "weed")  # type: ignore[attr-defined]
    directory = tmp_path_factory.mktemp("weed")
    # SeaweedFS listens for gRPC at each port + 10,000 unless told otherwise.
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    names += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
    ports = {name: free_port() for name in names}
    command = [weed, "-logtostderr=true", "server", f"-dir={directory}", "-s3", "-ip=127.0.0.1", "-volume.max=5000"]
    command += ["-master.volumeSizeLimitMB=64", "-master.telemetry=false", "-s3.iam=false"]
    # Two services more on fixed ports: they would collide between test processes.
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", *(f"-{name}={port}" for name, port in ports.items())]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    try:
        wait_until(lambda: _answers(endpoint), f"the S3 server answers; see {directory}/log", seconds=90)
        yield endpoint
    finally:
        server.kill()  # it would wait ten seconds for others to notice
        server.wait()
        for port in ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


def _answers(endpoint: str) -> bool:
    import boto3

    with contextlib.suppress(Exception):
        client = boto3.client(
            "s3", endpoint_url=endpoint, aws_access_key_id="any", aws_secret_access_key="any", region_name="us-east-1"
        )
        client.create_bucket(Bucket=f"probe-{uuid.uuid4().hex}")
        return True
    return False


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium, of which this is all but the windows: pages take a quarter less of the processor."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium-headless-shell", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Yield Chromium; one per test process, since Playwright's loop admits no second one beside it."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def s3_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a new bucket's name; the credentials are in boto3's own chain, as the product wants them."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"test-{uuid.uuid4().hex}"
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket=name)
    return name
