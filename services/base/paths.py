"""Names are bytes: the same lossless form as the engine's ``paths.rs`` (a contract test compares them)."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata


def escape(raw: bytes) -> str:
    r"""Return the shown form: UTF-8 where ``\`` is ``\\``, newline ``\n``, other control bytes ``\xNN``."""
    shown = []
    for character in raw.decode("utf-8", "surrogateescape"):
        if character == "\\":
            shown.append("\\\\")
        elif character == "\n":
            shown.append("\\n")
        elif "\udc80" <= character <= "\udcff":
            shown.append(f"\\x{ord(character) - 0xDC00:02x}")
        elif unicodedata.category(character) == "Cc":
            shown.extend(f"\\x{byte:02x}" for byte in character.encode())
        else:
            shown.append(character)
    return "".join(shown)


def unescape(text: str) -> bytes:
    r"""Return the bytes of a shown form; a backslash that begins no escape stands for itself."""

    def raw(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return {b"n": b"\n", b"\\": b"\\"}.get(code) or bytes.fromhex(code[1:].decode())

    return re.sub(rb"\\(n|\\|x[0-9a-f]{2})", raw, text.encode("utf-8", "surrogateescape"))


def shell_quoted(word: str) -> str:
    """Return a word for bash, zsh or ksh; characters that no terminal shows are written as escapes: ``$'…'``."""
    if word.isprintable():
        return shlex.quote(word)
    shown = []
    for character in word:
        if character in "\\'":
            shown.append(f"\\{character}")
        elif character.isprintable():
            shown.append(character)
        else:
            shown.extend(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
    return f"$'{''.join(shown)}'"


def escape_os(path: str | os.PathLike[str]) -> str:
    """Return the shown form of a path of the ``os`` module."""
    return escape(os.fsencode(path))
