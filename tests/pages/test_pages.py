"""Each page, drawn through the frame: empty, full, wrong."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from services import bootstrap, operations
from services.base import errors
from services.models.jobs import JobView, Source, Status
from services.models.keys import Kind
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.pages.conftest import APP, Open, button, drawn, texts

RunJob = Callable[..., JobView]


def test_home_leads_from_nothing_to_the_form_of_the_sample(open_page: Open, shared: bootstrap.Services) -> None:
    app = open_page("home")
    assert "Try it on the sample" in texts(app)
    app = drawn(button(app, "Try the sample").click().run())
    assert app.title[0].value == "New job"
    assert app.text_input(key="path").value == str(shared.settings.sample_dir)
    assert not button(app, "Start").disabled


def test_home_names_every_operation(open_page: Open) -> None:
    words = texts(open_page("home"))
    for operation in operations.OPERATIONS:
        assert operation.title in words


def test_start_queues_exactly_what_the_form_says(open_page: Open, shared: bootstrap.Services) -> None:
    path = str(shared.settings.sample_dir)
    form = '{"options":{"checksum":{"algorithms":["md5","sha1"]}},"walk":{"extensions":["csv"]},"name":"Two digests"}'
    app = open_page("new_job", path=path, operations="checksum", form=form)
    drawn(button(app, "Start").click().run())
    (job,) = shared.jobs.list().items
    assert job.names == ("checksum",)
    assert job.source.path == path
    assert job.operations[0].options == {"algorithms": ["sha1", "md5"], "write_manifests": True}
    assert job.walk.extensions == ["csv"]
    assert job.name == "Two digests"


def test_start_is_closed_while_something_is_missing(open_page: Open, shared: bootstrap.Services) -> None:
    app = open_page("new_job", path=str(shared.settings.sample_dir), operations="verify")
    assert button(app, "Start").disabled
    assert "Required." in texts(app).replace("\\", "")


def test_form_of_the_url_that_is_no_form_is_left_aside(open_page: Open, shared: bootstrap.Services) -> None:
    path = str(shared.settings.sample_dir)
    for form in ("{", "[]", '"x"', '{"options":[1]}', '{"options":{"no_such_option":1},"walk":{"depth":{}}}'):
        app = open_page("new_job", path=path, operations="no_such_operation", form=form)
        assert not button(app, "Start").disabled, form


def test_jobs_says_what_to_do_when_there_are_none(open_page: Open) -> None:
    assert "No jobs yet." in texts(open_page("jobs"))


def test_jobs_are_filtered_and_paged(open_page: Open, shared: bootstrap.Services) -> None:
    source = Source.of_path(shared.settings.sample_dir)
    for number in range(53):
        name = "odd" if number % 2 else "even"
        shared.jobs.submit(one_job(operation="inventory", source=source, name=f"{name} {number}"))
    app = open_page("jobs")
    assert _names(app) == [f"{'odd' if n % 2 else 'even'} {n}" for n in range(52, 2, -1)]
    app = drawn(button(app, "Older").click().run())
    assert _names(app) == ["even 2", "odd 1", "even 0"]
    app = drawn(button(app, "Newest").click().run())
    app = drawn(app.text_input(key="text").set_value("odd").run())
    assert _names(app) == [f"odd {n}" for n in range(51, 0, -2)]
    app = drawn(app.text_input(key="text").set_value("nothing like it").run())
    assert "No jobs match these filters." in texts(app)


def _names(app: AppTest) -> list[str]:
    links = [link.proto.label for link in app.get("page_link")]
    return [label.strip("*").replace("\u2060", "") for label in links if label.startswith("**")]


def test_cursor_that_was_not_given_out_is_explained(open_page: Open, shared: bootstrap.Services) -> None:
    shared.jobs.submit(one_job(operation="inventory", source=Source.of_path(shared.settings.sample_dir)))
    app = open_page("jobs", cursor="nonsense")
    assert app.error
    assert button(app, "Newest")


@pytest.mark.parametrize("wrong", ["", "not-an-id", str(uuid.UUID(int=7))])
def test_unknown_job_gets_a_friendly_page(open_page: Open, wrong: str) -> None:
    assert open_page("job", id=wrong).title[0].value == "Job not found"


def test_waiting_job_tells_its_place_and_is_cancelled(open_page: Open, shared: bootstrap.Services) -> None:
    source = Source.of_path(shared.settings.sample_dir)
    shared.jobs.submit(one_job(operation="inventory", source=source))
    second, _ = shared.jobs.submit(one_job(operation="inventory", source=source))
    app = open_page("job", id=str(second.id))
    assert "Place **2** in the queue" in texts(app)
    app = drawn(button(app, "Cancel").click().run())
    assert shared.jobs.get(second.id).status == Status.CANCELLED
    assert "This job was cancelled" in texts(app)


def test_running_job_shows_its_progress_its_issues_and_who_waits(
    open_page: Open, shared: bootstrap.Services, tree: TreeBuilder
) -> None:
    root = tree({"MD5SUMS": b"no digest\n" + b"0" * 32 + b"  large\n"})
    with (root / "large").open("wb") as file:
        file.truncate(400 << 30)  # no machine reads it within a test
    options = {"manifest": str(root / "MD5SUMS")}
    request = one_job(operation="verify", source=Source.of_path(root), options=options)
    shared.start_worker()
    first, *_ = [shared.jobs.submit(request)[0] for _ in range(shared.settings.concurrency_limit + 1)]
    wait_until(lambda: shared.jobs.get(first.id).issues_count, "the issue is told")
    app = open_page("job", id=str(first.id))
    assert {"Files", "Data", "Rate", "Time left"} <= {metric.label for metric in app.metric}
    assert list(app.dataframe[0].value["kind"]) == ["malformed"]
    assert "1 job waits in the queue." in texts(app)
    assert button(app, "Cancel")


def test_failed_job_shows_message_and_remedy(open_page: Open, shared: bootstrap.Services, run_job: RunJob) -> None:
    manifest = shared.settings.sample_dir / "docs" / "README.md"
    job = run_job("verify", shared.settings.sample_dir, manifest=str(manifest))
    assert job.status == Status.FAILED
    app = open_page("job", id=str(job.id))
    assert len(app.error) == 1
    assert "lightbulb" in texts(app)
    assert "Traceback" not in texts(app)


def test_inventory_shows_numbers_charts_and_what_it_left_out(
    open_page: Open, run_job: RunJob, tree: TreeBuilder
) -> None:
    root = tree({"a.txt": b"12345", "b/c.csv": b"x" * 3000, "b/empty": b"", "b/none/": None})
    job = run_job("inventory", root)
    app = open_page("job", id=str(job.id))
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Files"] == "3"
    assert figures["Folders"] == "2"
    assert figures["Size"] == "2.9 KiB"
    assert len(app.get("plotly_chart")) == 5
    assert "1 empty file and 1 empty folder." in texts(app)


def test_table_obeys_the_url(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    root = tree({f"f{number:03}.{'csv' if number % 2 else 'txt'}": b"x" * number for number in range(250)})
    job = run_job("inventory", root)
    parameters = {"tab": "Table", "filter": "extension:eq:csv", "sort": "-size_bytes", "page": "2"}
    app = open_page("job", id=str(job.id), **parameters)
    rows = app.dataframe[0].value
    assert list(rows["path"])[:2] == ["f049.csv", "f047.csv"]
    assert len(rows) == 25
    assert "Rows 101 to 125 of 125" in texts(app)


@pytest.mark.parametrize("wrong", ["nonsense", "no_such_column:eq:1", "size_bytes:eq:abc", "size_bytes:like:1"])
def test_filter_of_the_url_that_does_not_fit_is_no_failure(
    open_page: Open, run_job: RunJob, tree: TreeBuilder, wrong: str
) -> None:
    job = run_job("inventory", tree({"a.txt": b"1"}))
    app = open_page("job", id=str(job.id), tab="Table", filter=wrong)
    assert app.dataframe or button(app, "Reset view")


def test_verdict_and_counts_of_verify_add_up(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    root = tree({"a": b"1", "b": b"2", "c": b"3"})
    reference = run_job("checksum", root)
    (root / "a").write_bytes(b"changed")
    (root / "b").unlink()
    (root / "new").write_bytes(b"n")
    job = run_job("verify", root, manifest=f"job:{reference.id}")
    app = open_page("job", id=str(job.id))
    assert "**Failed.** 2 paths are changed, missing or moved." in app.error[0].value
    assert [int(metric.value) for metric in app.metric] == [1, 1, 1, 0, 0, 0, 1]
    assert list(app.dataframe[0].value["status"]) == ["changed", "missing", "new"]
    assert any(block.value.startswith("Read 9 B in ") for block in app.caption), texts(app)


def test_operation_without_a_view_of_its_own_is_shown_all_the_same(
    open_page: Open, run_job: RunJob, tree: TreeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.components import views

    monkeypatch.setattr(views, "VIEWS", {})
    job = run_job("checksum", tree({"a.txt": b"12345"}))
    figures = {metric.label: metric.value for metric in open_page("job", id=str(job.id)).metric}
    assert figures["Files"] == "1"
    assert figures["Algorithms"] == "blake3"


def test_files_and_details_are_offered(open_page: Open, run_job: RunJob, tree: TreeBuilder) -> None:
    job = run_job("checksum", tree({"a.txt": b"12345"}))
    links = [link.proto.url for link in open_page("job", id=str(job.id), tab="Files").get("link_button")]
    assert f"api/jobs/{job.id}/artifacts/checksum/manifest.b3" in links
    assert f"api/jobs/{job.id}/results?table=checksum.result&format=csv&spreadsheet=true" in links
    app = open_page("job", id=str(job.id), tab="Details")
    assert any(block.value.startswith("pravah run checksum /") for block in app.code)


def test_settings_mask_secrets(open_page: Open) -> None:
    app = open_page("settings")
    values = "\n".join(str(cell) for cell in app.table[0].value["Value"])
    assert "postgres" in values
    assert "password" not in values
    assert "Engine" in texts(app)


def test_database_that_is_away_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> bootstrap.Services:
        raise errors.DatabaseError("the server does not answer")

    monkeypatch.setattr(bootstrap, "shared_services", fail)
    app = drawn(AppTest.from_file(str(APP), default_timeout=30).run())
    assert "the server does not answer" in app.error[0].value
    assert "PRAVAH_DATABASE_URL" in texts(app).replace("\\", "")


def test_every_page_of_the_frame_exists() -> None:
    import ast

    from pages import server

    declared = ast.literal_eval(
        next(
            node.value
            for node in ast.parse(APP.read_text()).body
            if isinstance(node, ast.Assign) and node.targets[0].id == "PAGES"  # type: ignore[attr-defined]
        )
    )
    assert tuple(page[0] for page in declared) == server.PAGES
    assert all((Path(APP).parent / "pages" / f"{name}.py").is_file() for name in server.PAGES)


def test_code_is_drawn_when_its_expander_is_opened(open_page: Open, tree: TreeBuilder) -> None:
    app = open_page("new_job", path=str(tree({"a.txt": b"1"})), operations="checksum")
    assert [one.label for one in app.expander][-2:] == ["File names (first 1)", "Use the command line or API"]
    assert app.code == []
    app.session_state["same_as"] = True
    app.session_state["preview_names"] = True
    names, command, call = (block.value for block in app.run().code)
    assert names == "a.txt"
    assert command.startswith("pravah run checksum /")
    assert call.startswith("curl ")


def test_sessions_and_tokens_are_listed_and_revoked(open_page: Open, shared: bootstrap.Services) -> None:
    shared.keys.open_session(shared.keys.new_link(), "A browser", "127.0.0.1")
    token = shared.keys.add_token("backup", 30)[1]
    app = open_page("settings")
    shown = " ".join(one.body for one in app.get("html"))
    assert "A browser" in shown
    assert "backup" in shown
    app.button(key=f"revoke_{token.id}").click().run()
    assert shared.keys.list(Kind.TOKEN) == []
    assert len(shared.keys.list(Kind.SESSION)) == 1


def test_every_page_says_when_there_is_no_login(open_page: Open, shared: bootstrap.Services) -> None:
    assert "Log out" in [one.label for one in open_page("settings").get("link_button")]
    vars(shared)["settings"] = shared.settings.model_copy(update={"insecure": True})
    assert "Log out" not in [one.label for one in open_page("settings").get("link_button")]
    # The frame is around each page.
    frame = drawn(AppTest.from_file(str(APP), default_timeout=30).run())
    assert "There is no login" in frame.warning[0].value
