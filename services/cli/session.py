"""Opens the services for the time of a command, and shows what it waits for."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from services.cli import output, reach

if TYPE_CHECKING:
    from services import bootstrap
    from services.base import settings
    from services.cli import parts


def load_settings(**overrides: Any) -> settings.Settings:
    """Read the settings and log by them to stderr.

    Raises:
        InvalidOptionsError: a ``PRAVAH_*`` variable is not acceptable.
    """
    from services.base import settings as settings_module

    config = settings_module.load_settings(**overrides)
    logging.basicConfig(level=config.log_level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    return config


@contextlib.contextmanager
def opened() -> Iterator[parts.Services]:
    """Yield what commands use: the services of this process, or the server of ``PRAVAH_URL``; closed at the end.

    Raises:
        InvalidOptionsError, DatabaseError, StorageError, OutputError: a part cannot be opened.
    """
    url = reach.url()
    if url is None:
        with opened_here() as services:
            yield services
        return
    server = _served(url)
    try:
        yield server
    finally:
        server.close()


def _served(url: str) -> parts.Services:
    from services import bootstrap
    from services.base import addresses, errors
    from services.cli import connection, remote

    token = os.environ.get(reach.TOKEN)
    if not token:
        remedy = "Make one with `pravah tokens add NAME` on the machine of the server."
        raise errors.InvalidOptionsError(f"{reach.URL} is set, and {reach.TOKEN} is not", remedy=remedy, field="token")
    try:
        checked = addresses.checked_url(url)
        token.encode("latin-1")
    except ValueError as error:
        raise errors.InvalidOptionsError(f"{reach.URL} or {reach.TOKEN}: {error}", field="url") from None
    return remote.Services(connection.Connection(checked, token, bootstrap.version()))


@contextlib.contextmanager
def opened_here(**overrides: Any) -> Iterator[bootstrap.Services]:
    """Yield the services of this process; they are closed at the end.

    Raises:
        InvalidOptionsError, DatabaseError, StorageError, OutputError: a part cannot be opened.
    """
    config = load_settings(**overrides)
    with waiting("Opening the database …"):
        from services import bootstrap

        services = bootstrap.create_services(config)
    try:
        yield services
    finally:
        services.close()


def link_of(url: str) -> str:
    """Return a new one-time link to a server of this process's database, which is open."""
    from services import bootstrap

    return with_link(url, bootstrap.shared_services().keys.new_link())


def with_link(url: str, link: str) -> str:
    """Return the address that opens a session."""
    return f"{url}/?link={link}"


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show what is waited for, as long as it lasts, to a person."""
    if not output.is_terminal(sys.stderr):
        yield
        return
    with output.console(error=True).status(what):
        yield
