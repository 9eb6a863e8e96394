"""Where results are stored: one protocol, the local file system and S3."""

from __future__ import annotations

from services.base import settings
from services.storage.base import Entry, Storage

__all__ = ["Entry", "Storage", "open_storage"]


def open_storage(config: settings.Settings) -> Storage:
    """Return the storage of the settings."""
    if config.storage == "local":
        from services.storage.local import LocalStorage

        return LocalStorage(config.data_dir / "results")
    # boto3 takes half a second to import.
    from services.storage.s3 import S3Storage

    bucket, _, prefix = config.storage.removeprefix("s3://").partition("/")
    return S3Storage(bucket, prefix.strip("/"), config.s3_endpoint_url)
