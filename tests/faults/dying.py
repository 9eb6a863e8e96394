"""A worker that dies or falls asleep at a point of its own: the entry of a process, never part of the product.

``python -m tests.faults.dying kill@7`` is a ``pravah serve worker`` that kills itself as ``kill -9`` does, at the
seventh point where something becomes lasting or is said to be. With ``stop@7`` it stops as ``kill -STOP`` does, and
with ``jump-3600@7`` its clocks go back by an hour. It says so, whenever the database refuses it a job, and at its end
how many points it has come to. Points are before and after each transaction's commit, each stored file, each rename
and each removal.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from services import bootstrap
from services.base import settings
from services.db import job_rows
from services.db.database import Database, Session
from services.storage.local import LocalStorage

_lock = threading.Lock()
_passed = 0
_action, _, _place = (sys.argv[1] if len(sys.argv) > 1 else "count@0").partition("@")
_skew_seconds = 0.0


def point(name: str) -> None:
    """Come to a point."""
    global _passed, _skew_seconds
    with _lock:
        _passed += 1
        if _passed != int(_place):
            return
    print(f"{_action} {name}", flush=True)
    if _action.startswith("jump"):
        _skew_seconds = float(_action.removeprefix("jump"))
    else:
        os.kill(os.getpid(), signal.SIGKILL if _action == "kill" else signal.SIGSTOP)


def around(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a call with a point before and one after it."""

    def called(*given: Any, **named: Any) -> Any:
        point(f"before {name}")
        result = call(*given, **named)
        point(f"after {name}")
        return result

    return called


def telling(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a call that says when the database knows this worker as a job's holder no more."""

    def called(*given: Any, **named: Any) -> Any:
        result = call(*given, **named)
        if result is None or result is job_rows.Hold.LOST:
            print(f"refused {name}", flush=True)
        return result

    return called


def install() -> None:
    """Put the points in."""
    for name in ("heartbeat", "look", "held_row"):
        setattr(job_rows, name, telling(getattr(job_rows, name), name))
    for name in ("time", "monotonic"):
        setattr(time, name, _skewed(getattr(time, name)))
    inner = Database.transaction

    @contextlib.contextmanager
    def transaction(self: Database) -> Iterator[Session]:
        with inner(self) as session:
            yield session
            point("before commit")
        point("after commit")

    Database.transaction = transaction  # type: ignore[method-assign]
    LocalStorage.put = around(LocalStorage.put, "storing")  # type: ignore[method-assign]
    LocalStorage.delete = around(LocalStorage.delete, "deleting")  # type: ignore[method-assign]
    os.replace = around(os.replace, "rename")
    shutil.rmtree = around(shutil.rmtree, "removal")  # type: ignore[assignment]


def _skewed(clock: Callable[[], float]) -> Callable[[], float]:
    return lambda: clock() + _skew_seconds


def main() -> None:
    """Run jobs until stdin ends."""
    with bootstrap.open_services(settings.load_settings()) as services:
        install()
        services.start_worker()
        print("started", flush=True)
        sys.stdin.read()
    print(f"points {_passed}", flush=True)


if __name__ == "__main__":
    main()
