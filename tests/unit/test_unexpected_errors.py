"""Errors that nobody has foreseen: a bug is called one, a disk is not."""

from __future__ import annotations

import errno
import os

import pytest

from services.base import errors


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_disk_is_named_with_what_to_do(number: int) -> None:
    told = errors.of_unexpected(OSError(number, os.strerror(number), "/some/place"))
    assert told.code == "output_failed"
    assert told.message == f"{os.strerror(number)} at /some/place"
    assert "free space" in told.remedy


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (f"{os.strerror(errno.ENOSPC)} (os error 28)", "Free space"),
        (f"[Errno 13] {os.strerror(errno.EACCES)}", "write to the path"),
        (f"{os.strerror(errno.EIO)} (os error 5)", "free space and permissions"),
        ("Parquet error: cannot write a column of this type", "report it"),
    ],
)
def test_an_output_that_failed_has_the_remedy_of_its_reason(reason: str, remedy: str) -> None:
    assert remedy in errors.of_code("output_failed", f'cannot write "a": {reason}').remedy


@pytest.mark.parametrize("error", [KeyError("x"), FileNotFoundError(errno.ENOENT, "none", "/some/place")])
def test_anything_else_is_a_bug(error: Exception) -> None:
    assert errors.of_unexpected(error).code == "internal"
