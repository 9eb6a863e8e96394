"""Results in S3. Credentials come from boto3's own chain, never from us."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import boto3.exceptions
import botocore.config
import botocore.exceptions
from boto3.s3.transfer import TransferConfig

from services import errors
from services.storage.base import CHUNK_BYTES, check_key

_PART_BYTES = 8 << 20
_MISSING = {"NoSuchKey", "404", "NotFound"}


def client(endpoint_url: str | None) -> Any:
    """Return an S3 client: adaptive retries, bounded waits."""
    config = botocore.config.Config(
        retries={"max_attempts": 5, "mode": "adaptive"},
        connect_timeout=5,
        read_timeout=60,
        s3={"addressing_style": "path"} if endpoint_url else {},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=endpoint_url, config=config)


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn boto3's errors into ours; messages carry no credentials."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise errors.ArtifactNotFoundError(f"{what}: not found") from None
        raise errors.StorageError(f"{what}: {code}") from error
    except (botocore.exceptions.BotoCoreError, boto3.exceptions.Boto3Error) as error:
        raise errors.StorageError(f"{what}: {error}") from error


class S3Storage:
    """Objects below a prefix of a bucket."""

    def __init__(self, bucket: str, prefix: str, endpoint_url: str | None) -> None:
        """Keep the names; nothing is contacted yet."""
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = client(endpoint_url)
        # Multipart above one part; boto3 aborts the upload when a part fails for good.
        self._transfer = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES)

    def _key(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _translated(self, what: str) -> contextlib.AbstractContextManager[None]:
        return translated(f"s3://{self._bucket}/{self._prefix}{what}")

    def put(self, key: str, path: Path) -> None:
        """Upload, in parts where it is large; an object appears only when it is whole."""
        with self._translated(key):
            self._client.upload_file(str(path), self._bucket, self._key(key), Config=self._transfer)

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Ask for the range and stream it."""
        if end is not None and end <= start:
            return iter(())
        wanted = {} if start == 0 and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        with self._translated(key):
            body = self._client.get_object(Bucket=self._bucket, Key=self._key(key), **wanted)["Body"]

        def chunks() -> Iterator[bytes]:
            with self._translated(key), contextlib.closing(body):
                yield from body.iter_chunks(CHUNK_BYTES)

        return chunks()

    def size(self, key: str) -> int:
        """Ask for the object's head."""
        with self._translated(key):
            return int(self._client.head_object(Bucket=self._bucket, Key=self._key(key))["ContentLength"])

    def list(self, prefix: str) -> list[str]:
        """List all pages."""
        with self._translated(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return sorted(key.removeprefix(self._prefix) for key in keys)

    def delete(self, prefix: str) -> None:
        """Delete in batches of 1,000, the most a request takes."""
        keys = [{"Key": self._prefix + key} for key in self.list(prefix)]
        for first in range(0, len(keys), 1000):
            with self._translated(prefix):
                batch = {"Objects": keys[first : first + 1000], "Quiet": True}
                failed = self._client.delete_objects(Bucket=self._bucket, Delete=batch).get("Errors")
            if failed:
                raise errors.StorageError(f"cannot delete {failed[0]['Key']}: {failed[0].get('Message')}")

    def local_path(self, key: str) -> Path | None:
        """There is none."""
        return None

    def check(self) -> str:
        """Ask for one key."""
        with self._translated(""):
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        return f"s3://{self._bucket}/{self._prefix}"
