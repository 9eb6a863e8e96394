"""Telling of failures and findings: over a real web server and a real mail server, at least once, never for ever."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services import bootstrap
from services import settings as settings_module
from services.db.tables import NotificationRow
from services.jobs.models import JobRequest, JobView, Source, Status
from services.notifications import calls, messenger, webhooks
from services.notifications.messenger import WAITS_SECONDS, Messenger
from services.schedules.models import Occasion, ScheduleChange, ScheduleRequest, ScheduleView
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.integration.schedules.conftest import SetClock
from tests.integration.schedules.servers import Hook, Mailbox, mail_server, web_server

SECRET = "a long secret of the test"
ANYBODY = "ops@host.example"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_server() as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as server:
        yield server


@pytest.fixture
def services(settings: settings_module.Settings, hook: Hook, mailbox: Mailbox) -> Iterator[bootstrap.Services]:
    """Yield services that may tell both servers; nothing runs yet."""
    more: dict[str, Any] = {
        "webhook_secret": SECRET,
        "allowed_webhooks": (f"{hook.url}/hooks",),
        "smtp_url": f"smtp://me%40host:pass%3Aword@{mailbox.address}",
        "mail_from": "pravah@host.example",
    }
    config = settings_module.load_settings(**settings.model_dump(exclude=set(more)), **more)
    with bootstrap.open_services(config) as opened:
        yield opened


@pytest.fixture
def clock(services: bootstrap.Services) -> SetClock:
    """Return a clock that is ahead of the database's: what was written a moment ago is due."""
    with services.database.transaction() as session:
        now = session.execute(sa.select(sa.func.clock_timestamp() + sa.text("interval '1 hour'"))).scalar_one()
    return SetClock(now)


@pytest.fixture
def sender(services: bootstrap.Services, clock: SetClock) -> Messenger:
    """Return a messenger whose thread is not started: `look` is called by hand."""
    return Messenger(services.database, services.jobs, services.settings, clock)


RunOf = Callable[..., JobView]


@pytest.fixture
def failed_verify(tree: TreeBuilder) -> JobRequest:
    """Return a job that finds a changed file."""
    root = tree({"a.txt": b"changed", "MD5SUMS": b"0" * 32 + b"  a.txt\n"}, name="verified")
    return one_job(operation="verify", source=Source.of_path(root), options={"manifest": str(root / "MD5SUMS")})


def made(services: bootstrap.Services, job: JobRequest, **values: object) -> ScheduleView:
    """Keep a schedule that is paused: a test runs it."""
    asked = {"name": "nightly", "job": job, "when": "every 6h", "enabled": False} | values
    return services.schedules.create(ScheduleRequest.model_validate(asked))


def ended(services: bootstrap.Services, schedule: ScheduleView) -> JobView:
    """Run the job of a schedule to its end, by a runner without a messenger beside it."""
    run = services.schedules.run(schedule.id)
    services.start_runner(only=run.id)
    done = services.jobs.wait(run.id, 30)
    assert services._runner is not None
    services._runner.stop()
    services._runner = None
    return done


def notes(services: bootstrap.Services, job: JobView) -> list[str]:
    """Return what the history of a job says of notifications."""
    return [event.note for event in services.jobs.get(job.id).events if event.note.startswith(("webhook:", "mail to"))]


def states(services: bootstrap.Services) -> list[str]:
    """Return the states of all notifications."""
    with services.database.transaction() as session:
        return list(session.scalars(sa.select(NotificationRow.state).order_by(NotificationRow.id)))


def test_a_finding_is_posted_with_a_signature_and_stands_in_the_history(
    services: bootstrap.Services, sender: Messenger, hook: Hook, failed_verify: JobRequest
) -> None:
    schedule = made(services, failed_verify, webhook_url=f"{hook.url}/hooks/T0?token=1")
    done = ended(services, schedule)
    assert done.status == Status.COMPLETED
    assert states(services) == ["PENDING"]
    assert sender.look() is None
    (body,), (headers,) = hook.bodies, hook.headers
    assert hook.paths == ["/hooks/T0?token=1"]
    assert headers["X-Pravah-Signature"] == f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
    assert headers["X-Pravah-Delivery"] == f"{done.id}-webhook"
    assert headers["Content-Type"] == "application/json"
    told = json.loads(body)
    assert told["event"] == "job.finding"
    assert told["findings"] == ["verify failed"]
    assert told["schedule"] == {"id": str(schedule.id), "name": "nightly"}
    assert told["job"]["id"] == str(done.id)
    assert told["job"]["operations"] == ["verify"]
    assert told["job"]["page"] == f"/job?id={done.id}"
    assert told["error"] is None
    # Without its path and query: they may be a secret by themselves.
    assert notes(services, done) == [f"webhook: {hook.url} answered 200"]
    assert states(services) == ["SENT"]
    sender.look()
    assert len(hook.bodies) == 1


