"""The one place where foreign text (names, paths, messages) is made safe for what shows it.

Four targets read text differently: Streamlit's Markdown (with its directives, emoji codes, LaTeX and
typographic replacements), HTML, plotly's pseudo-HTML, and tables, which show text as it is. Each has a
function here; nothing else in ``pages`` escapes.
"""

from __future__ import annotations

import html as _html
import re
import unicodedata
import urllib.parse

from services.base import units

# Stops "->", ":+1:" or "--" from being taken for an arrow, an emoji or a dash; it has no width.
_JOINER = "\u2060"
_PUNCTUATION = re.compile(r"""([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])""")
_BREAKABLE = re.compile(r"(?<=[-<>~=])(?=[-<>~=])|(?<=:)(?=[+\-\w])|(?<=\w)(?=:)|(?<=www)(?=\.)|(?<=\w)(?=@)")


def visible(text: str, limit: int | None = None) -> str:
    """Return text in which no character hides or turns the others around.

    Args:
        limit: characters to keep; the middle of a longer text is replaced by an ellipsis.
    """
    shown = "".join(_visible_character(character) for character in text)
    if limit is not None and len(shown) > limit:
        head = limit // 3
        shown = f"{shown[:head]}…{shown[len(shown) - (limit - head - 1) :]}"
    return shown


def _visible_character(character: str) -> str:
    if character == "\n":
        return "\\n"
    category = unicodedata.category(character)
    # Cf: direction marks, zero-width joiners; Cs: surrogates of names that are not UTF-8; Zl, Zp: line ends.
    if category in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in "\u200c\u200d":
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:
            return f"\\x{code - 0xDC00:02x}"
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    return character


def plain(text: str, limit: int | None = None) -> str:
    """Return Markdown that shows the text literally, for labels, captions and messages."""
    shown = _BREAKABLE.sub(_JOINER, visible(text, limit))
    escaped = _PUNCTUATION.sub(r"\\\1", shown)
    # Markdown drops spaces at the ends and folds runs of them.
    return re.sub(r"^ | $|(?<= ) ", "\u00a0", escaped)


def code(text: str, limit: int | None = None) -> str:
    """Return Markdown that shows the text as inline code, for paths in sentences."""
    # An icon's code is replaced even here.
    shown = (visible(text, limit) or " ").replace(":material/", f":{_JOINER}material/")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def html(text: str) -> str:
    """Return HTML that shows the text literally, also inside attribute values."""
    return _html.escape(visible(text), quote=True)


def plotly(text: str, limit: int | None = None) -> str:
    """Return a plotly label that shows the text literally.

    Streamlit replaces colour codes of its templates, such as ``#000021``, anywhere in a figure, and plotly
    reads ``<b>``, ``%{x}`` and ``$…$``: all of them are broken up.
    """
    shown = _html.escape(visible(text, limit), quote=False)
    return re.sub(r"([#%$])", rf"\1{_JOINER}", shown)


def count(number: int, one: str, many: str) -> str:
    """Return e.g. ``1 file`` or ``1,234 files``."""
    return f"{units.format_count(number)} {one if number == 1 else many}"


def url(text: str) -> str:
    """Return text as one part of a URL's path or query."""
    return urllib.parse.quote(text, safe="")
