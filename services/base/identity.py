"""Which process holds a job, so that a restart on the same machine knows at once that it died.

Elsewhere, and without ``/proc``, only the lease tells.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path


@functools.cache
def _place() -> str | None:
    """Return the boot and the PID namespace: where a process number means the same."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def own() -> str | None:
    """Return this process's identity; ``None`` without ``/proc``."""
    return of(os.getpid())


def of(pid: int) -> str | None:
    """Return a process's identity: boot, PID namespace, number and start time; ``None`` without ``/proc``."""
    place, started = _place(), _started(pid)
    return f"{place} {pid} {started}" if place and started else None


def is_gone(identity: str | None) -> bool:
    """Return True when the process certainly does not run any more."""
    place, _, process = (identity or "").rpartition(" ")[0].rpartition(" ")
    if not process.isdigit() or place != _place():
        return False
    pid = int(process)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is another user's
    started = _started(pid)
    return started is not None and started != (identity or "").rpartition(" ")[2]


def _started(pid: int) -> str | None:
    """Return when a process started, in clock ticks since boot; ``dead`` for a zombie; ``None`` if hidden."""
    try:
        # proc_pid_stat(5): the name in parentheses may hold anything; the state follows, the start is field 22.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return "dead" if fields[0] in {"Z", "X"} else fields[19]
