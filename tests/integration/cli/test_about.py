"""``pravah operations``, ``settings``, ``doctor``, ``--version``."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from services import operations
from tests.conftest import free_port
from tests.integration.cli.conftest import Cli


def test_operations_lists_and_describes(cli: Cli) -> None:
    names = [one["name"] for one in cli("operations", "--json").document]
    assert names == [one.name for one in operations.OPERATIONS]
    listed = cli("operations").out
    for operation in operations.OPERATIONS:
        assert operation.summary in listed
        described = cli("operations", operation.name).out
        document = cli("operations", operation.name, "--json").document
        for name, field in operation.options.model_fields.items():
            assert (field.description or "") in described
            assert name in document["options"]["properties"]
        for table in operation.tables:
            assert f"Table {table.name}: {table.title}" in described


def test_settings_are_masked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRAVAH_DATABASE_URL", "postgresql://me:secret@db.example/pravah")
    shown = cli("settings")
    assert "postgresql://me:***@db.example/pravah" in shown.out
    assert "secret" not in shown.out + shown.err
    assert cli("settings", "--json").document["database_url"] == "postgresql://me:***@db.example/pravah"


def test_doctor_finds_a_sound_installation_sound(cli: Cli) -> None:
    document = cli("doctor", "--json").document
    assert document["ok"]
    parts = {line["part"] for line in document["parts"]}
    assert parts == {"versions", "engine", "data directory", "disk", "allowed root", "database", "storage", "workers"}
    assert all(line.startswith("ok") for line in cli("doctor").out.splitlines())


def _wrong(cli: Cli) -> dict[str, str]:
    """Return what doctor finds wrong, and that the text says it too."""
    document = cli("doctor", "--json", status=5).document
    shown = cli("doctor", status=5).out
    wrong = {line["part"]: line["remedy"] for line in document["parts"] if not line["ok"]}
    for part, remedy in wrong.items():
        assert f"WRONG  {part}" in shown
        assert remedy in shown
    return wrong


def test_doctor_names_what_is_wrong_and_looks_at_the_rest(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRAVAH_DATABASE_URL", f"postgresql://any@127.0.0.1:{free_port()}/none")
    monkeypatch.setenv("PRAVAH_ALLOWED_ROOTS", f"{tmp_path}:{tmp_path / 'nothing'}")
    monkeypatch.setenv("PRAVAH_MIN_FREE_DISK_BYTES", str(2**60))
    wrong = _wrong(cli)
    assert set(wrong) == {"database", "allowed root", "disk"}
    assert "PRAVAH_ALLOWED_ROOTS" in wrong["allowed root"]


def test_doctor_names_a_data_directory_that_is_none(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PRAVAH_DATA_DIR", str(tmp_path / "file" / "data"))
    wrong = _wrong(cli)
    assert set(wrong) == {"data directory", "storage"}
    assert "PRAVAH_DATA_DIR" in wrong["data directory"]


def test_doctor_names_a_wrong_setting(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRAVAH_CONCURRENCY_LIMIT", "0")
    assert set(_wrong(cli)) == {"settings"}


def test_version_is_the_installed_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"1.2.3-{name}")
    assert cli("--version").out == "pravah 1.2.3-pravah\n"
