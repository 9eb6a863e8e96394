"""Settings: read from the environment, refused by name, never telling a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.base import errors, settings


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(f"PRAVAH_{name.upper()}", raising=False)


def test_the_defaults_need_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    config = settings.load_settings()
    assert config.data_dir == tmp_path / ".local/share/pravah"
    assert config.database_url is None
    assert config.storage == "local"
    assert config.host == "127.0.0.1"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert settings.load_settings().data_dir == tmp_path / "xdg" / "pravah"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PRAVAH_PORT", "9000")
    monkeypatch.setenv("PRAVAH_ALLOWED_ROOTS", "/data:~/mine::/x y")
    monkeypatch.setenv("PRAVAH_DATA_DIR", "~/pravah")
    monkeypatch.setenv("PRAVAH_STORAGE", "s3://bucket/some/prefix")
    config = settings.load_settings()
    assert config.port == 9000
    assert config.allowed_roots == (Path("/data"), tmp_path / "mine", Path("/x y"))
    assert config.data_dir == tmp_path / "pravah"
    assert settings.load_settings(port=1).port == 1


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.Settings.model_fields:
        monkeypatch.setenv(f"PRAVAH_{name.upper()}", "")
    config = settings.load_settings()
    assert config.database_url is None
    assert config.port == 8501


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PRAVAH_PORT", "many"),
        ("PRAVAH_PORT", "70000"),
        ("PRAVAH_STORAGE", "ftp://host"),
        ("PRAVAH_STORAGE", "s3://UPPER"),
        ("PRAVAH_STORAGE", "s3://b"),
        ("PRAVAH_CONCURRENCY_LIMIT", "0"),
        ("PRAVAH_LEASE_SECONDS", "0.5"),
        ("PRAVAH_HEARTBEAT_SECONDS", "6"),
        ("PRAVAH_LOG_LEVEL", "LOUD"),
        ("PRAVAH_SHARD_ROWS", "0"),
        ("PRAVAH_JOB_MEMORY_BYTES", "255 MiB"),
        ("PRAVAH_JOB_MEMORY_BYTES", "much"),
        ("PRAVAH_ENGINE_THREADS", "0"),
        ("PRAVAH_S3_ENDPOINT_URL", "not a url"),
        ("PRAVAH_S3_ENDPOINT_URL", "https://user:secret@host"),
        ("PRAVAH_ALLOWED_WEBHOOKS", "https://hooks.example,ftp://secret@host"),
        ("PRAVAH_ALLOWED_WEBHOOKS", "https://user:secret@host"),
        ("PRAVAH_ALLOWED_WEBHOOKS", "hooks.example"),
        ("PRAVAH_SMTP_URL", "mail.example:secret"),
        ("PRAVAH_SMTP_URL", "http://me:secret@mail.example"),
        ("PRAVAH_MAIL_FROM", "nobody"),
    ],
)
def test_a_bad_value_is_refused_by_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(errors.InvalidOptionsError) as caught:
        settings.load_settings()
    assert caught.value.message.startswith(f"{variable}: ")
    assert "secret" not in caught.value.message
    assert "settings.md" in caught.value.remedy


@pytest.mark.parametrize(
    ("value", "size"), [("536870912", 1 << 29), ("512 MiB", 1 << 29), ("1.5G", 3 << 29), ("2g", 2 << 30)]
)
@pytest.mark.parametrize("name", [name for name in settings.Settings.model_fields if name.endswith("_bytes")])
def test_a_size_has_a_unit(name: str, value: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"PRAVAH_{name.upper()}", value)
    assert getattr(settings.load_settings(), name) == size


def test_a_wrong_size_names_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRAVAH_JOB_MEMORY_BYTES", "much")
    with pytest.raises(errors.InvalidOptionsError) as caught:
        settings.load_settings()
    assert caught.value.message == (
        "PRAVAH_JOB_MEMORY_BYTES: 'much' is not a valid size; use e.g. 4096, 10 MiB or 1.5 GiB"
    )


def test_a_lease_holds_at_least_two_heartbeats() -> None:
    with pytest.raises(errors.InvalidOptionsError, match="PRAVAH_LEASE_SECONDS"):
        settings.load_settings(lease_seconds=4, heartbeat_seconds=3)
    assert settings.load_settings(lease_seconds=4, heartbeat_seconds=2).heartbeat_seconds == 2


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.load_settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u:p@ss/w@h/d", "postgresql://u:***@h/d"),
        ("postgresql://h/d?password=p&user=u", "postgresql://h/d"),
        ("postgresql://u@h/d", "postgresql://u:***@h/d"),
        ("postgresql:///d?host=/run", "postgresql:///d"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, masked: str) -> None:
    assert settings.mask_url(url) == masked


def test_what_is_in_force_is_json_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRAVAH_DATABASE_URL", "postgresql://u:s3cret@h/d")
    monkeypatch.setenv("PRAVAH_SMTP_URL", "smtps://u:s3cret@mail.example:465")
    monkeypatch.setenv("PRAVAH_WEBHOOK_SECRET", "s3cret")
    monkeypatch.setenv("PRAVAH_ALLOWED_WEBHOOKS", " https://hooks.example/a , https://other.example ")
    config = settings.load_settings()
    shown = settings.effective(config)
    assert shown["database_url"] == "postgresql://u:***@h/d"
    assert shown["smtp_url"] == "smtps://u:***@mail.example:465"
    assert shown["allowed_webhooks"] == ["https://hooks.example/a", "https://other.example"]
    assert set(shown) == set(settings.Settings.model_fields)
    assert all(isinstance(root, str) for root in shown["allowed_roots"])
    assert shown["allowed_roots"]
    assert "s3cret" not in str(shown) + repr(config) + str(config)


def test_a_child_process_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = settings.load_settings(
        data_dir=tmp_path,
        database_url="postgresql://someone:p%40ss@db/name",
        allowed_roots=(tmp_path / "a", tmp_path / "b"),
        allowed_s3_prefixes=("s3://one", "s3://two/x"),
        allowed_webhooks=("https://hooks.example/x",),
        lease_seconds=7.5,
        keep_jobs=3,
    )
    # What the child inherits and this process does not use.
    monkeypatch.setenv("PRAVAH_KEEP_DAYS", "1")
    for name, value in settings.environment(given).items():
        monkeypatch.setenv(name, value)
    assert settings.load_settings() == given
