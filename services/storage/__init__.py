"""Where results are kept: one protocol, the local file system and S3."""

from services.storage.base import Entry, Storage, open_storage

__all__ = ["Entry", "Storage", "open_storage"]
