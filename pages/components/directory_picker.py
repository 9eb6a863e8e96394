"""Where a job reads: one box that holds the path, and what is there to click on."""

from __future__ import annotations

import os

import pydantic
import streamlit as st

from pages.base import text
from pages.components import draft, failure
from services import bootstrap
from services.base import errors, units
from services.models.jobs import Source
from services.use_cases import sources

PATH = "path"
S3 = "s3"
_KIND, _S3_BOX = "picker_kind", "picker_s3"
_WHOLE, _SEEN = "picker_whole_page", "picker_seen"
_SHOWN_FOLDERS = 60
_LOCAL, _REMOTE = "On this machine", "In S3"
_S3_HELP = "Objects are read directly from S3. Credentials come from the AWS default chain."


def show(services: bootstrap.Services) -> Source | None:
    """Let one pick a source; its state is in the URL (`path` or `s3`).

    Returns:
        The source when it can be used as it stands.
    """
    if _KIND not in st.session_state:
        st.session_state[_KIND] = _REMOTE if S3 in st.query_params else _LOCAL
    kind = st.segmented_control(
        "Location",
        [_LOCAL, _REMOTE],
        required=True,
        key=_KIND,
        label_visibility="collapsed",
        on_change=_keep_kind,
    )
    if kind == _REMOTE:
        return _s3()
    _places(services)
    if PATH not in st.session_state and PATH not in st.query_params:
        st.session_state[PATH] = draft.encode_path(_start(services))
    st.session_state[_WHOLE] = True
    _browser(services)
    st.session_state[_WHOLE] = False
    source = current(services)
    st.session_state[_SEEN] = _key(source)
    return source


def current(services: bootstrap.Services) -> Source | None:
    """Return the local source that the box names, if a job may read it."""
    typed = draft.decode_path(st.session_state.get(PATH, "").strip())
    try:
        return Source.of_path(services.sources.resolve(typed)) if typed else None
    except (errors.PravahError, pydantic.ValidationError):
        return None


def _start(services: bootstrap.Services) -> str:
    recent = services.sources.recent(limit=1)
    return recent[0] if recent else os.fspath(services.settings.sample_dir)


def _go(path: str) -> None:
    st.session_state[PATH] = draft.encode_path(path)


@st.fragment
def _browser(services: bootstrap.Services) -> None:
    typed = st.text_input(
        "Folder",
        key=PATH,
        bind="query-params",
        live=True,
        autocomplete="off",
        placeholder="/path/to/a/folder",
        icon=":material/folder_open:",
        help="Type a path, or open the folders below. `~` is your home directory.",
    )
    path = draft.decode_path((typed or "").strip())
    try:
        listing = services.sources.browse(path or "/")
    except errors.PravahError as error:
        _incomplete(services, path, error)
    else:
        _listing(services, listing)
    # When this box alone has run again, the rest of the page follows only if there is another folder to follow,
    # not at each letter.
    if not st.session_state[_WHOLE] and st.session_state.get(_SEEN) != _key(current(services)):
        st.rerun()


def _key(source: Source | None) -> str:
    return draft.encode_path(source.os_path) if source else ""


def _incomplete(services: bootstrap.Services, path: str, error: errors.PravahError) -> None:
    found = services.sources.suggest(path) if path else []
    if not found:
        failure.show(error)
        return
    st.caption(f"This folder does not exist. {text.count(len(found), 'folder starts', 'folders start')} like this:")
    for place, suggestion in enumerate(found):
        label = f":material/folder: {text.plain(suggestion, limit=90)}"
        st.button(label, key=f"suggestion_{place}", type="tertiary", on_click=_go, args=(suggestion,))


def _listing(services: bootstrap.Services, listing: sources.Listing) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="breadcrumbs"):
        for place, (path, name) in enumerate(listing.parents):
            if place:
                st.markdown(":gray[/]", width="content")
            last = place == len(listing.parents) - 1
            label = f"**{text.plain(name, limit=40)}**" if last else text.plain(name, limit=40)
            st.button(label, key=f"crumb_{place}", type="tertiary", on_click=_go, args=(path,), disabled=last)
        _favourite(services, listing.path)
    size = units.format_bytes(listing.size_bytes)
    st.caption(f"{text.count(listing.files, 'file', 'files')} directly in this folder, {size}")
    _folders(listing)


