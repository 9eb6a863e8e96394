"""Servers that fail, hang or refuse, and processes that die: told at least once, tried not for ever."""

from __future__ import annotations

import threading

import pytest

from services import bootstrap
from services.base import settings as settings_module
from services.models.jobs import JobRequest, Status
from services.notifications import calls, webhooks
from services.workers import messenger
from services.workers.messenger import WAITS_SECONDS, Messenger
from tests.conftest import wait_until
from tests.integration.notifications.conftest import ANYBODY, ended, made, notes, states
from tests.integration.notifications.servers import Hook, Mailbox
from tests.integration.schedules.conftest import SetClock


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
    assert said[0] == f"webhook: notification failed: {hook.url} answered 500; retry in 10.0 s"
    assert said[-1] == f"webhook: notification failed: {hook.url} answered 500; given up after 5 tries"
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
    assert notes(services, done) == [f"webhook: notification failed: {hook.url} answered {status}{words}; given up"]
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
    assert said.startswith(f"webhook: notification failed: no response from {hook.url} (")


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
    services.start_worker(only=run.id)
    assert services.jobs.wait(run.id, 30).status == Status.COMPLETED
    assert states(services) == []
    services.background.stop()
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
        f"e-mail to {ANYBODY}: notification failed: sending e-mail is not configured; given up",
        "webhook: notification failed: webhooks are not configured; given up",
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
    where = f"e-mail to {ANYBODY}:"
    assert notes(services, done) == [
        f"{where} notification failed: smtp://{mailbox.address} rejected the e-mail with 450; retry in 10.0 s",
        f"{where} notification failed: smtp://{mailbox.address} rejected the e-mail with 550; given up after 2 tries",
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
