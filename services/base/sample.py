"""The sample directory: something real to click on, the same on every machine."""

from __future__ import annotations

import contextlib
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.base import private

_MARK = ".complete"
_SEED = 20_26


def make(directory: Path) -> None:
    """Make the sample once: about 120 files of 3 MB with duplicates, a hard link and empty ones."""
    if (directory / _MARK).exists():
        return
    generator = random.Random(_SEED)
    for year in (2023, 2024, 2025):
        for month in range(1, 13):
            _write(directory / "sales" / str(year) / f"orders-{year}-{month:02d}.csv", _orders(generator, year, month))
    for number in range(40):
        text = "\n".join(
            f"2025-03-{1 + number % 28:02d} INFO request {generator.randrange(10**6)} served" for _ in range(200)
        )
        _write(directory / "logs" / f"web-{number:02d}.log", text.encode(), age_days=number * 20)
    for number in range(24):
        _write(
            directory / "photos" / f"IMG_{number:04d}.JPG", generator.randbytes(20_000 + 4_000 * number), age_days=900
        )
    private.make_directory(directory / "photos" / "backup")
    for number in range(0, 24, 3):
        original = directory / "photos" / f"IMG_{number:04d}.JPG"
        _write(directory / "photos" / "backup" / original.name, original.read_bytes(), age_days=850)
    _write(directory / "docs" / "README.md", b"# A small archive\n\nMade by Pravah to be looked at.\n")
    _write(directory / "docs" / "na\u00efve caf\u00e9.txt", b"Names may hold any letter.\n")
    _write(directory / "docs" / "empty.txt", b"")
    private.make_directory(directory / "docs" / "empty folder")
    with contextlib.suppress(FileExistsError, OSError):
        os.link(directory / "docs" / "README.md", directory / "docs" / "README-hardlink.md")
    with contextlib.suppress(FileExistsError, OSError):
        (directory / "latest").symlink_to("sales/2025")
    private.open_file(directory / _MARK).close()


def _orders(generator: random.Random, year: int, month: int) -> bytes:
    rows = ["order_id,date,customer,amount,country"]
    for number in range(generator.randrange(200, 900)):
        amount = f"{generator.uniform(1, 900):.2f}" if generator.random() > 0.01 else "NA"
        country = generator.choice(["DE", "FR", "IN", "US", "BR", ""])
        day = generator.randrange(1, 29)
        rows.append(
            f"{year}{month:02d}{number:05d},{year}-{month:02d}-{day:02d},C{generator.randrange(5000)},{amount},{country}"
        )
    return ("\n".join(rows) + "\n").encode()


def _write(path: Path, content: bytes, age_days: int = 30) -> None:
    private.make_directory(path.parent)
    with private.open_file(path) as file:
        file.write(content)
    moment = (datetime.now(UTC) - timedelta(days=age_days)).timestamp()
    os.utime(path, (moment, moment))
