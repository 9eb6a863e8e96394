"""What is kept, on the pages."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from services import bootstrap
from services.base import errors
from services.models.jobs import JobView, Source
from services.use_cases.retention import RetentionService
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.pages.conftest import Open, button, drawn, texts

NOBODY = "00000000-0000-4000-8000-00000000000a"
RunJob = Callable[..., JobView]


def limit(services: bootstrap.Services, **limits: float) -> None:
    """Set limits, as the environment does."""
    vars(services)["settings"] = services.settings.model_copy(update=limits)
    vars(services)["retention"] = RetentionService(services.database, services.storage, services.settings)


def ended(services: bootstrap.Services, name: str) -> JobView:
    source = Source.of_path(services.settings.sample_dir)
    return services.jobs.cancel(services.jobs.submit(one_job(operation="inventory", source=source, name=name))[0].id)


def test_settings_say_when_nothing_is_ever_deleted(open_page: Open) -> None:
    app = open_page("settings")
    assert "Jobs are never deleted automatically" in texts(app)
    assert "No sweep has run yet." in texts(app)
    assert "There is nothing to delete." in texts(app)
    assert button(app, "Clean up").disabled


def test_settings_show_what_would_go_and_the_button_asks(open_page: Open, shared: bootstrap.Services) -> None:
    limit(shared, keep_jobs=1)
    old, new = ended(shared, "old *one*"), ended(shared, "new")
    orphan = shared.settings.data_dir / "cache" / NOBODY
    orphan.mkdir()
    (orphan / "part").write_bytes(bytes(3072))
    for path in (orphan / "part", orphan):
        os.utime(path, (time.time() - 10_000,) * 2)
    app = open_page("settings")
    figures = {metric.label: metric.value for metric in app.metric}
    assert (figures["Finished jobs"], figures["Pinned jobs"], figures["Can be freed"]) == ("2", "0", "3.0 KiB")
    shown = app.table[0].value
    assert list(shown["Why"]) == ["too many jobs", "cached copy without a job"]
    assert "old *one*" in shown["To be deleted"][0]
    app = drawn(button(app, "Clean up").click().run())
    assert "1 job with results and history, and 1 orphaned file: 3.0 KiB." in texts(app)
    assert {view.id for view in shared.jobs.list().items} == {old.id, new.id}
    assert orphan.exists()


def test_settings_tell_of_the_last_sweep(open_page: Open, shared: bootstrap.Services) -> None:
    limit(shared, keep_jobs=1)
    for name in ("old", "new"):
        ended(shared, name)
    shared.retention.sweep()
    app = open_page("settings")
    assert "Last sweep just now: 1 job and 0 orphaned files, 0 B." in texts(app).replace("\\", "").replace("\u2060", "")
    assert "At most 1 finished jobs stay" in texts(app)


def test_settings_tell_what_could_not_be_removed(
    open_page: Open, shared: bootstrap.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise errors.StorageError("the bucket :red[x] is gone")

    monkeypatch.setattr(shared.storage, "list", away)
    app = open_page("settings")
    assert any("the bucket" in one.value and ":red[" not in one.value for one in app.warning)


def test_a_job_is_kept_and_kept_no_longer_on_its_page(
    open_page: Open, shared: bootstrap.Services, run_job: RunJob, tree: TreeBuilder
) -> None:
    job = run_job("inventory", tree({"a": b"1"}))
    app = open_page("job", id=str(job.id))
    app = drawn(button(app, "Pin").click().run())
    assert shared.jobs.get(job.id).pinned
    assert "pinned: never deleted automatically" in "".join(str(block.proto.body) for block in app.get("html"))
    drawn(button(app, "Unpin").click().run())
    assert not shared.jobs.get(job.id).pinned
