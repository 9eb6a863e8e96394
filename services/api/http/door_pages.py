"""What a person sees who is not let in: small pages that load nothing."""

from __future__ import annotations

import html

from starlette.responses import HTMLResponse

from services.base import errors

_STYLE = """:root { color-scheme: light dark; }
body { margin: 12vh auto 0; max-width: 34rem; padding: 0 1.25rem; font: 1rem/1.6 system-ui, sans-serif;
  color: light-dark(#1c2a2a, #e6eded); background: light-dark(#ffffff, #0e1414); }
h1 { font-size: 1.5rem; line-height: 1.3; }
code { font: .9375rem ui-monospace, monospace; padding: .1rem .35rem; border-radius: .3rem;
  background: light-dark(#f4f6f6, #1b2525); }
p.quiet { color: light-dark(#5b6b6b, #9db0ae); }
button { font: inherit; color: #ffffff; background: light-dark(#0f766e, #218679); border: 0; border-radius: .5rem;
  padding: .5rem 1.25rem; cursor: pointer; }
:focus-visible { outline: 2px solid light-dark(#0f766e, #5fd0c3); outline-offset: 2px; }"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}
_AGAIN = '<meta http-equiv="refresh" content="0">'
_HOW = (
    "On the machine that runs Pravah, run <code>pravah link</code> as the user that runs it.",
    "Open the link that it prints. The link works once, within an hour.",
)
_PROGRAMS = (
    '<p class="quiet">Programs send a token in the header <code>Authorization: Bearer</code>. '
    "<code>pravah tokens add NAME</code> makes one.</p>"
)


def _page(title: str, *sentences: str, more: str = "", head: str = "", status: int = 200) -> HTMLResponse:
    body = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title} - Pravah</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}<style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}{more}</main></body></html>"
    )
    return HTMLResponse(text, status, headers=_HEADERS)


def no_session(*, again: bool) -> HTMLResponse:
    """Say how to get in.

    Args:
        again: let the browser ask again. After a link of another site it sends no cookie; from this page it does.
    """
    head = _AGAIN if again else ""
    answer = _page("Log in to Pravah", *_HOW, more=_PROGRAMS, head=head, status=401)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def used_link() -> HTMLResponse:
    """Say that a link does not open anything."""
    return _page("This link does not work any more", "It was used already, or it has expired.", *_HOW, status=401)


def log_out() -> HTMLResponse:
    """Ask whether to log out: a link of another site must not do it."""
    form = '<form method="post" action="logout"><button>Log out</button></form>'
    return _page("Log out of Pravah", "This ends the session of this browser. Jobs continue.", more=form)


def logged_out() -> HTMLResponse:
    """Say that there is no session."""
    return _page("You are logged out", "To log in again, use a new link.", *_HOW)


def of(error: errors.PravahError) -> HTMLResponse:
    """Show an error of the door."""
    message = f"{error.message[:1].upper()}{error.message[1:]}."
    return _page(error.title, html.escape(message), html.escape(error.remedy), status=error.http_status)
