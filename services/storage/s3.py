"""Results in S3. Credentials come from boto3's own chain, never from us."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import boto3.exceptions
import botocore.config
import botocore.exceptions
import botocore.handlers
import botocore.parsers
from boto3.s3.transfer import TransferConfig

from services.base import errors
from services.storage.base import CHUNK_BYTES, Entry, check_key, check_prefix

log = logging.getLogger(__name__)

_PART_BYTES = 8 << 20
_RESUMES = 3
_MISSING = {"NoSuchKey", "404", "NotFound"}
_SERVER_ERROR = 500
_BUSY = {408, 429}
_ROAD = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.parsers.ResponseParserError,
    KeyError,
)


def client(endpoint_url: str | None, session: boto3.session.Session | None = None) -> Any:
    """Return an S3 client: some retries, bounded waits."""
    config = botocore.config.Config(
        # With waits of at most 1, 2 and 4 s in between: a server that is gone is told of within seconds.
        retries={"total_max_attempts": 4, "mode": "standard"},
        connect_timeout=3,
        read_timeout=30,
        max_pool_connections=32,
        s3={"addressing_style": "path"} if endpoint_url else {},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    # A session of its own: boto3's default one is not safe between threads.
    made = (session or boto3.session.Session()).client("s3", endpoint_url=endpoint_url, config=config)
    # Not asked whether a body may be sent: botocore reads the answer to that for ever when it is cut off in its middle.
    made.meta.events.unregister("before-call.s3", botocore.handlers.add_expect_header)
    return made


@dataclass(frozen=True)
class Access:
    """What the engine's client of S3 is told: where the server is, and who asks. Found by boto3's chains.

    Attributes:
        endpoint: URL of the server.
        region: requests are signed for.
        found: what renews itself; ``None`` where the chain holds nothing, and requests are not signed.
    """

    endpoint: str
    region: str
    found: Any = field(repr=False)

    def keys(self) -> bytes | None:
        """Return the credentials of this moment as the engine takes them, for memory only.

        Raises:
            StorageError: they have ended and cannot be renewed.
        """
        if self.found is None:
            return None
        with translated("credentials for S3"):
            now = self.found.get_frozen_credentials()
        return json.dumps({"key_id": now.access_key, "secret_key": now.secret_key, "token": now.token}).encode()


def access(endpoint_url: str | None) -> Access:
    """Ask the chains of settings and credentials.

    Raises:
        StorageError: a profile or endpoint is unusable.
    """
    with translated("S3"):
        session = boto3.session.Session()
        meta = client(endpoint_url, session).meta
        found = session.get_credentials()
    # Where no region is named, botocore has a word for it that is none.
    region = meta.region_name if meta.region_name not in {None, "aws-global"} else "us-east-1"
    return Access(meta.endpoint_url, region, found)


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn boto3's errors into ours; messages carry no credentials."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise errors.ArtifactNotFoundError(f"{what}: not found") from None
        raise _storage_error(f"{what}: {code}", error) from error
    except errors.PravahError:
        raise
    # Of an answer that is cut off botocore tells by an error without a base of its own, or it lacks what we ask for.
    except (
        botocore.exceptions.BotoCoreError,
        boto3.exceptions.Boto3Error,
        botocore.parsers.ResponseParserError,
        KeyError,
        ValueError,
    ) as error:
        reason = f"the response lacks {error}" if isinstance(error, KeyError) else str(error)
        raise _storage_error(f"{what}: {reason}", error) from error


def _storage_error(message: str, error: BaseException) -> errors.StorageError:
    failure = errors.StorageError(message)
    # boto3 makes an error without a code of what a request for a part was told.
    cause = error.__context__ if isinstance(error, boto3.exceptions.S3UploadFailedError) else error
    if isinstance(cause, botocore.exceptions.ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        failure.is_passing = status >= _SERVER_ERROR or status in _BUSY or _is_no_upload(cause) or _is_no_part(cause)
    else:
        failure.is_passing = isinstance(cause, _ROAD)
    return failure


def _is_no_upload(error: botocore.exceptions.ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in {"NoSuchUpload", *_MISSING}


def _is_no_part(error: botocore.exceptions.ClientError) -> bool:
    # An answer that breaks off in its ETag looks whole to the client, which then names a part that there is not.
    return error.response.get("Error", {}).get("Code") == "InvalidPart"


def _with(answer: Any, member: str) -> Any:
    """Return an answer that has a member which each whole one has.

    Of an answer that breaks off in its head botocore makes one without members: an empty list, an empty object.
    """
    if member not in answer:
        raise KeyError(member)
    return answer


class _BehindTheEndError(Exception):
    """A range begins behind the object's end."""


