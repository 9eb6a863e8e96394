"""Where a webhook may lead, and how a mail is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.base import errors, settings
from services.notifications import mails, webhooks


def config_of(tmp_path: Path, **values: Any) -> settings.Settings:
    given = {"webhook_secret": "s", "allowed_webhooks": "https://hooks.example/team, http://10.0.0.1:9000"} | values
    return settings.load_settings(data_dir=tmp_path, **given)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/team",
        "https://HOOKS.example:443/team/x?y=1",
        "http://10.0.0.1:9000",
        "http://10.0.0.1:9000/any/path",
        "https://hooks.example/team?x=1",
    ],
)
def test_what_lies_below_an_allowed_address_is_allowed(url: str, tmp_path: Path) -> None:
    webhooks.check(url, config_of(tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/team",
        "https://hooks.example/teams",
        "https://hooks.example/",
        "https://hooks.example.evil.example/team",
        "https://hooks.example:8443/team",
        "https://hooks.example@evil.example/team",
        "https://me:pw@hooks.example/team",
        "https://hooks.example/team/../other",
        "https://hooks.example/team/%2e%2e/other",
        "https://hooks.example/team/..%2fother",
        "https://hooks.example/team\\@evil.example",
        "https://hooks.example/team#part",
        "https://hooks.example/team x",
        "https://hooks.example/team\r\nX: y",
        "https://hooks.example/t\u00e4am",
        "https://hooks.example:port/team",
        "https://[::1/team",
        "file:///etc/passwd",
        "ftp://hooks.example/team",
        "gopher://10.0.0.1:9000/x",
        "//hooks.example/team",
        "hooks.example/team",
        "http://10.0.0.1:9001/",
        "http://127.0.0.1:9000/",
        "https:///team",
    ],
)
def test_everything_else_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidOptionsError) as caught:
        webhooks.check(url, config_of(tmp_path))
    assert caught.value.details["field"] == "webhook_url"
    assert "pw" not in caught.value.message


def test_unset_settings_allow_no_webhook_and_say_so(tmp_path: Path) -> None:
    for name in ("allowed_webhooks", "webhook_secret"):
        config = config_of(tmp_path, **{name: () if name == "allowed_webhooks" else None})
        with pytest.raises(errors.InvalidOptionsError) as caught:
            webhooks.check("https://hooks.example/team", config)
        assert f"PRAVAH_{name.upper()}" in caught.value.remedy


def test_a_signature_is_that_of_rfc_4231() -> None:
    # Its second test case.
    found = webhooks.signature("Jefe", b"what do ya want for nothing?")
    assert found == "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


NO_ADDRESSES = ("nobody", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "<a@b>", "a@b,c@d", "\u00e4@b", "@b", "a@")


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_gets_no_mail(address: str, tmp_path: Path) -> None:
    config = config_of(tmp_path, smtp_url="smtp://mail.example", mail_from="a@b.example")
    mails.check("ops@host.example", config)
    with pytest.raises(errors.InvalidOptionsError):
        mails.check(address, config)


def test_mail_needs_a_server_and_a_sender(tmp_path: Path) -> None:
    for values in ({"smtp_url": "smtp://mail.example"}, {"mail_from": "a@b.example"}):
        with pytest.raises(errors.InvalidOptionsError) as caught:
            mails.check("ops@host.example", config_of(tmp_path, **values))
        assert "PRAVAH_SMTP_URL" in caught.value.remedy