def test_drift_is_a_finding(services: bootstrap.Services, sender: Messenger, hook: Hook, tree: TreeBuilder) -> None:
    root = tree({"a.csv": b"x,y\n1,2\n", "b.csv": b"x,y\n1,2\n", "c.csv": b"x,z\n1,2\n"}, name="tables")
    job = one_job(operation="profile", source=Source.of_path(root))
    ended(services, made(services, job, webhook_url=f"{hook.url}/hooks/"))
    sender.look()
    (finding,) = json.loads(hook.bodies[0])["findings"]
    assert finding.startswith("profile drift: schemas 2")


def test_a_failure_is_told_by_mail_and_by_webhook(
    services: bootstrap.Services, sender: Messenger, hook: Hook, mailbox: Mailbox, tmp_path: Path
) -> None:
    folder = tmp_path / "n\u00e4me\nof two lines"
    folder.mkdir()
    job = one_job(operation="inventory", source=Source.of_path(folder))
    schedule = made(services, job, name="N\u00e4chtlich", webhook_url=f"{hook.url}/hooks", email=ANYBODY)
    run = services.schedules.run(schedule.id)
    folder.rmdir()
    services.start_runner(only=run.id)
    failed = services.jobs.wait(run.id, 30)
    assert failed.status == Status.FAILED
    sender.look()
    told = json.loads(hook.bodies[0])
    assert (told["event"], told["error"]["code"], told["findings"]) == ("job.failed", "source_not_found", [])
    (mail,) = mailbox.messages
    assert (mail["To"], mail["From"]) == (ANYBODY, "pravah@host.example")
    assert mail["Subject"] == "Pravah: N\u00e4chtlich: failed"
    assert mail["Message-ID"] == f"<{failed.id}-email@pravah.invalid>"
    assert "Schedule: N\u00e4chtlich" in mail.get_content()
    assert "n\\xe4me\\nof two lines" in mail.get_content()
    assert f"/job?id={failed.id}" in mail.get_content()
    login = base64.b64decode(mailbox.logins[0].split()[-1])
    assert login == b"\0me@host\0pass:word"
    said = notes(services, failed)
    assert f"mail to {ANYBODY}: smtp://{mailbox.address} took the mail" in said
    assert len(said) == 2
    assert "pass" not in "".join(said)


def test_nobody_is_told_of_what_is_good_or_not_asked_for(
    services: bootstrap.Services, hook: Hook, failed_verify: JobRequest, tree: TreeBuilder
) -> None:
    good = one_job(operation="inventory", source=Source.of_path(tree({"a": b"1"}, name="good")))
    ended(services, made(services, good, webhook_url=f"{hook.url}/hooks"))
    only_failures = {"notify_on": (Occasion.FAILURE,), "webhook_url": f"{hook.url}/hooks"}
    ended(services, made(services, failed_verify, name="second", **only_failures))
    ended(services, made(services, failed_verify, name="third"))
    run, _ = services.jobs.submit(failed_verify)
    services.start_runner(only=run.id)
    services.jobs.wait(run.id, 30)
    assert states(services) == []


def test_a_cancelled_job_is_nobodys_news(services: bootstrap.Services, hook: Hook, failed_verify: JobRequest) -> None:
    run = services.schedules.run(made(services, failed_verify, webhook_url=f"{hook.url}/hooks").id)
    services.jobs.cancel(run.id)
    assert states(services) == []


