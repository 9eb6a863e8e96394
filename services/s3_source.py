"""An S3 prefix as a source: counted, and copied into the job's work folder before the engine runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services import errors
from services.jobs.models import Preview
from services.storage.s3 import client, translated

_PREVIEW_OBJECTS = 10_000
_FIRST_NAMES = 20


def _objects(uri: str, endpoint_url: str | None) -> Iterator[tuple[Any, str, str, str, int]]:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    connection = client(endpoint_url)
    with translated(uri):
        for page in connection.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                key = entry["Key"]
                if not key.endswith("/"):
                    yield connection, bucket, key, key.removeprefix(prefix).lstrip("/"), int(entry["Size"])


def preview(uri: str, endpoint_url: str | None) -> Preview:
    """Count objects and bytes; stops at 10,000 objects.

    Raises:
        StorageError: S3 does not answer, or the bucket may not be listed.
    """
    files = size_bytes = 0
    names: list[str] = []
    complete = True
    for _, _, key, name, size in _objects(uri, endpoint_url):
        if files >= _PREVIEW_OBJECTS:
            complete = False
            break
        files += 1
        size_bytes += size
        if len(names) < _FIRST_NAMES:
            names.append(name or key.rpartition("/")[2])
    return Preview(files=files, bytes=size_bytes, directories=0, first_names=names, complete=complete)


def stage(uri: str, directory: Path, endpoint_url: str | None, limit_bytes: int) -> None:
    """Copy every object of a prefix below `directory`.

    Raises:
        LimitExceededError: the prefix holds more than `limit_bytes`; what was copied is left.
        SourceNotFoundError: the prefix holds nothing.
        StorageError: S3 does not answer, or an object could not be read.
    """
    total = count = 0
    for connection, bucket, key, name, size in _objects(uri, endpoint_url):
        total += size
        count += 1
        if total > limit_bytes:
            raise errors.LimitExceededError(
                f"{uri} holds more than {limit_bytes:,} bytes", remedy="Raise PRAVAH_S3_SOURCE_LIMIT_BYTES."
            )
        target = directory / _inside(name or key.rpartition("/")[2])
        target.parent.mkdir(parents=True, exist_ok=True)
        with translated(f"s3://{bucket}/{key}"):
            connection.download_file(bucket, key, str(target))
    if count == 0:
        raise errors.SourceNotFoundError(f"{uri} holds no object", remedy="Check bucket and prefix.")


def _inside(name: str) -> str:
    # A key is free text: parts that would lead elsewhere are kept as visible names.
    parts = [part.replace("..", "__") if part in {"..", "."} else part for part in name.split("/") if part]
    with contextlib.suppress(IndexError):
        return "/".join(part if part != "." else "_" for part in parts)
    return "_"
