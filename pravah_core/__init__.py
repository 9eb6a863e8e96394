"""The engine's Python package: the names of the native module, documented in ``_native.pyi``."""

from pravah_core._native import (
    CancelledError,
    EngineError,
    InternalError,
    InvalidOptionsError,
    Issue,
    JobHandle,
    LimitExceededError,
    OutputError,
    Progress,
    Shard,
    SourceForbiddenError,
    SourceNotFoundError,
    check,
    engine_version,
    preview,
    start,
)

__all__ = [
    "CancelledError",
    "EngineError",
    "InternalError",
    "InvalidOptionsError",
    "Issue",
    "JobHandle",
    "LimitExceededError",
    "OutputError",
    "Progress",
    "Shard",
    "SourceForbiddenError",
    "SourceNotFoundError",
    "check",
    "engine_version",
    "preview",
    "start",
]
