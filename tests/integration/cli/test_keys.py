"""``pravah link``, ``tokens`` and ``sessions``: what the owner makes, sees and takes back."""

from __future__ import annotations

from services import bootstrap
from services.models.keys import Kind
from tests.processes import Pravah


def test_tokens_are_shown_once_listed_and_revoked(pravah: Pravah, services: bootstrap.Services) -> None:
    made = pravah.json("tokens", "add", "a script", "--days", "7")
    assert services.keys.look(made["token"], Kind.TOKEN) is not None
    shown = pravah.run("tokens", "list").stdout.decode()
    assert "a script" in shown
    assert made["token"].rpartition("_")[2] not in shown
    again = pravah.run("tokens", "add", "a script")
    assert again.returncode == 2
    assert b"Revoke it, or choose another name" in again.stderr
    assert pravah.json("tokens", "revoke", "a script") == {"revoked": made["id"]}
    assert services.keys.look(made["token"], Kind.TOKEN) is None
    assert pravah.run("tokens", "revoke", "a script").returncode == 2


def test_a_link_opens_a_session_that_is_listed_and_revoked(pravah: Pravah, services: bootstrap.Services) -> None:
    env = {"PRAVAH_PUBLIC_URL": "https://pravah.example.org/path/"}
    link = pravah.json("link", env=env)["link"]
    address, _, secret = link.partition("?link=")
    assert address == "https://pravah.example.org/path/"
    session = services.keys.open_session(secret, "A\nbrowser", "192.0.2.1")
    assert session is not None
    (listed,) = pravah.json("sessions", "list")
    assert (listed["name"], listed["address"]) == ("Abrowser", "192.0.2.1")
    assert pravah.run("sessions", "revoke", listed["id"][:6]).returncode == 0
    assert services.keys.look(session, Kind.SESSION) is None
    assert services.keys.list(Kind.SESSION) == []