def _folders(listing: sources.Listing) -> None:
    ordered = sorted(listing.folders, key=lambda folder: folder.name.startswith("."))
    many = len(ordered) > _SHOWN_FOLDERS
    shown = ordered if not many or st.session_state.get("picker_all") else ordered[:_SHOWN_FOLDERS]
    with st.grid(3, min_column_width=210, gap=("xxsmall", "small"), key="folders"):
        for place, folder in enumerate(shown):
            st.button(
                _folder_label(folder),
                key=f"folder_{place}",
                type="tertiary",
                on_click=_go,
                args=(folder.path,),
                disabled=folder.files is None,
                wrap=False,
            )
    if not ordered:
        st.caption("This folder has no subfolders.")
    if many:
        st.toggle(f"Show all {len(ordered)} folders", key="picker_all")
    if listing.hidden_folders:
        count = units.format_count(listing.hidden_folders)
        st.caption(f"{count} more folders. Type the start of a name to find them.")


def _folder_label(folder: sources.Folder) -> str:
    name = text.plain(folder.name, limit=34)
    if folder.files is None:
        return f":material/lock: {name}"
    more = "more than " if folder.more else ""
    return f":material/folder: {name} :gray[:small[{more}{text.count(folder.files, 'file', 'files')}]]"


def _favourite(services: bootstrap.Services, path: str) -> None:
    is_favourite = path in services.sources.favourites()
    label = "Remove from favourites" if is_favourite else "Add to favourites"
    if st.button(label, icon=":material/star:", key="favourite", type="tertiary"):
        (services.sources.remove_favourite if is_favourite else services.sources.add_favourite)(path)
        st.rerun()


def _places(services: bootstrap.Services) -> None:
    sample = os.fspath(services.settings.sample_dir)
    shown: dict[str, tuple[str, str]] = {sample: (":material/science:", "Sample")}
    for path in services.sources.favourites():
        shown.setdefault(path, (":material/star:", _last(path)))
    for path in services.sources.recent():
        shown.setdefault(path, (":material/history:", _last(path)))
    for root in services.sources.roots():
        shown.setdefault(os.fspath(root), (":material/hard_drive:", os.fspath(root)))
    with st.container(horizontal=True, gap="xsmall", key="places"):
        for place, (path, (icon, name)) in enumerate(shown.items()):
            hint = text.code(path)
            label = text.plain(name, limit=28)
            st.button(label, icon=icon, key=f"place_{place}", help=hint, on_click=_go, args=(path,))


def _last(path: str) -> str:
    return os.path.basename(path) or path


def choose(source: Source) -> None:
    """Set the source, in a callback."""
    st.session_state[_KIND] = _LOCAL if source.s3_uri is None else _REMOTE
    if source.s3_uri is None:
        st.query_params.pop(S3, None)
        _go(source.os_path)
    else:
        st.query_params[S3] = st.session_state[_S3_BOX] = source.s3_uri


def _keep_kind() -> None:
    if st.session_state[_KIND] == _REMOTE:
        st.query_params[S3] = st.session_state.get(_S3_BOX, "")
    else:
        st.query_params.pop(S3, None)


def _keep_uri() -> None:
    st.query_params[S3] = st.session_state[_S3_BOX]


def _s3() -> Source | None:
    if _S3_BOX not in st.session_state:
        st.session_state[_S3_BOX] = st.query_params.get(S3, "")
    uri = st.text_input("S3 prefix", key=_S3_BOX, placeholder="s3://bucket/prefix", on_change=_keep_uri)
    if not uri:
        st.caption(_S3_HELP)
        return None
    try:
        return Source(s3_uri=uri.strip())
    except pydantic.ValidationError:
        st.error("This is not a valid S3 address. Use the form `s3://bucket/prefix`.", icon=":material/error:")
        return None