def test_a_server_that_fails_is_asked_again_ever_later_and_then_no_more(
    services: bootstrap.Services, sender: Messenger, hook: Hook, failed_verify: JobRequest, clock: SetClock
) -> None:
    hook.answers = [500]
    done = ended(services, made(services, failed_verify, webhook_url=f"{hook.url}/hooks"))
    for number, seconds in enumerate(WAITS_SECONDS, start=1):
        assert sender.look() == seconds
        assert len(hook.bodies) == number
        clock.advance(seconds=seconds - 1)
        assert sender.look() == 1
        clock.advance(seconds=1)
    assert sender.look() is None
    assert len(hook.bodies) == len(WAITS_SECONDS) + 1
    assert len(set(hook.bodies)) == 1
    assert len({headers["X-Pravah-Delivery"] for headers in hook.headers}) == 1
    said = notes(services, done)
    assert said[0] == f"webhook: not told yet: {hook.url} answered 500; tried again in 10.0 s"
    assert said[-1] == f"webhook: not told: {hook.url} answered 500; given up after 5 tries"
    assert states(services) == ["GIVEN_UP"]
    clock.advance(days=9)
    sender.look()
    assert len(hook.bodies) == len(WAITS_SECONDS) + 1


def test_a_server_that_comes_back_is_told(
    services: bootstrap.Services, sender: Messenger, hook: Hook, failed_verify: JobRequest, clock: SetClock
) -> None:
    hook.answers = [503, 429, 204]
    done = ended(services, made(services, failed_verify, webhook_url=f"{hook.url}/hooks"))
    for _ in range(3):
        sender.look()
        clock.advance(seconds=60)
    assert notes(services, done)[-1] == f"webhook: {hook.url} answered 204"
    assert len(hook.bodies) == 3


@pytest.mark.parametrize(("status", "words"), [(302, ", a redirect, which is not followed"), (404, ""), (410, "")])
def test_a_refusal_is_final_and_a_redirect_is_not_followed(
    services: bootstrap.Services, sender: Messenger, hook: Hook, failed_verify: JobRequest, status: int, words: str
) -> None:
    hook.answers = [status]
    done = ended(services, made(services, failed_verify, webhook_url=f"{hook.url}/hooks"))
    assert sender.look() is None
    assert notes(services, done) == [f"webhook: not told: {hook.url} answered {status}{words}; given up"]
    assert hook.paths == ["/hooks"]


