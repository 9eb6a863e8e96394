"""Who is logged in: sessions of browsers and tokens of programs, each with a button that revokes it."""

from __future__ import annotations

import streamlit as st

from pages.base import text
from pages.components import moments, notice
from services import bootstrap
from services.base import errors
from services.models import keys
from services.models.keys import KeyView, Kind

_LISTED = 50
_COOKIE = "pravah_session"


def show(services: bootstrap.Services) -> None:
    """Draw the lists."""
    own = _own()
    for kind, title, none in (
        (Kind.SESSION, "Sessions", "No browser is logged in."),
        (Kind.TOKEN, "Tokens", "There are no tokens. `pravah tokens add NAME` makes one."),
    ):
        views = services.keys.list(kind)
        st.markdown(f"**{title}**")
        if not views:
            st.caption(none)
        for view in views[:_LISTED]:
            _row(services, view, is_own=view.id == own)
        if len(views) > _LISTED:
            st.caption(f"{len(views) - _LISTED:,} more: `pravah {kind.value}s list`")


def _own() -> str | None:
    """Return the id of the session that shows this page."""
    found = (keys.id_of(value) for name, value in st.context.cookies.items() if name.startswith(_COOKIE))
    return next((one for one in found if one is not None), None)


def _row(services: bootstrap.Services, view: KeyView, *, is_own: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"key_{view.id}"):
        facts = [f"<strong>{text.html(text.visible(view.name, 80))}</strong>"]
        facts += ["this browser"] if is_own else []
        facts += [text.html(view.address)] if view.address else []
        facts.append(f"last used {moments.html(view.used_at)}" if view.used_at else "never used")
        facts.append(f"expires {moments.ahead_html(view.expires_at)}")
        st.html(f'<div class="pravah-line">{" · ".join(facts)}</div>', width="stretch")
        if st.button("Revoke", key=f"revoke_{view.id}", type="tertiary", icon=":material/block:"):
            _revoke(services, view)


def _revoke(services: bootstrap.Services, view: KeyView) -> None:
    try:
        services.keys.revoke(view.id)
    except errors.PravahError as error:
        st.error(text.plain(error.message))
        return
    notice.later(f"The {view.kind.value} {text.code(view.name, limit=60)} is revoked.", ":material/block:")
    st.rerun()
