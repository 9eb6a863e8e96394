"""A client of the API mounted as the product mounts it, and jobs that have run to their end."""

from __future__ import annotations

import urllib.parse
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.api import app as api
from services.api import asgi
from services.api.http.door import Door
from services.base import settings as settings_module
from services.db import job_files
from services.models.jobs import FINAL, Artifact
from tests import asking, databases, doors
from tests.conftest import TreeBuilder, fill, wait_until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette would rather have httpx2; httpx does the same
    from starlette.testclient import TestClient

TEST_HOST = "testserver"
FILES: dict[str | bytes, bytes | None] = {
    "a.txt": b"hello",
    "logs/b.log": b"x" * 100,
    "logs/empty.log": b"",
    "=1+1.csv": b"a,b\n",
    "caf\u00e9.bin": bytes(range(256)) * 40,
    b"not-utf8-\xff.txt": b"?",
}

RunJob = Callable[..., dict[str, Any]]


def mounted(services: bootstrap.Services | None) -> Door:
    """Return the API below ``/api``, reachable by the test client's name."""
    return asgi.around(api.create_app(services), extra_hosts=(TEST_HOST,))


@pytest.fixture
def client(services: bootstrap.Services) -> Iterator[TestClient]:
    with TestClient(mounted(services), headers=doors.bearer(services)) as opened:
        yield opened


@pytest.fixture
def source(tree: TreeBuilder) -> Path:
    return tree(FILES)


def ended(client: TestClient, job_id: str) -> dict[str, Any]:
    """Poll a job by its address until it has ended; return it."""
    view: dict[str, Any] = {}

    def look() -> bool:
        view.update(client.get(f"/api/jobs/{job_id}").json())
        return view["status"] in FINAL

    wait_until(look, f"job {job_id} ends")
    return view


def completed(client: TestClient, source: Path, operation: str, **options: Any) -> dict[str, Any]:
    """Submit a job by POST and poll it to COMPLETED; return it."""
    answer = client.post("/api/jobs", json=asking.body(operation, source, options))
    assert answer.status_code == 201, answer.text
    view = ended(client, answer.json()["id"])
    assert view["status"] == "COMPLETED", view
    return view


@pytest.fixture
def run_job(running: bootstrap.Services, client: TestClient, source: Path) -> RunJob:
    """Return a function that submits a job on the small tree by POST and polls it to COMPLETED."""

    def run(operation: str = "checksum", **options: Any) -> dict[str, Any]:
        return completed(client, source, operation, **options)

    return run


@dataclass(frozen=True)
class Kept:
    """What a module's reading tests share: two completed jobs on the small tree."""

    services: bootstrap.Services
    client: TestClient
    source: Path
    inventory: str
    checksum: str


@pytest.fixture(scope="module")
def kept(postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Yield services with two completed jobs; for tests that change nothing, a new database each would be waste."""
    root = tmp_path_factory.mktemp("kept")
    source = root / "source"
    fill(source, FILES)
    with databases.copy(postgres, template_database) as url:
        config = settings_module.load_settings(
            data_dir=root / "data", database_url=url, allowed_roots=(root,), min_free_disk_bytes=0
        )
        with bootstrap.open_services(config) as services:
            client = TestClient(mounted(services), headers=doors.bearer(services))
            services.start_worker()
            with client:
                ids = [completed(client, source, operation)["id"] for operation in ("inventory", "checksum")]
                yield Kept(services, client, source, *ids)


@pytest.fixture
def reader(kept: Kept) -> TestClient:
    """Return the client of the shared services."""
    return kept.client


def store(services: bootstrap.Services, job_id: uuid.UUID, name: str, content: bytes, folder: Path) -> str:
    """Put a file beside a job's own ones, as the worker would; return its address."""
    with services.database.transaction() as session:
        kept = job_files.artifacts(session, job_id)
        added = Artifact(name=name, media_type="text/html", size_bytes=len(content))
        job_files.replace_artifacts(session, job_id, [*kept, added])
    file = folder / "content"
    file.write_bytes(content)
    services.storage.put(services.artifacts.key(job_id, name)[1], file)
    return f"/api/jobs/{job_id}/artifacts/{urllib.parse.quote(name)}"


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is a problem of this status and code, complete and without a trace; return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["code"] == code, found
    assert found["type"] == f"urn:pravah:error:{code}"
    assert all(found[member] for member in ("title", "detail", "remedy", "instance"))
    assert "Traceback" not in answer.text
    return found
