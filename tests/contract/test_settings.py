"""Settings and their page say the same."""

from __future__ import annotations

import re
from pathlib import Path

from services.base import settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_generated_from_the_model() -> None:
    assert PAGE.read_text() == settings.document(), "run: make docs"


def test_every_setting_has_a_default_or_is_unset_and_a_reason() -> None:
    rows = re.findall(r"^\| `PRAVAH_([A-Z0-9_]+)` \| (.+?) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert [name.lower() for name, _, _ in rows] == list(settings.Settings.model_fields)
    for name, default, meaning in rows:
        assert default == "unset" or default.startswith("`"), name
        assert meaning.endswith("."), name
        assert len(meaning) > 15, name


def test_numbers_with_a_unit_say_it() -> None:
    for name, field in settings.Settings.model_fields.items():
        if name.endswith("_bytes"):
            assert "bytes" in (field.description or "").lower(), name
        if name.endswith("_seconds"):
            assert "seconds" in (field.description or "").lower(), name


def test_the_page_shows_nothing_of_this_machine() -> None:
    assert str(Path.home()) not in PAGE.read_text().replace("`~/", "")
