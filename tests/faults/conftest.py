"""A database and a storage behind proxies, a source that takes some time, and what a calm run makes of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.models.jobs import Status
from services.storage.local import LocalStorage
from services.storage.s3 import S3Storage
from tests import databases
from tests.faults import summary
from tests.faults.proxy import Proxy, is_request
from tests.faults.world import World, database_socket, make_source, opening, quick, through

# `make soak` sets more; `.ci/run` sets less, and another seed each time.
FACTOR = float(os.environ.get("PRAVAH_FAULT_FACTOR", "1"))
_SEED = int(os.environ.get("PRAVAH_TEST_SEED", "0"))


def seeds(count: int) -> range:
    """Return the seeds of a series: two at least, since some tests do one thing for even and one for odd seeds."""
    return range(_SEED, _SEED + max(2, round(count * FACTOR)))


@pytest.fixture
def meet(request: pytest.FixtureRequest) -> summary.Meet:
    """Return a function that counts what has happened: ``meet("database: cut")``."""
    return summary.meeter(request)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that all tests read."""
    return make_source(tmp_path_factory.mktemp("faults") / "source")


@dataclass(frozen=True)
class Calm:
    """What an undisturbed job makes, and how many points of the database it comes to."""

    rows: bytes
    points: int


CalmOf = Callable[[str], Calm]


@pytest.fixture(scope="session")
def calm(
    postgres: str, template_database: str, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CalmOf]:
    """Return a function that tells of an operation."""
    known: dict[str, Calm] = {}
    with databases.copy(postgres, template_database) as url:
        proxy = Proxy(database_socket(url))
        config = settings_module.load_settings(
            data_dir=tmp_path_factory.mktemp("calm"),
            database_url=through(proxy.port, url),
            allowed_roots=(source,),
            min_free_disk_bytes=0,
        )

        def of(operation: str) -> Calm:
            if operation not in known:
                with (
                    bootstrap.open_services(quick(config)) as services,
                    contextlib.closing(World(services, source, url, services.storage)) as world,
                ):
                    view = world.submit(operation)
                    proxy.plan()
                    services.start_worker()
                    assert world.ended(view.id)["status"] == Status.COMPLETED
                    points = proxy.points
                    known[operation] = Calm(world.rows(view.id, operation), points)
            return known[operation]

        yield of
        proxy.close()


@pytest.fixture
def database_proxy(database_url: str) -> Iterator[Proxy]:
    """Yield a proxy before an empty database of this test's own."""
    proxy = Proxy(database_socket(database_url))
    yield proxy
    proxy.close()


@pytest.fixture
def storage_proxy(s3_server: str, s3_bucket: str) -> Iterator[Proxy]:
    """Yield a proxy before the S3 server."""
    host, _, port = s3_server.removeprefix("http://").partition(":")
    proxy = Proxy((host, int(port)), is_request)
    yield proxy
    proxy.close()


@pytest.fixture
def config(settings: settings_module.Settings, source: Path) -> settings_module.Settings:
    """Return settings with a short lease that may read the source."""
    return quick(settings, allowed_roots=(source.parents[1], *settings.allowed_roots))


@pytest.fixture
def far_database(
    config: settings_module.Settings, database_proxy: Proxy, source: Path, database_url: str
) -> Iterator[World]:
    """Yield a world whose database is behind a proxy; its results are on this machine."""
    from pydantic import SecretStr

    behind = config.model_copy(update={"database_url": SecretStr(through(database_proxy.port, database_url))})
    direct = LocalStorage(config.data_dir / "results")
    yield from opening(behind, source, database_url, direct)


@pytest.fixture
def far_storage(
    config: settings_module.Settings,
    storage_proxy: Proxy,
    source: Path,
    database_url: str,
    s3_server: str,
    s3_bucket: str,
) -> Iterator[World]:
    """Yield a world whose results are in S3, behind a proxy."""
    change = {"storage": f"s3://{s3_bucket}/results", "s3_endpoint_url": f"http://127.0.0.1:{storage_proxy.port}"}
    direct = S3Storage(s3_bucket, "results", s3_server)
    yield from opening(config.model_copy(update=change), source, database_url, direct)
