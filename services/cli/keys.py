"""``pravah link``, ``pravah tokens`` and ``pravah sessions``: who may come in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from services.base import errors
from services.cli import arguments, output, session

if TYPE_CHECKING:
    from services.bootstrap import Services
    from services.models.keys import KeyView, Kind

tokens = typer.Typer(
    help="Manage the tokens of programs that use the API.", no_args_is_help=True, rich_markup_mode=None
)
sessions = typer.Typer(help="Manage the browsers that are logged in.", no_args_is_help=True, rich_markup_mode=None)

_Id = Annotated[str, typer.Argument(metavar="ID", help="ID, or its first four digits or more.", show_default=False)]
_DAYS = 90


def link(json: arguments.Json = False) -> int:
    """Print a link that logs a browser in. It works once, within an hour."""
    from services.cli import listening

    with session.opened_here() as services:
        found = session.with_link(listening.shown_url(services.settings), services.keys.new_link())
    if json:
        output.data({"link": found})
    else:
        output.line(found)
    return 0


@tokens.command(cls=arguments.Sectioned)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the token.", show_default=False)],
    days: Annotated[float, typer.Option(help="Days until the token expires.")] = _DAYS,
    json: arguments.Json = False,
) -> int:
    """Make a token and print it. Pravah does not store it: it cannot be shown again."""
    with session.opened_here() as services:
        secret, view = services.keys.add_token(name, days)
    if json:
        output.data({**view.model_dump(mode="json"), "token": secret})
    else:
        output.line(secret)
    return 0


@tokens.command("list", cls=arguments.Sectioned)
def list_tokens(json: arguments.Json = False) -> int:
    """List the valid tokens."""
    from services.models.keys import Kind

    return _list(Kind.TOKEN, "No tokens. Make one: pravah tokens add NAME", json=json)


@tokens.command("revoke", cls=arguments.Sectioned)
def revoke_token(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Name or ID of the token.", show_default=False)],
    json: arguments.Json = False,
) -> int:
    """Revoke a token. When this command ends, every server refuses it."""
    from services.models.keys import Kind

    return _revoke(Kind.TOKEN, token, json=json)


@sessions.command("list", cls=arguments.Sectioned)
def list_sessions(json: arguments.Json = False) -> int:
    """List the browsers that are logged in."""
    from services.models.keys import Kind

    return _list(Kind.SESSION, "No browser is logged in. Log in with a link: pravah link", json=json)


@sessions.command("revoke", cls=arguments.Sectioned)
def revoke_session(session_id: _Id, json: arguments.Json = False) -> int:
    """Log a browser out. When this command ends, every server refuses it."""
    from services.models.keys import Kind

    return _revoke(Kind.SESSION, session_id, json=json)


def _list(kind: Kind, nothing: str, *, json: bool) -> int:
    from services.base import units

    with session.opened_here() as services:
        views = services.keys.list(kind)
    if json:
        output.data([view.model_dump(mode="json") for view in views])
    elif not views:
        output.line(nothing, error=True)
    else:
        rows = [
            (
                view.id[:8],
                output.plain(view.name),
                view.address or "",
                units.format_ago(view.used_at) if view.used_at else "never",
                units.format_moment(view.expires_at),
            )
            for view in views
        ]
        output.table(("ID", "NAME", "ADDRESS", "USED", "EXPIRES"), rows)
    return 0


def _revoke(kind: Kind, wanted: str, *, json: bool) -> int:
    from services.use_cases import keys

    with session.opened_here() as services:
        found = _find(services, kind, wanted)
        services.keys.revoke(found.id)
    # Servers remember for so long what they have looked up.
    time.sleep(keys.LOOK_SECONDS)
    if json:
        output.data({"revoked": found.id})
    else:
        output.line(output.plain(f"Revoked the {kind.value} {found.name}."))
    return 0


def _find(services: Services, kind: Kind, wanted: str) -> KeyView:
    views = services.keys.list(kind)
    named = [view for view in views if view.name == wanted and kind.value == "token"]
    found = named or [view for view in views if len(wanted) >= 4 and view.id.startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    problem = "several have" if found else "none has"
    message = f"{problem} the {'name or ' if kind.value == 'token' else ''}ID {output.plain(wanted)!r}"
    raise errors.InvalidOptionsError(
        message, remedy=f"`pravah {kind.value}s list` shows all {kind.value}s.", field="id"
    )
