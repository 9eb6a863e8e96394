"""Telling of failures and findings, over a real web server and a real mail server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from pathlib import Path

import pytest

from services import bootstrap
from services.models.jobs import JobRequest, Source, Status
from services.models.schedules import Occasion, ScheduleChange
from services.workers.messenger import Messenger
from tests.asking import one_job
from tests.conftest import TreeBuilder, wait_until
from tests.integration.notifications.conftest import ANYBODY, SECRET, ended, made, notes, states
from tests.integration.notifications.servers import Hook, Mailbox


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
    root = tree({"a.csv": b"w,x,y\n0,1,2\n", "b.csv": b"w,x,y\n0,1,2\n", "c.csv": b"w,x,z\n0,1,2\n"}, name="tables")
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
    services.start_worker(only=run.id)
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
    assert f"e-mail to {ANYBODY}: smtp://{mailbox.address} accepted the e-mail" in said
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
    services.start_worker(only=run.id)
    services.jobs.wait(run.id, 30)
    assert states(services) == []


def test_a_cancelled_job_is_nobodys_news(services: bootstrap.Services, hook: Hook, failed_verify: JobRequest) -> None:
    run = services.schedules.run(made(services, failed_verify, webhook_url=f"{hook.url}/hooks").id)
    services.jobs.cancel(run.id)
    assert states(services) == []


def test_the_server_process_tells_by_itself_and_logs_no_secret(
    services: bootstrap.Services, hook: Hook, failed_verify: JobRequest, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answers = [404]
    with caplog.at_level(logging.DEBUG):
        services.start_worker()
        schedule = made(services, failed_verify, webhook_url=f"{hook.url}/hooks/T0-private", email=ANYBODY)
        run = services.schedules.run(schedule.id)
        wait_until(lambda: len(notes(services, run)) == 2, "both are told")
    assert states(services) in (["GIVEN_UP", "SENT"], ["SENT", "GIVEN_UP"])
    for secret in (SECRET, "T0-private", "pass:word", "pass%3Aword"):
        assert secret not in caplog.text
    assert "T0-private" not in services.schedules.get(schedule.id).model_dump_json()
    assert services.schedules.change(schedule.id, ScheduleChange(enabled=True)).webhook == hook.url