@pytest.mark.parametrize("drip", [False, True])
def test_a_server_that_hangs_is_left_in_time_and_asked_again(
    services: bootstrap.Services,
    sender: Messenger,
    hook: Hook,
    failed_verify: JobRequest,
    monkeypatch: pytest.MonkeyPatch,
    drip: bool,
) -> None:
    hook.hold.clear()
    hook.drip = drip
    monkeypatch.setattr(calls, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(calls, "CALL_SECONDS", 0.6)
    done = ended(services, made(services, failed_verify, webhook_url=f"{hook.url}/hooks"))
    assert sender.look() == WAITS_SECONDS[0]
    (said,) = notes(services, done)
    assert said.startswith(f"webhook: not told yet: no answer from {hook.url} (")


def test_stopping_breaks_a_hanging_call_off_and_the_next_process_makes_it_again(
    services: bootstrap.Services, hook: Hook, failed_verify: JobRequest, clock: SetClock
) -> None:
    hook.hold.clear()
    done = ended(services, made(services, failed_verify, webhook_url=f"{hook.url}/hooks"))
    first = Messenger(services.database, services.jobs, services.settings, clock)
    first.start()
    wait_until(lambda: hook.bodies, "the server is asked")
    stopper = threading.Thread(target=first.stop)
    stopper.start()
    stopper.join(timeout=4)  # less than the patience of a call
    assert not stopper.is_alive()
    assert notes(services, done) == []
    hook.hold.set()
    Messenger(services.database, services.jobs, services.settings, clock).look()
    assert notes(services, done) == [f"webhook: {hook.url} answered 200"]


def test_what_a_dead_process_was_sending_is_sent_again(
    services: bootstrap.Services,
    sender: Messenger,
    hook: Hook,
    failed_verify: JobRequest,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = ended(services, made(services, failed_verify, webhook_url=f"{hook.url}/hooks"))

    class KilledError(BaseException):
        """The end of a process, which nothing catches."""

    def die(*_: object) -> str:
        raise KilledError

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(webhooks, "send", die)
        sender.look()
    assert states(services) == ["PENDING"]
    assert sender.look() == messenger._CLAIM_SECONDS
    assert hook.bodies == []
    clock.advance(seconds=messenger._CLAIM_SECONDS)
    sender.look()
    assert notes(services, done) == [f"webhook: {hook.url} answered 200"]


def test_two_processes_send_a_message_once(
    services: bootstrap.Services, hook: Hook, failed_verify: JobRequest, clock: SetClock
) -> None:
    for number in range(4):
        ended(services, made(services, failed_verify, name=f"n{number}", webhook_url=f"{hook.url}/hooks"))
    parts = (services.database, services.jobs, services.settings, clock)
    threads = [threading.Thread(target=Messenger(*parts).look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hook.bodies) == len({headers["X-Pravah-Delivery"] for headers in hook.headers}) == 4


def test_a_deleted_schedule_and_a_deleted_job_are_not_told_of(
    services: bootstrap.Services, sender: Messenger, hook: Hook, failed_verify: JobRequest
) -> None:
    schedule = made(services, failed_verify, webhook_url=f"{hook.url}/hooks")
    run = services.schedules.run(schedule.id)
    services.schedules.delete(schedule.id)
    services.start_runner(only=run.id)
    assert services.jobs.wait(run.id, 30).status == Status.COMPLETED
    assert states(services) == []
    assert services._runner is not None
    services._runner.stop()
    services._runner = None
    done = ended(services, made(services, failed_verify, webhook_url=f"{hook.url}/hooks"))
    services.jobs.delete(done.id)
    sender.look()
    assert hook.bodies == []


def test_a_setting_that_forbids_it_meanwhile_ends_it(
    services: bootstrap.Services, hook: Hook, failed_verify: JobRequest, clock: SetClock
) -> None:
    done = ended(services, made(services, failed_verify, webhook_url=f"{hook.url}/hooks", email=ANYBODY))
    unset = {"allowed_webhooks", "smtp_url"}
    config = settings_module.load_settings(**services.settings.model_dump(exclude=unset))
    Messenger(services.database, services.jobs, config, clock).look()
    assert sorted(notes(services, done)) == [
        f"mail to {ANYBODY}: not told: no mail can be sent from here; given up",
        "webhook: not told: no webhook is allowed here; given up",
    ]


def test_a_mail_server_that_refuses_for_good_is_not_asked_again(
    services: bootstrap.Services, sender: Messenger, mailbox: Mailbox, failed_verify: JobRequest, clock: SetClock
) -> None:
    mailbox.refusal = "450 later, pass:word"
    done = ended(services, made(services, failed_verify, email=ANYBODY))
    assert sender.look() == WAITS_SECONDS[0]
    mailbox.refusal = "550 never"
    clock.advance(seconds=WAITS_SECONDS[0])
    assert sender.look() is None
    where = f"mail to {ANYBODY}:"
    assert notes(services, done) == [
        f"{where} not told yet: smtp://{mailbox.address} refused the mail with 450; tried again in 10.0 s",
        f"{where} not told: smtp://{mailbox.address} refused the mail with 550; given up after 2 tries",
    ]


def test_an_unexpected_error_is_tried_again_and_not_for_ever(
    services: bootstrap.Services,
    sender: Messenger,
    hook: Hook,
    failed_verify: JobRequest,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = ended(services, made(services, failed_verify, webhook_url=f"{hook.url}/hooks"))

    def fail(*_: object) -> str:
        raise LookupError("a bug")

    monkeypatch.setattr(webhooks, "send", fail)
    for seconds in (*WAITS_SECONDS, 0):
        sender.look()
        clock.advance(seconds=seconds)
    assert states(services) == ["GIVEN_UP"]
    assert notes(services, done)[-1].endswith("given up after 5 tries")


def test_the_server_process_tells_by_itself_and_logs_no_secret(
    services: bootstrap.Services, hook: Hook, failed_verify: JobRequest, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answers = [404]
    with caplog.at_level(logging.DEBUG):
        services.start_runner()
        schedule = made(services, failed_verify, webhook_url=f"{hook.url}/hooks/T0-private", email=ANYBODY)
        run = services.schedules.run(schedule.id)
        wait_until(lambda: len(notes(services, run)) == 2, "both are told")
    assert states(services) in (["GIVEN_UP", "SENT"], ["SENT", "GIVEN_UP"])
    for secret in (SECRET, "T0-private", "pass:word", "pass%3Aword"):
        assert secret not in caplog.text
    assert "T0-private" not in services.schedules.get(schedule.id).model_dump_json()
    assert services.schedules.change(schedule.id, ScheduleChange(enabled=True)).webhook == hook.url
