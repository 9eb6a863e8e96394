"""Pages over real services, through the frame, without a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from services import bootstrap
from services.base import sample
from services.models.jobs import JobView, Source, Status
from tests.asking import one_job

APP = Path(__file__).resolve().parents[2] / "app.py"
Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def _streamlit() -> Iterator[None]:
    """Forget caches of other tests; AppTest keeps functions where the application may not."""
    st.cache_data.clear()
    wanted = {"runner.enforceSerializableSessionState": False, "client.showErrorDetails": "full"}
    before = {name: config.get_option(name) for name in wanted}
    for name, value in wanted.items():
        config.set_option(name, value)
    yield
    for name, value in before.items():
        config.set_option(name, value)


@pytest.fixture(scope="session")
def made_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sample directory to copy, which takes a fifth of the time of making one."""
    directory = tmp_path_factory.mktemp("sample") / "sample"
    sample.make(directory)
    return directory


@pytest.fixture
def shared(services: bootstrap.Services, made_sample: Path, monkeypatch: pytest.MonkeyPatch) -> bootstrap.Services:
    """Return the services that the pages use, with a sample; nothing runs yet."""
    shutil.copytree(made_sample, services.settings.sample_dir, symlinks=True)
    monkeypatch.setattr(bootstrap, "_shared", services)
    return services


@pytest.fixture
def open_page(shared: bootstrap.Services) -> Open:
    """Return a function: ``open_page("job", id=…)`` gives the page as it is drawn."""

    def open_(name: str, **parameters: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30)
        app.switch_page(f"pages/{name}.py")
        for key, value in parameters.items():
            app.query_params[key] = value
        return drawn(app.run())

    return open_


def drawn(app: AppTest) -> AppTest:
    """Return the page after it has shown that it did not fail."""
    assert not app.exception, app.exception[0].message
    return app


@pytest.fixture
def run_job(shared: bootstrap.Services) -> Callable[..., JobView]:
    """Return a function that runs a job to its end."""

    def run(operation: str, path: Path, **options: object) -> JobView:
        shared.start_worker()
        request = one_job(operation=operation, source=Source.of_path(path), options=options)
        job, _ = shared.jobs.submit(request)
        return shared.jobs.wait(job.id, timeout_seconds=30)

    return run


def texts(app: AppTest) -> str:
    """Return all words of a page."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "error", "info", "warning", "success")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(app, kind))


def is_completed(job: JobView) -> bool:
    """Return whether a job has a result."""
    return job.status == Status.COMPLETED


def button(app: AppTest, label: str) -> object:
    """Return the button of a label."""
    found = [one for one in app.button if one.label == label]
    assert found, [one.label for one in app.button]
    return found[0]


def job_of(app: AppTest) -> UUID:
    """Return the id in a page's address."""
    return UUID(app.query_params["id"][0] if isinstance(app.query_params["id"], list) else app.query_params["id"])