class S3Storage:
    """Objects below a prefix of a bucket."""

    def __init__(self, bucket: str, prefix: str, endpoint_url: str | None) -> None:
        """Keep the names; nothing is contacted yet."""
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        with self._translated(""):
            self._client = client(endpoint_url)
        # Multipart above one part; boto3 aborts the upload when a part fails for good.
        self._transfer = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES)

    def _key(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _translated(self, what: str) -> contextlib.AbstractContextManager[None]:
        return translated(f"s3://{self._bucket}/{self._prefix}{what}")

    def put(self, key: str, path: Path) -> None:
        """Upload, in parts where it is large; an object appears only when it is whole."""
        try:
            with self._translated(key):
                self._client.upload_file(str(path), self._bucket, self._key(key), Config=self._transfer)
            if path.stat().st_size >= _PART_BYTES:
                self._drop_forgotten(key)
        except OSError as error:
            if isinstance(error, errors.PravahError):
                raise
            raise errors.StorageError(f"cannot read {path.name} to store it: {error.strerror}") from error

    def _drop_forgotten(self, key: str) -> None:
        """Abort what is unfinished of an object that is stored.

        An upload whose beginning was not answered is begun again: the first one has a name that nobody knows.
        """
        try:
            self._drop_unfinished(key)
        except errors.StorageError as error:
            if error.is_passing:
                raise
            log.warning("unfinished uploads of %s may remain: %s", key, error)  # may not be listed, say

    def _drop_unfinished(self, prefix: str) -> None:
        for entry in self.unfinished(prefix):
            self.drop(entry)

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Ask for the range and stream it; a stream that breaks is taken up again where it broke."""
        if end is not None and end <= start:
            return iter(())
        try:
            body = self._body(key, start, end)
        except _BehindTheEndError:
            return iter(())
        return self._chunks(body, key, start, end)

    def _body(self, key: str, start: int, end: int | None) -> Any:
        wanted = {} if start == 0 and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        with self._translated(key):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(key), **wanted)
                return _with(answer, "ContentLength")["Body"]
            except botocore.exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") in {"InvalidRange", "416"}:
                    raise _BehindTheEndError from None
                raise

    def _chunks(self, body: Any, key: str, start: int, end: int | None) -> Iterator[bytes]:
        for attempt in range(_RESUMES + 1):
            try:
                with self._translated(key), contextlib.closing(body):
                    for chunk in body.iter_chunks(CHUNK_BYTES):
                        start += len(chunk)
                        yield chunk
                return
            except errors.StorageError:
                if attempt == _RESUMES:
                    raise
                log.warning(
                    "s3://%s/%s%s broke off at byte %d and is taken up again", self._bucket, self._prefix, key, start
                )
                body = self._body(key, start, end)

    def size(self, key: str) -> int:
        """Ask for the object's head."""
        with self._translated(key):
            return int(self._client.head_object(Bucket=self._bucket, Key=self._key(key))["ContentLength"])

    def list(self, prefix: str) -> list[str]:
        """List all pages."""
        check_prefix(prefix)
        entries = self._pages("list_objects_v2", "Contents", prefix)
        return sorted(str(entry["Key"]).removeprefix(self._prefix) for entry in entries)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """List page by page."""
        check_prefix(prefix)
        for entry in self._pages("list_objects_v2", "Contents", prefix):
            key = str(entry["Key"]).removeprefix(self._prefix)
            yield Entry(key, int(entry["Size"]), entry["LastModified"].timestamp())

    def unfinished(self, prefix: str) -> Iterator[Entry]:
        """Find multipart uploads: no list of objects shows them, but their parts take space."""
        check_prefix(prefix)
        for upload in self._pages("list_multipart_uploads", "Uploads", prefix):
            key, name = str(upload["Key"]), str(upload["UploadId"])
            with self._translated(prefix):
                parts = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=name)
                try:
                    size_bytes = sum(int(part["Size"]) for page in parts for part in page.get("Parts", []))
                except botocore.exceptions.ClientError as error:
                    if _is_no_upload(error):
                        continue  # it has ended meanwhile
                    raise
            started = upload["Initiated"].timestamp()
            yield Entry(key.removeprefix(self._prefix), size_bytes, started, name)

    def drop(self, entry: Entry) -> None:
        """Abort the upload."""
        with self._translated(entry.key):
            try:
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._key(entry.key), UploadId=entry.upload
                )
            except botocore.exceptions.ClientError as error:
                if not _is_no_upload(error):
                    raise

    def _pages(self, call: str, member: str, prefix: str) -> Iterator[Any]:
        with self._translated(prefix):
            pages = self._client.get_paginator(call).paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
            for page in pages:
                yield from _with(page, "IsTruncated").get(member, [])

    def delete(self, prefix: str) -> None:
        """Delete in batches of 1,000, the most a request takes; uploads that were never finished as well."""
        if not prefix:
            raise errors.ArtifactNotFoundError("an empty prefix would delete everything")
        keys = [{"Key": self._prefix + key} for key in self.list(prefix)]
        for first in range(0, len(keys), 1000):
            with self._translated(prefix):
                batch = {"Objects": keys[first : first + 1000], "Quiet": True}
                failed = self._client.delete_objects(Bucket=self._bucket, Delete=batch).get("Errors")
            if failed:
                raise errors.StorageError(f"cannot delete {failed[0]['Key']}: {failed[0].get('Message')}")
        self._drop_unfinished(prefix)

    def local_path(self, key: str) -> Path | None:
        """There is none."""
        return None

    def check(self) -> str:
        """Ask for one key."""
        with self._translated(""):
            _with(self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1), "IsTruncated")
        return f"s3://{self._bucket}/{self._prefix}"
