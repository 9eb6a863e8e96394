"""RFC 9110 for a file that never changes: conditions, byte ranges, and a name to save it by."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import urllib.parse
from dataclasses import dataclass

from starlette.datastructures import Headers

from services.api.http import problems

_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.ASCII)
_LARGEST_DIGITS = 18


@dataclass(frozen=True)
class Selection:
    """What of a file is sent.

    Attributes:
        start, end: in bytes; `end` is exclusive.
        status: 200 the whole file, 206 a range, 304 nothing: the client has it.
    """

    status: int
    start: int
    end: int


def etag(key: str, size_bytes: int) -> str:
    """Return a strong validator: a storage key is written once, by one worker."""
    return f'"{hashlib.sha256(f"{size_bytes}:{key}".encode()).hexdigest()[:32]}"'


def select(headers: Headers, tag: str, size_bytes: int) -> Selection:
    """Return what the request's conditions and range ask for, in the order of RFC 9110 §13.2.2.

    Several ranges, other units and malformed headers are ignored, as §14.2 allows: the whole file is sent.

    Raises:
        PreconditionFailedError: ``If-Match`` names another version.
        RangeNotSatisfiableError: the range lies behind the end.
    """
    whole = Selection(200, 0, size_bytes)
    if "if-match" in headers and not {tag, "*"} & _tags(headers["if-match"]):
        raise problems.PreconditionFailedError("the file does not match the version in If-Match", headers={"ETag": tag})
    if {tag, f"W/{tag}", "*"} & _tags(headers.get("if-none-match", "")):
        return Selection(304, 0, 0)
    if "range" not in headers or headers.get("if-range", tag) != tag:
        return whole
    found = _RANGE.fullmatch(headers["range"])
    if found is None or found.groups() == ("", ""):
        return whole
    first, last = found.groups()
    if not first:
        start, end = max(0, size_bytes - _number(last)), size_bytes
    else:
        start, end = _number(first), min(size_bytes, _number(last) + 1) if last else size_bytes
        if last and _number(last) < _number(first):
            return whole
    if start >= size_bytes:
        raise problems.RangeNotSatisfiableError(
            f"{headers['range'][:100]!r} is outside the file of {size_bytes:,} bytes",
            headers={"Content-Range": f"bytes */{size_bytes}", "Accept-Ranges": "bytes", "ETag": tag},
        )
    return Selection(206, start, end)


def _number(digits: str) -> int:
    # Python refuses to read thousands of digits; no file is that large.
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _LARGEST_DIGITS else 10**_LARGEST_DIGITS


def _tags(header: str) -> set[str]:
    return {part.strip() for part in header.split(",")}


def attachment(name: str) -> str:
    """Return a ``Content-Disposition`` (RFC 6266) that saves under `name`, whatever is in it."""
    # Control characters end a header, direction marks show another extension than there is.
    shown = "".join(c for c in name.replace("/", "-") if unicodedata.category(c) not in {"Cc", "Cf", "Cs"}) or "file"
    plain = unicodedata.normalize("NFKD", shown).encode("ascii", "ignore").decode() or "file"
    plain = re.sub(r'["\\%;]', "_", plain)
    encoded = urllib.parse.quote(shown, safe="")
    extended = f"; filename*=UTF-8''{encoded}" if encoded != plain else ""
    return f'attachment; filename="{plain}"{extended}'
