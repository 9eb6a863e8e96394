"""An S3 prefix as a source: counted, and copied into the job's work folder before the engine runs."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services import errors
from services.jobs.models import Preview
from services.storage.s3 import client, translated

_PREVIEW_OBJECTS = 10_000
_FIRST_NAMES = 20
_PARALLEL = 16
_BATCH = 512
_NAME_BYTES = 255
"""The longest name a file system takes; a key's part may have 1,024 bytes."""


@dataclass(frozen=True)
class _Object:
    key: str
    name: str
    size: int
    modified: datetime


class _Prefix:
    """Objects below a prefix, which is taken as a folder where there is such a folder."""

    def __init__(self, uri: str, endpoint_url: str | None) -> None:
        self.uri = uri
        self.bucket, _, self._prefix = uri.removeprefix("s3://").partition("/")
        with translated(uri):
            self.client = client(endpoint_url)

    def objects(self) -> Iterator[_Object]:
        """Yield the objects in order of their keys; names are relative to the folder."""
        with translated(self.uri):
            prefix = self._folder()
            # `logs/2024-` is no folder: names are relative to the one it lies in.
            skip = prefix.rpartition("/")[0]
            skip = f"{skip}/" if skip else ""
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    key = entry["Key"]
                    if not key.endswith("/"):
                        yield _Object(key, key.removeprefix(skip), int(entry["Size"]), entry["LastModified"])

    def _folder(self) -> str:
        folder = f"{self._prefix}/"
        if not self._prefix or self._prefix.endswith("/"):
            return self._prefix
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=folder, MaxKeys=1).get("KeyCount", 0)
        return folder if found else self._prefix


def preview(uri: str, endpoint_url: str | None) -> Preview:
    """Count objects and bytes; stops at 10,000 objects.

    Raises:
        StorageError: S3 does not answer, or the bucket may not be listed.
    """
    files = size_bytes = 0
    names: list[str] = []
    complete = True
    for found in _Prefix(uri, endpoint_url).objects():
        if files >= _PREVIEW_OBJECTS:
            complete = False
            break
        files += 1
        size_bytes += found.size
        if len(names) < _FIRST_NAMES:
            names.append(found.name)
    return Preview(files=files, bytes=size_bytes, directories=0, first_names=names, complete=complete)


@dataclass(frozen=True)
class Limits:
    """What a staged prefix may take.

    Attributes:
        size_bytes: of all objects.
        free_bytes: that stay free on the disk.
    """

    size_bytes: int
    free_bytes: int


def stage(uri: str, directory: Path, endpoint_url: str | None, limits: Limits, check: Callable[[], None]) -> None:
    """Copy every object of a prefix below `directory`, with its time of change.

    Args:
        check: called often; what it raises ends the copying.

    Raises:
        LimitExceededError: the prefix holds too much; what was copied is left.
        SourceNotFoundError: the prefix holds nothing.
        StorageError: S3 does not answer, or an object could not be read.
    """
    source = _Prefix(uri, endpoint_url)
    objects = source.objects()
    total = count = 0
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="pravah-stage") as pool:
        while batch := list(itertools.islice(objects, _BATCH)):
            check()
            count += len(batch)
            total += sum(found.size for found in batch)
            _check_limits(uri, directory, limits, total, sum(found.size for found in batch))
            targets = [_reserve(directory, found.name) for found in batch]
            copies = [
                pool.submit(_copy, source, found, target, check) for found, target in zip(batch, targets, strict=True)
            ]
            try:
                for copy in copies:
                    copy.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    if count == 0:
        raise errors.SourceNotFoundError(f"{uri} holds no object", remedy="Check bucket and prefix.")


def _check_limits(uri: str, directory: Path, limits: Limits, total: int, following: int) -> None:
    if total > limits.size_bytes:
        raise errors.LimitExceededError(
            f"{uri} holds more than {limits.size_bytes:,} bytes", remedy="Raise PRAVAH_S3_SOURCE_LIMIT_BYTES."
        )
    if shutil.disk_usage(directory).free - following < limits.free_bytes:
        raise errors.LimitExceededError(
            f"there is no room for {uri} in the data directory: its next {following:,} bytes would leave fewer than "
            f"the {limits.free_bytes:,} bytes of PRAVAH_MIN_FREE_DISK_BYTES",
            remedy="Free space, or narrow the prefix.",
        )


def _copy(source: _Prefix, found: _Object, target: Path, check: Callable[[], None]) -> None:
    check()
    with translated(f"s3://{source.bucket}/{found.key}"), target.open("wb") as file:
        source.client.download_fileobj(source.bucket, found.key, file, Callback=lambda _: check())
    moment = found.modified.timestamp()
    os.utime(target, (moment, moment))


def _reserve(directory: Path, name: str) -> Path:
    """Make the empty file of a key, with the folders it lies in; no key leads elsewhere or to another's file.

    S3 may hold `a`, `a/b` and `a//b` at once: a name that is taken gets a per cent sign.
    """
    *folders, last = (_part(part) for part in name.split("/"))
    for folder in folders:
        directory = _free(directory / folder, Path.is_file)
        directory.mkdir(exist_ok=True)
    path = _free(directory / last, Path.exists)
    path.touch()
    return path


def _free(path: Path, is_taken: Callable[[Path], bool]) -> Path:
    while is_taken(path):
        path = path.with_name(f"{path.name}%")
    return path


def _part(part: str) -> str:
    if part in {"", ".", ".."}:
        return {"": "%", ".": "%2E", "..": "%2E%2E"}[part]
    part = part.replace("\0", "%00")
    raw = part.encode()
    if len(raw) < _NAME_BYTES:
        return part
    mark = f"%{hashlib.sha256(raw).hexdigest()[:16]}"
    return raw[: _NAME_BYTES - len(mark) - 8].decode(errors="ignore") + mark
