"""The installed version."""

from __future__ import annotations


def installed() -> str:
    """Return the installed version."""
    import importlib.metadata

    try:
        return importlib.metadata.version("pravah")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
