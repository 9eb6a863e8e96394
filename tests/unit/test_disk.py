"""The floor under free disk space, with a disk that is as full as a test wants."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from services.base import disk, errors
from services.base import settings as settings_module


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """Return the free bytes by directory, which a test changes; every other directory has plenty."""
    found: dict[Path, int] = {}

    def usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=found.get(Path(path), 1 << 60))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return found


def config(tmp_path: Path, floor: int, **more: str) -> settings_module.Settings:
    for name in ("work", "results"):
        (tmp_path / name).mkdir(exist_ok=True)
    return settings_module.load_settings(data_dir=tmp_path, min_free_disk_bytes=floor, **more)


@pytest.mark.parametrize(("there", "is_enough"), [(999_999, False), (1_000_000, True), (0, False)])
def test_what_is_below_the_floor_is_refused_with_free_space_floor_and_setting(
    tmp_path: Path, free: dict[Path, int], there: int, is_enough: bool
) -> None:
    free[tmp_path / "work"] = there
    wanted = config(tmp_path, 1_000_000)
    if is_enough:
        disk.check(wanted)
        return
    with pytest.raises(errors.LimitExceededError) as caught:
        disk.check(wanted)
    assert f"{there:,} bytes are free" in caught.value.message
    assert "1,000,000 bytes of PRAVAH_MIN_FREE_DISK_BYTES" in caught.value.message
    assert "pravah clean" in caught.value.remedy


def test_no_floor_refuses_nothing(tmp_path: Path, free: dict[Path, int]) -> None:
    free[tmp_path / "work"] = 0
    disk.check(config(tmp_path, 0))


def test_the_disk_of_local_results_counts_and_with_results_in_s3_it_does_not(
    tmp_path: Path, free: dict[Path, int]
) -> None:
    free[tmp_path / "results"] = 1
    with pytest.raises(errors.LimitExceededError):
        disk.check(config(tmp_path, 2))
    disk.check(config(tmp_path, 2, storage="s3://bucket"))


def test_of_a_directory_that_is_not_there_yet_its_parent_is_looked_at(tmp_path: Path, free: dict[Path, int]) -> None:
    free[tmp_path] = 7
    assert disk.free_bytes(tmp_path / "not" / "yet") == 7


def test_a_disk_that_cannot_be_looked_at_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    with pytest.raises(errors.OutputError, match="Input/output error"):
        disk.check(config(tmp_path, 1))
