"""Names are bytes; their shown form loses none."""

from __future__ import annotations

import os

import hypothesis
import pytest
from hypothesis import strategies

from services.base import paths


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain.txt", "plain.txt"),
        (b"a/b", "a/b"),
        (b"back\\slash", "back\\\\slash"),
        (b"new\nline", "new\\nline"),
        (b"tab\t\r\x00\x7f", "tab\\x09\\x0d\\x00\\x7f"),
        (b"caf\xe9", "caf\\xe9"),
        ("café \U0001f600".encode(), "café \U0001f600"),
        ("\x85".encode(), "\\xc2\\x85"),
        (b"\\n", "\\\\n"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        (b"", ""),
    ],
)
def test_the_shown_form(raw: bytes, shown: str) -> None:
    assert paths.escape(raw) == shown
    assert paths.unescape(shown) == raw


@hypothesis.given(strategies.binary(max_size=60))
def test_the_shown_form_is_lossless_one_line_and_text(raw: bytes) -> None:
    shown = paths.escape(raw)
    assert paths.unescape(shown) == raw
    assert len(shown.splitlines()) <= 1 or all(ord(character) > 0x7F for character in set(shown) & set("\u2028\u2029"))
    assert shown.encode("utf-8").decode("utf-8") == shown


@hypothesis.given(strategies.lists(strategies.binary(max_size=12), min_size=2, max_size=8, unique=True))
def test_two_names_never_look_the_same(names: list[bytes]) -> None:
    assert len({paths.escape(name) for name in names}) == len(names)


def test_a_path_of_the_os_module() -> None:
    assert paths.escape_os(os.fsdecode(b"/x/caf\xe9")) == "/x/caf\\xe9"


@pytest.mark.parametrize("text", ["\\", "\\q", "\\x", "\\xz1", "\\xE9", "a\\"])
def test_a_backslash_that_begins_no_escape_stands_for_itself(text: str) -> None:
    assert paths.unescape(text) == text.encode()
