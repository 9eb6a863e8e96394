"""Where results are kept: one protocol, the local file system and S3."""

from services.storage.base import Storage, open_storage

__all__ = ["Storage", "open_storage"]
