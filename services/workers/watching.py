"""Waits for the engine, writes its progress, and stops it if the lease is lost or the disk is full."""

from __future__ import annotations

import time
from collections.abc import Callable

from services import engine
from services.base import disk, errors, settings
from services.workers.lease import Lease

# At 2 GB/s a job writes 100 MB in between, less than the default floor under free disk space.
_DISK_SECONDS = 0.05
REPORT_SECONDS = 0.25
SPLIT_SECONDS = 1.0
"""How often a split is told of and asked about: a job has hundreds, and four times as often takes 5 % of two cores."""


def outcome(
    handle: engine.Handle,
    config: settings.Settings,
    lease: Lease,
    report: Callable[[], None],
    report_seconds: float = REPORT_SECONDS,
) -> bytes:
    """Wait for the engine's end and return the outcome as JSON.

    Args:
        report: called once in so many seconds.

    Raises:
        LimitExceededError: it was stopped before the disk is full.
        PravahError: what ended the job.
    """
    short: errors.PravahError | None = None
    report_at = time.monotonic() + report_seconds
    while not handle.wait(_DISK_SECONDS):
        short = short or _shortage(config)
        if lease.is_over or short is not None:
            handle.cancel()
        elif time.monotonic() >= report_at:
            handle.renew()
            report()
            report_at = time.monotonic() + report_seconds
    try:
        return handle.result()
    except errors.CancelledError:
        if short is None or lease.is_over:
            raise
        raise short from None


def _shortage(config: settings.Settings) -> errors.PravahError | None:
    try:
        disk.check(config)
    except errors.PravahError as error:
        return error
    return None
