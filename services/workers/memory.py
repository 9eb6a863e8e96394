"""A limit on the memory of one process: a cgroup (v2) where one can be made, else a resource limit."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
from pathlib import Path

log = logging.getLogger(__name__)

_MOUNT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_SHARE = 2
"""By default a job may use this fraction of the memory: the server, PostgreSQL and other jobs need the rest."""

_NEAR = 0.75
"""Of the limit: a process that crashes with more than that was short of memory. It grows between two looks, too."""

ENVIRONMENT = {"MIMALLOC_ARENA_EAGER_COMMIT": "0", "MIMALLOC_SHOW_ERRORS": "1", "RUST_BACKTRACE": "0"}
"""The engine's allocator reserves a GiB at its start: `RLIMIT_DATA` must count only what is used of it. It says when it
gets no more memory; what needs that may crash without a word. A backtrace takes memory, when there is none."""


def default_bytes() -> int:
    """Return half of the memory of this machine, or of its container."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):
        found = min(found, int((_MOUNT / "memory.max").read_text()))
    return found // _SHARE


class Limit:
    """Holds for a process until it is closed."""

    def __init__(self, pid: int, size_bytes: int) -> None:
        """Limit a process that has just started."""
        self._pid = pid
        self._near_bytes = size_bytes * _NEAR
        self._is_near = False
        self._group = _made_group(pid, size_bytes)
        # Not on macOS, which does not enforce it anyway.
        if self._group is None and hasattr(resource, "prlimit"):
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(pid, resource.RLIMIT_DATA, (size_bytes, size_bytes))

    def look(self) -> None:
        """Look how much memory the process has; call it often until the process ends.

        A resource limit only refuses memory, and not every library says so before it crashes.
        """
        if self._group is None:
            with contextlib.suppress(OSError, IndexError, ValueError):
                # proc_pid_statm(5): writable memory is the sixth number, in pages. There is none of a dead process.
                pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[5])
                self._is_near = self._is_near or pages * os.sysconf("SC_PAGE_SIZE") >= self._near_bytes

    @property
    def is_reached(self) -> bool:
        """True if the kernel killed the process for its memory, or if it came close to what it may have."""
        if self._group is None:
            return self._is_near
        with contextlib.suppress(OSError, ValueError):
            events = dict(line.split() for line in (self._group / "memory.events").read_text().splitlines())
            return int(events.get("oom_kill", 0)) > 0
        return False

    def close(self) -> None:
        """Remove the cgroup; the process has ended."""
        if self._group is not None:
            with contextlib.suppress(OSError):
                self._group.rmdir()


def _made_group(pid: int, size_bytes: int) -> Path | None:
    parent = _parent()
    if parent is None:
        return None
    group = parent / f"pravah-job-{pid}"
    try:
        group.mkdir()
        (group / "memory.max").write_text(str(size_bytes))
        with contextlib.suppress(OSError):  # not there where swap is not counted
            (group / "memory.swap.max").write_text("0")
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        log.debug("no cgroup for process %d: %s", pid, error)
        with contextlib.suppress(OSError):
            group.rmdir()
        return None
    return group


def _parent() -> Path | None:
    """Return a cgroup below which this process may make others with a limit: its own, or one that systemd delegated."""
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        return None
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
    if own is None or not (_MOUNT / "cgroup.controllers").exists():
        return None
    here = _MOUNT / own.lstrip("/")
    return next((place for place in (here, here.parent) if _has_memory(place, is_own=place == here)), None)


def _has_memory(place: Path, *, is_own: bool) -> bool:
    """Return whether the children of a cgroup have the memory controller, after an attempt to give it to them."""
    try:
        if not is_own and os.getxattr(place, "user.delegate") != b"1":
            return False
        control = place / "cgroup.subtree_control"
        if "memory" not in control.read_text().split():
            # The kernel refuses this where the cgroup has processes of its own.
            control.write_text("+memory")
        return os.access(place, os.W_OK)
    except OSError:
        return False
