"""A ZIP that is made while it is sent."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_ZIP64_FROM = 2**31
_OLDEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Member:
    """A file of a ZIP.

    Attributes:
        chunks: its bytes; they are taken when its turn comes.
    """

    name: str
    size_bytes: int
    chunks: Iterable[bytes]


class _Sink:
    """Takes what is written and gives it on; it has no position, so that nothing is written a second time."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Keep nothing back."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def stream(members: Iterable[Member], made: datetime) -> Iterator[bytes]:
    """Yield a ZIP piece by piece: no file is in memory or on disk as a whole.

    Files are stored, not compressed: tables are Parquet, and outputs are mostly compressed. Where it breaks off, the
    list of members at its end is missing, and whoever opens it says so.

    Args:
        made: the time of each member; a ZIP has times without a zone, this one is in UTC.
    """
    sink = _Sink()
    time = max(made.astimezone(UTC).timetuple()[:6], _OLDEST)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as target:  # type: ignore[call-overload]
        for one in members:
            entry = zipfile.ZipInfo(one.name, time)
            entry.external_attr = 0o644 << 16
            with target.open(entry, "w", force_zip64=one.size_bytes >= _ZIP64_FROM) as part:
                for chunk in one.chunks:
                    part.write(chunk)
                    yield sink.take()
    yield sink.take()
