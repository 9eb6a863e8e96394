"""Foreign text is shown as it is, wherever it is shown."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.base import text

DIRECTIVES = (
    ":red[x]",
    ":material/home:",
    ":+1:",
    "$x^2$",
    "**b**",
    "`c`",
    "[l](http://x)",
    "a->b",
    "# h",
    "- l",
    "~~s~~",
)


@pytest.mark.parametrize("name", DIRECTIVES)
def test_plain_leaves_no_markup_in_force(name: str) -> None:
    shown = text.plain(name)
    # Every sign that could begin something is escaped, or cut off from the next one.
    assert not re.search(r"(?<!\\)[\[\]()*_`$#~<>]", shown)
    assert re.sub(r"\\(.)", r"\1", shown).replace("\u2060", "") == name


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc", "Cf", "Zl", "Zp"])))
def test_plain_is_read_back_as_it_was(name: str) -> None:
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text.plain(name)).replace("\u2060", "").replace("\u00a0", " ")
    assert shown == name.replace("\u00a0", " ")


@given(st.text())
def test_code_is_one_span_that_no_name_can_leave(name: str) -> None:
    shown = text.code(name)
    fence = re.match("`+", shown).group()  # type: ignore[union-attr]
    inside = shown[len(fence) : -len(fence)]
    assert shown.endswith(fence)
    assert fence not in re.findall("`+", inside)
    assert "\n" not in inside


@given(st.text())
def test_html_holds_no_markup(name: str) -> None:
    shown = text.html(name)
    assert not re.search("[<>\"']", shown)
    assert html.unescape(shown) == text.visible(name)


@given(st.text())
def test_plotly_holds_no_markup_and_no_colour_code_of_streamlit(name: str) -> None:
    shown = text.plotly(name)
    assert "<" not in shown
    assert not re.search(r"#[0-9]{6}|%\{|\$[^\u2060]", shown)
    assert html.unescape(shown).replace("\u2060", "") == text.visible(name).replace("\u2060", "")


def test_characters_that_hide_or_turn_others_are_made_visible() -> None:
    assert text.visible("photo\u202egpj.exe") == "photo\\u202egpj.exe"
    assert text.visible("caf\udce9") == "caf\\xe9"
    assert text.visible("two\nlines\x1b[0m") == "two\\nlines\\u001b[0m"
    assert text.visible("zero\u200bwidth") == "zero\\u200bwidth"
    assert text.visible("naïve café 日本 👩\u200d💻") == "naïve café 日本 👩\u200d💻"


def test_long_text_keeps_both_ends() -> None:
    shown = text.visible("/very/long/" + "x" * 200 + "/file.txt", 40)
    assert len(shown) == 40
    assert shown.startswith("/very/long/")
    assert shown.endswith("/file.txt")
