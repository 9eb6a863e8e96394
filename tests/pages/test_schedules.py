"""The page of schedules: empty, full, and what can be done there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from services import bootstrap
from services.models.jobs import JobRequest, JobView, Source, Status
from services.models.schedules import ScheduleRequest, ScheduleView
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.pages.conftest import Open, button, drawn, texts
from tests.rows import change


@pytest.fixture
def job(shared: bootstrap.Services) -> JobRequest:
    return one_job(operation="inventory", source=Source.of_path(shared.settings.sample_dir))


@pytest.fixture
def made(shared: bootstrap.Services, job: JobRequest) -> ScheduleView:
    """Keep a schedule with a name that Markdown would change."""
    return shared.schedules.create(ScheduleRequest(name="n*ght*ly", job=job, when="30 2 * * MON", zone="Europe/Berlin"))


def pick(app: AppTest, schedule: ScheduleView, action: str) -> AppTest:
    """Press an action of a schedule's menu."""
    menu = next(one for one in app.get("menu_button") if schedule.id.hex in one.proto.id.replace("-", ""))
    menu.set_value(action)  # type: ignore[attr-defined]
    return drawn(app.run())


def lines(app: AppTest) -> str:
    """Return the HTML of a page."""
    return "\n".join(block.proto.body for block in app.get("html"))


def test_an_empty_page_says_what_to_do_next(open_page: Open, shared: bootstrap.Services, job: JobRequest) -> None:
    app = open_page("schedules")
    assert "No schedules yet." in texts(app)
    assert "Schedule" in texts(app)
    assert button(app, "New schedule").disabled
    shared.presets.save("mine", job)
    app = open_page("schedules")
    assert "Press **New schedule**" in texts(app)
    assert not button(app, "New schedule").disabled


def test_a_schedule_shows_what_when_next_and_how_the_last_run_went(
    open_page: Open, shared: bootstrap.Services, made: ScheduleView, tree: TreeBuilder
) -> None:
    root = tree({"a.txt": b"changed", "MD5SUMS": b"0" * 32 + b"  a.txt\n"})
    verify = one_job(operation="verify", source=Source.of_path(root), options={"manifest": str(root / "MD5SUMS")})
    other = shared.schedules.create(ScheduleRequest(name="other", job=verify, when="every 6h", enabled=False))
    run = shared.schedules.run(other.id)
    shared.start_worker()
    assert shared.jobs.wait(run.id, 30).status == Status.COMPLETED
    app = open_page("schedules")
    assert "n\\*ght\\*ly" in texts(app)
    assert "At 02:30 on Monday (Europe/Berlin)" in lines(app)
    assert 'next run <time datetime="' in lines(app)
    assert "Every 6 hours" in lines(app)
    assert "Paused" in texts(app)
    links = [link.proto.label for link in app.get("page_link")]
    assert any(label.startswith("Last run: Completed, verify failed · ") for label in links), links
    assert "This process has no worker" not in texts(app)


def test_a_process_without_a_worker_says_so(open_page: Open, made: ScheduleView) -> None:
    assert "This process has no worker" in texts(open_page("schedules"))


def test_a_schedule_is_paused_resumed_and_run(open_page: Open, shared: bootstrap.Services, made: ScheduleView) -> None:
    app = pick(open_page("schedules"), made, "Pause")
    assert not shared.schedules.get(made.id).enabled
    pick(app, made, "Resume")
    assert shared.schedules.get(made.id).enabled
    app = pick(open_page("schedules"), made, "Run now")
    (run,) = shared.jobs.list().items
    assert run.schedule_id == made.id
    assert "started by schedule n*ght*ly" in lines(app)
    assert "by schedule n*ght*ly" in lines(open_page("jobs"))
    app = pick(open_page("schedules"), made, "Run now")
    assert str(run.id)[:8] in app.error[0].value


def test_a_schedule_is_deleted_after_a_question(
    open_page: Open, shared: bootstrap.Services, made: ScheduleView
) -> None:
    app = pick(open_page("schedules"), made, "Delete")
    assert "Existing jobs and their results stay" in texts(app)
    assert shared.schedules.list()
    # There are no fragments here: what is pressed in a dialog is pressed in the run that opens it.
    app.session_state["chosen"] = (made.id, "Delete")
    drawn(app.button(key="delete_schedule_yes").click().run())
    assert shared.schedules.list() == []


def test_a_schedule_of_another_version_is_shown_and_can_be_deleted(
    open_page: Open, shared: bootstrap.Services, made: ScheduleView
) -> None:
    with shared.database.transaction() as session:
        change(session, "schedules", made.id, request={"made_up": True}, note="a <b>note</b>")
    shown = lines(open_page("schedules"))
    assert "delete it and create it again" in shown
    assert "a &lt;b&gt;note&lt;/b&gt;" in shown


def test_a_preset_becomes_a_schedule(open_page: Open, shared: bootstrap.Services, job: JobRequest) -> None:
    shared.presets.save("mine", job)

    def again(app: AppTest) -> AppTest:
        return drawn(button(app, "New schedule").click().run())

    app = again(open_page("schedules"))
    app.text_input(key="schedule_when").set_value("61 * * * *")
    app.button(key="schedule_make").click()
    app = again(app)
    assert "bad minute" in texts(app)
    assert shared.schedules.list() == []
    app.text_input(key="schedule_when").set_value("0 3 * * *")
    app.selectbox(key="schedule_zone").set_value("Europe/Berlin")
    app = again(app)
    assert "At 03:00 every day (Europe/Berlin)" in lines(app)
    app.button(key="schedule_make").click()
    app = again(app)
    (made,) = shared.schedules.list()
    assert (made.name, made.when, made.zone, made.enabled) == ("mine", "0 3 * * *", "Europe/Berlin", True)
    assert made.job is not None
    assert made.job.names == ("inventory",)
    assert app.title[0].value == "Schedules"


def test_what_a_job_did_becomes_a_schedule(
    open_page: Open, shared: bootstrap.Services, run_job: Callable[..., JobView]
) -> None:
    job = run_job("inventory", shared.settings.sample_dir)
    app = drawn(button(open_page("job", id=str(job.id)), "Schedule").click().run())
    assert app.text_input(key="schedule_webhook").disabled
    assert "PRAVAH_ALLOWED_WEBHOOKS" in texts(app).replace("\\", "")
    app.button(key="schedule_make").click()
    drawn(button(app, "Schedule").click().run())
    (made,) = shared.schedules.list()
    assert (made.name, made.when) == ("Inventory", "every 6h")
    assert made.job == job.request
